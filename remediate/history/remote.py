"""Talking to a git remote as the user would: with their helpers, agent, askpass and proxy.

The one place where git is not sealed off from its user. An address may hold a token, so it is never
on a command line, in the environment, or shown with its user info.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from remediate.errors import RemoteError, RepositoryError
from remediate.history import git
from remediate.history.durable import create
from remediate.history.model import (
    Needle,
    Progress,
    Scope,
    Verdict,
    no_progress,
)
from remediate.history.repo import Repo, open_repo
from remediate.passing import passing_folder
from remediate.secret import Secret
from remediate.wording import count

#: What of the caller's ``GIT_*`` variables says how to reach a remote; all others are scrubbed, most
#: of all GIT_TRACE*, which write passwords to files.
_KEPT = re.compile(
    r"GIT_(SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|SSL_\w+|PROXY_\w+|HTTP_PROXY_AUTHMETHOD|HTTP_USER_AGENT"
    r"|HTTP_LOW_SPEED_\w+|ALLOW_PROTOCOL|PROTOCOL_FROM_USER|CONFIG_GLOBAL|CONFIG_SYSTEM"
    r"|CONFIG_NOSYSTEM|CONFIG_COUNT|CONFIG_KEY_\d+|CONFIG_VALUE_\d+|CONFIG_PARAMETERS)"
)

_SETTINGS = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("core.alternateRefsCommand", "true"),
    ("safe.directory", "*"),
    # An address that is a command is no address, whatever a repository's own settings allow.
    ("protocol.ext.allow", "never"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
)

#: Settings of a clone that say how to reach its remotes; another repository that talks to the same
#: remote needs them too.
_REACHING = re.compile(
    r"(credential|http|https|url|ssh|protocol|gitproxy)\.|core\.(sshcommand|gitproxy|askpass)$"
)


class Cause(StrEnum):
    """Why a remote did not do what was asked."""

    PROTECTED = "protected"
    PUSH_PROTECTION = "push-protection"
    HOOK = "hook"
    STALE = "stale"
    HIDDEN = "hidden"
    PERMISSION = "permission"
    UNREACHABLE = "unreachable"
    SIZE = "size"
    CHECKED_OUT = "checked-out"
    TOGETHER = "together"
    OTHER = "other"


#: What each cause means, in one sentence for people.
MEANS: Mapping[Cause, str] = {
    Cause.PROTECTED: "A protection rule of the host forbids a forced push.",
    Cause.PUSH_PROTECTION: "The host found another secret in what was pushed.",
    Cause.HOOK: "A hook on the server refused it.",
    Cause.STALE: "Somebody pushed there meanwhile.",
    Cause.HIDDEN: "The host keeps this ref to itself; only its support can change it.",
    Cause.PERMISSION: "This user may not push there.",
    Cause.UNREACHABLE: "The server could not be reached.",
    Cause.SIZE: "The server does not take a push of that size.",
    Cause.CHECKED_OUT: "The branch is checked out on the server, and it guards that.",
    Cause.TOGETHER: "All refs go together, and another one was refused.",
    Cause.OTHER: "The server refused it.",
}

#: What to do about it, for people; nothing for what needs a host's support or is one of many.
NEXT: Mapping[Cause, str] = {
    Cause.PROTECTED: "Allow forced pushes to it for a moment (the host's settings), then: remediate resume",
    Cause.PUSH_PROTECTION: "Look at the host's message (git push), treat that secret too: remediate run "
    "REPORT with both; or have the host let it pass. Then: remediate resume",
    Cause.HOOK: "See what the hook wants: git push, or the server's administrator. Then: remediate resume",
    Cause.STALE: "git fetch, then: remediate resume (their commits are rewritten too)",
    Cause.PERMISSION: "Have somebody push who may, or get the right. Then: remediate resume",
    Cause.SIZE: "Have the limit or quota raised for one push. Then: remediate resume",
    Cause.CHECKED_OUT: "Check out another branch there, or detach it. Then: remediate resume",
}

#: Patterns over what git and servers say (LC_ALL=C), most telling first. Sources: git's
#: send-pack.c, receive-pack.c and remote-curl.c; GitHub's GHnnn codes
#: (https://docs.github.com/en/get-started/using-git/troubleshooting-the-2-gb-push-limit,
#: https://docs.github.com/en/code-security/secret-scanning/working-with-secret-scanning-and-push-protection);
#: GitLab's lib/gitlab/git_access.rb.
_SAYS: Sequence[tuple[Cause, str]] = (
    (
        Cause.PUSH_PROTECTION,
        r"GH009|GITHUB PUSH PROTECTION|push cannot contain secrets|Push Protection",
    ),
    (Cause.PROTECTED, r"GH006|GH013|protected branch|protected tag|repository rule violations"),
    (Cause.PROTECTED, r"not allowed to force push"),
    (Cause.HIDDEN, r"hidden ref"),
    (Cause.STALE, r"stale info|but expected|fetch first|failed to (update|lock) ref"),
    (
        Cause.SIZE,
        r"GH001|quota|No space left|exceeds (GitHub's )?(file|maximum|the maximum) |pack exceeds|HTTP 413|error: 413",
    ),
    (Cause.CHECKED_OUT, r"branch is currently checked out|denyCurrentBranch"),
    (
        Cause.PERMISSION,
        r"Permission( to \S+)? denied|denied to|Authentication failed|error: 40[13]",
    ),
    (
        Cause.PERMISSION,
        r"could not read (Username|Password)|not allowed to push|insufficient permission",
    ),
    (
        Cause.PERMISSION,
        r"Repository not found|error: 404|Host key verification failed|access denied",
    ),
    (Cause.PERMISSION, r"refusing to allow"),
    (Cause.TOGETHER, r"atomic (push|transaction) fail"),
    (Cause.HOOK, r"hook declined|denyNonFastForwards|non-fast-forward|deletion prohibited"),
    (
        Cause.UNREACHABLE,
        r"Could not (resolve|connect)|unable to (access|connect|look up)|timed out",
    ),
    (Cause.UNREACHABLE, r"Connection (refused|reset|closed)|No route to host|unreachable|hung up"),
    (
        Cause.UNREACHABLE,
        r"does not appear to be a git repository|Could not read from remote|early EOF",
    ),
)


def cause_of(words: str) -> Cause:
    """Why a remote refused, from what git and the server said."""
    return next(
        (cause for cause, pattern in _SAYS if re.search(pattern, words, re.IGNORECASE)), Cause.OTHER
    )


def addresses(repo: Repo) -> list[str]:
    """The addresses of the clone's remotes as they were given, each once, without user info."""
    raw = git.run(repo.git_dir, "config", "--get-regexp", r"^remote\..*\.url$", accept=(0, 1))
    lines = raw.decode("utf-8", "surrogateescape").splitlines()
    return list(dict.fromkeys(shown(line.partition(" ")[2]) for line in lines))


