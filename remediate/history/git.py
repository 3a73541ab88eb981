"""git children, run so that nothing of the user's or the repository's own can steer them.

Hooks, filters, fsmonitor, aliases, replace refs, grafts and lazy fetches are off; the caller's ``GIT_*``
variables are scrubbed. Only fetch and push (`remediate.history.publish`) keep the user's credential
helpers, agent, askpass and proxy.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from remediate.errors import GitError

#: Settings that switch off whatever a repository could run, and whatever git might do unasked.
_SAFE = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.pager", "cat"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("fetch.writeCommitGraph", "false"),
    ("advice.detachedHead", "false"),
    ("submodule.recurse", "false"),
    # A repository owned by another user is opened on purpose: the path was given to us.
    ("safe.directory", "*"),
    ("protocol.ext.allow", "never"),
    ("core.alternateRefsCommand", "true"),
)


def sealed_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a git child: the caller's without its ``GIT_*``, and ours on top."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_EDITOR": "false",
        "LC_ALL": "C",
    }
    return environment | dict(extra or {})


def command(directory: Path, *arguments: str) -> list[str]:
    """The argv of a sealed git in *directory* (a git directory or a work tree)."""
    settings = [part for key, value in _SAFE for part in ("-c", f"{key}={value}")]
    return ["git", *settings, "-C", str(directory), *arguments]


def run(
    directory: Path,
    *arguments: str,
    stdin: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    accept: Iterable[int] = (0,),
    inherit: Sequence[int] = (),
) -> bytes:
    """Run git to its end and give its standard output.

    The child keeps the file descriptors in *inherit* open. Raises `GitError` for an exit code not in
    *accept*, with git's last words.
    """
    try:
        done = subprocess.run(
            command(directory, *arguments),
            input=stdin if stdin is not None else b"",
            capture_output=True,
            env=sealed_environment(environment),
            pass_fds=inherit,
            check=False,
        )
    except FileNotFoundError:
        raise GitError(
            "git is not installed, or not on PATH.", hint="Install git 2.39 or newer."
        ) from None
    if done.returncode not in tuple(accept):
        raise failed(arguments, done.returncode, done.stderr)
    return done.stdout


def text(directory: Path, *arguments: str) -> str:
    """Like `run`, as text without the last newline."""
    return run(directory, *arguments).decode("utf-8", "surrogateescape").rstrip("\n")


def start(
    directory: Path,
    *arguments: str,
    stdin: int | IO[bytes] | None = subprocess.PIPE,
    stdout: int | IO[bytes] | None = subprocess.PIPE,
    stderr: int | IO[bytes] | None = subprocess.DEVNULL,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """A git child with pipes on its standard input and output; the caller ends it."""
    return subprocess.Popen(
        command(directory, *arguments),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=sealed_environment(environment),
    )


def failed(arguments: Sequence[str], code: int, stderr: bytes) -> GitError:
    """The error for a git child that failed. git's words may name paths, never file contents."""
    last = stderr.decode("utf-8", "replace").strip().splitlines()[-3:]
    while tuple(arguments[:1]) == ("-c",):
        arguments = arguments[2:]
    error = GitError(
        f"git {arguments[0]} failed with {code}: {' / '.join(last) or 'no message'}",
        hint="Nothing is lost. Mend what git names, then: remediate resume",
    )
    error.killed = code < 0
    return error