def shown(address: str) -> str:
    """*address* as it may be shown: without user info and query."""
    bare = re.sub(r"(?<=://)[^/\s]*@", "", address)
    return re.sub(r"[?#]\S*", "", bare) if "://" in bare else bare


def address(repo: Repo, remote: str) -> Secret:
    """Where pushes to *remote* go. A `Secret`, for it may hold a token.

    Raises `RepositoryError` where there is no such remote, or more than one address.
    """
    done = run(place(repo), ["remote", "get-url", "--push", "--all", "--", remote])
    if done.returncode:
        raise RepositoryError(
            f"This clone has no remote named {remote}.",
            hint='git remote -v lists them; name one in remediate.toml: [publish] remote = "NAME"',
        )
    found = done.stdout.decode("utf-8", "surrogateescape").splitlines()
    if len(found) != 1:
        raise RepositoryError(
            f"Remote {remote} pushes to {count(len(found), 'address', 'addresses')}; each has refs of its own.",
            hint="Give each a remote of its own (git remote add), and publish to one after the other.",
        )
    if "://" not in found[0] and not re.match(r"[^/]+:", found[0]):
        # A path, and maybe a relative one: from where git would run.
        return Secret(str(place(repo) / found[0]))
    return Secret(found[0])


def place(repo: Repo) -> Path:
    """The folder in which a user would run git here."""
    return repo.work_tree or repo.common_dir


def run(
    directory: Path, arguments: Sequence[str], *, settings: Iterable[tuple[str, str]] = ()
) -> subprocess.CompletedProcess[bytes]:
    """Run git as the user would, but for hooks and for anything that asks at the terminal."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("GIT_") or _KEPT.fullmatch(key)
    }
    environment |= {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C",
    }
    flags = [part for k, v in (*_SETTINGS, *settings) for part in ("-c", f"{k}={v}")]
    return subprocess.run(
        ["git", *flags, "-C", str(directory), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment,
        # Away from the terminal: ssh asks there for passphrases, whoever is listening.
        start_new_session=True,
        check=False,
    )


def words(done: subprocess.CompletedProcess[bytes]) -> str:
    """What git said, for `cause_of`; never shown as it is, for it may hold anything."""
    return done.stderr.decode("utf-8", "replace")


def advertised(repo: Repo, remote: str) -> dict[str, str]:
    """Every ref that *remote* shows, by full name (HEAD too, where it has one).

    Raises `RemoteError` where it can't be reached.
    """
    with _reached(repo, address(repo, remote)) as (folder, name):
        return listed(folder, name, shown(address(repo, remote).reveal_text()))


def listed(directory: Path, remote: str, name: str) -> dict[str, str]:
    """Every ref that a remote of *directory* shows; *name* is its address as it may be shown."""
    done = run(directory, ["ls-remote", "--", remote])
    if done.returncode:
        raise unreachable(name, words(done))
    rows = (
        line.split("\t") for line in done.stdout.decode("utf-8", "surrogateescape").splitlines()
    )
    return {ref: oid for oid, ref in rows if not ref.endswith("^{}")}


def unreachable(name: str, said: str) -> RemoteError:
    """The error for a remote that gave no answer that can be used."""
    cause = cause_of(said)
    if cause is Cause.PERMISSION:
        return RemoteError(
            f"{name} does not let this user in. What is there is not known, and not clean until it is.",
            hint=f"Check the credentials with: git ls-remote {name} — then: remediate resume",
        )
    return RemoteError(
        f"{name} could not be reached. What is there is not known, and not clean until it is.",
        hint=f"Check with: git ls-remote {name} — then: remediate resume",
    )


class Verify(Protocol):
    """`remediate.history.verify.verify`, or what stands in for it."""

    def __call__(
        self, repo: Repo, needles: Sequence[Needle], *, progress: Progress = ...
    ) -> Verdict:
        """Look for *needles* everywhere in *repo*."""
        ...


def verify_remote(
    url: Secret | str,
    needles: Sequence[Needle],
    workdir: Path,
    verify: Verify,
    *,
    like: Repo | None = None,
    progress: Progress = no_progress,
) -> Verdict:
    """Look at a remote as a stranger would: everything that it advertises, cloned afresh, searched.

    The clone is made below *workdir* and gone afterwards. *like* is a clone whose settings say how to
    reach the remote. Raises `RemoteError` where it can't be reached: that is never "clean".
    """
    where = url if isinstance(url, Secret) else Secret(url)
    name = shown(where.reveal_text())
    progress("cloning the remote", 0, None)
    with scratch(workdir, where, like) as folder:
        there = listed(folder, "origin", name)
        if there:
            refspecs = ["+refs/*:refs/*"]
            if "HEAD" in there:
                # A detached HEAD is advertised too, and may be all that leads to a commit.
                refspecs.append("+HEAD:refs/remediate/HEAD")
            fetch_into(folder, refspecs, name)
        verdict = verify(open_repo(folder), needles, progress=progress)
    return replace(verdict, scope=Scope(remote_refs=True))


def fetch_into(folder: Path, refspecs: Sequence[str], name: str) -> None:
    """Fetch *refspecs* from the remote ``origin`` of *folder*; *name* is its address as it may be shown.

    Raises `RemoteError`.
    """
    done = run(
        folder,
        [
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"),
            *("--", "origin", *refspecs),
        ],
        # One pack, and objects as they are: whatever is wrong with them is the verifier's to say.
        settings=[("fetch.unpackLimit", "1"), ("transfer.fsckObjects", "false")],
    )
    if done.returncode:
        raise unreachable(name, words(done))


@contextlib.contextmanager
def scratch(workdir: Path, url: Secret, like: Repo | None) -> Iterator[Path]:
    """A bare, empty repository whose remote ``origin`` is *url*; gone afterwards.

    The folder's name is always the same, so that what a crash left there goes too.
    """
    folder = workdir / "remote.git"
    workdir.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    try:
        object_format = like.object_format if like is not None else "sha1"
        done = run(
            folder, ["init", "--quiet", "--bare", "--template=", f"--object-format={object_format}"]
        )
        if done.returncode:
            raise RepositoryError(
                f"No repository can be made in {folder}.", hint="Make room, then: remediate resume"
            )
        entries = [*_reaching(like), ("remote.origin.url", url.reveal_text())]
        _append(folder / "config", _config_text(entries))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _reached(repo: Repo, url: Secret) -> Iterator[tuple[Path, str]]:
    """A repository and the name of a remote in it that stands for *url*."""
    with passing_folder() as folder, scratch(folder, url, repo) as bare:
        yield bare, "origin"


def _reaching(like: Repo | None) -> list[tuple[str, str]]:
    if like is None:
        return []
    raw = like.git("config", "--local", "--includes", "--list", "-z")
    pairs = (entry.partition("\n") for entry in raw.decode("utf-8", "surrogateescape").split("\0"))
    # A key alone means true.
    return [(key, value if sep else "true") for key, sep, value in pairs if _REACHING.match(key)]


def _config_text(entries: Iterable[tuple[str, str]]) -> str:
    """*entries* as a config file holds them (git-config(1), "Syntax")."""
    lines = []
    for key, value in entries:
        section, _, rest = key.partition(".")
        subsection, dot, name = rest.rpartition(".")
        head = f'{section} "{_escaped(subsection)}"' if dot else section
        quoted = _escaped(value).replace("\n", "\\n").replace("\t", "\\t")
        lines.append(f'[{head}]\n\t{name} = "{quoted}"\n')
    return "".join(lines)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def configure(folder: Path, entries: Iterable[tuple[str, str]]) -> None:
    """Add *entries* to the settings of a `scratch` repository, where nobody else can read them."""
    _append(folder / "config", _config_text(entries))


def _append(config: Path, text: str) -> None:
    before = config.read_text("utf-8")
    with os.fdopen(create(config, 0o600), "w", encoding="utf-8", errors="surrogateescape") as out:
        out.write(before + text)
