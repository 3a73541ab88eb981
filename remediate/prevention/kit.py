"""All of it for one repository: hooks here, a hook for the server, patches; and out again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from remediate.errors import GitError, RepositoryError, UsageError
from remediate.history import git
from remediate.history.model import Rehearsal
from remediate.history.repo import Repo, open_repo
from remediate.prevention import framework, hooks, oldids, patches

_LARGEST = 1 << 20


@dataclass
class Done:
    """What was put in or taken out, for people and for scripts."""

    hooks: list[tuple[str, str]] = field(default_factory=list)
    """(path, what was done)."""
    patches: list[tuple[str, str]] = field(default_factory=list)
    """(patch file, what it proposes)."""
    notes: list[str] = field(default_factory=list)
    old_ids: int = 0


def put_in(
    repo: Repo, rehearsals: Sequence[Rehearsal], paths: Sequence[str], folder: Path, mark: str
) -> Done:
    """Hooks in this clone, and patches in *folder*.

    *paths*: where secrets stood. *mark*: a regular expression for what stands in their place.
    """
    done = Done()
    ids = oldids.of(rehearsals)
    where = hooks.folder(repo.git_dir)
    if ids:
        done.old_ids = oldids.add(repo.common_dir / hooks.FOLDER / oldids.NAME, ids)
        made = hooks.install(where, "reference-transaction")
        done.hooks.append((str(made.path), made.did))
    config = (repo.work_tree or repo.git_dir) / framework.FILE
    changed = framework.with_hook(config.read_text("utf-8")) if config.is_file() else None
    if changed is not None:
        config.write_text(changed, "utf-8")
        done.hooks.append((str(config), "installed"))
        done.notes.append(
            "The pre-commit framework runs it: pre-commit install, if you have not yet."
        )
    else:
        made = hooks.install(where, "pre-commit")
        done.hooks.append((str(made.path), made.did))
    if repo.work_tree is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, (what, text) in _proposed(repo, paths, ids, mark).items():
            (folder / name).write_text(text, "utf-8")
            done.patches.append((str(folder / name), what))
    return done


def put_into_server(server: Path, rehearsals: Sequence[Rehearsal]) -> Done:
    """The pre-receive hook of a bare repository on this machine. Raises `UsageError`."""
    there = _server(server)
    done = Done()
    ids = oldids.of(rehearsals)
    if not ids:
        raise UsageError(
            "No incident here has rewritten anything, so the server's hook would know no old commit.",
            hint="Run it where the history was cleaned.",
        )
    done.old_ids = oldids.add(there.common_dir / hooks.FOLDER / oldids.NAME, ids)
    (there.common_dir / hooks.FOLDER / oldids.NAME).chmod(0o644)
    made = hooks.install(hooks.folder(there.git_dir), "pre-receive")
    done.hooks.append((str(made.path), made.did))
    return done


def take_out(repo: Repo, folder: Path) -> Done:
    """Everything that `put_in` put into this clone; what is not ours stays."""
    done = Done()
    where = hooks.folder(repo.git_dir)
    for name in ("pre-commit", "reference-transaction"):
        gone = hooks.remove(where, name)
        if gone.did == "removed":
            done.hooks.append((str(gone.path), gone.did))
    config = (repo.work_tree or repo.git_dir) / framework.FILE
    if config.is_file():
        before = config.read_text("utf-8")
        after = framework.without_hook(before)
        if after != before:
            config.write_text(after, "utf-8")
            done.hooks.append((str(config), "removed"))
    shutil.rmtree(repo.common_dir / hooks.FOLDER, ignore_errors=True)
    if folder.is_dir():
        done.notes.append("A patch that you applied: git apply -R FILE takes it back. They are kept in "
                          f"{folder}.")  # fmt: skip
    return done


def take_out_of_server(server: Path) -> Done:
    """The server's hook and its list."""
    there = _server(server)
    done = Done()
    gone = hooks.remove(hooks.folder(there.git_dir), "pre-receive")
    done.hooks.append((str(gone.path), gone.did))
    shutil.rmtree(there.common_dir / hooks.FOLDER, ignore_errors=True)
    return done


def _server(path: Path) -> Repo:
    try:
        return open_repo(path)
    except RepositoryError:
        raise UsageError(
            f"{path} is no git repository of this machine, so no hook can be put there.",
            hint="Run it on the server. A host without hooks (GitHub, GitLab.com): apply the CI check's "
            "patch and make it required.",
        ) from None


def _proposed(
    repo: Repo, paths: Sequence[str], ids: set[str], mark: str
) -> dict[str, tuple[str, str]]:
    """Patch file's name to (what it proposes, the patch)."""
    found: dict[str, tuple[str, str]] = {}
    ignore = _at_head(repo, ".gitignore")
    text = patches.diff(".gitignore", ignore, patches.ignores(paths, ignore))
    if text:
        found["ignore.patch"] = ("settings and keys are not tracked again", text)
    text = ""
    for path in filter(patches.is_dotenv, paths):
        content, name = _at_head(repo, path), str(Path(path).with_name(".env.example"))
        if content is not None and _at_head(repo, name) is None:
            text += patches.diff(name, None, patches.example(content))
    if text:
        found["env-example.patch"] = ("the settings' names, without values", text)
    pattern, text, names = re.compile(mark), "", set()
    for path in _naming(repo, mark):
        content = _at_head(repo, path)
        if content is None:
            continue
        after, read = patches.from_environment(path, content, pattern)
        text += patches.diff(path, content, after)
        names |= set(read)
    if text:
        found["environment.patch"] = (
            f"read from the environment: {', '.join(sorted(names))}",
            text,
        )
    if ids:
        files = patches.ci_check(oldids.hashed(ids), lambda path: _has(repo, path))
        text = "".join(
            patches.diff(path, _at_head(repo, path), content) for path, content in files.items()
        )
        if text:
            found["ci-check.patch"] = (
                "a check that goes red on any old commit; make it required",
                text,
            )
    return found


def _naming(repo: Repo, mark: str) -> Iterator[str]:
    """Tracked text files at HEAD that hold a mark."""
    raw = git.run(
        repo.git_dir,
        *("grep", "-I", "-l", "-z", "-E", "-e", mark, "HEAD", "--"),
        accept=(0, 1, 128),
    )
    for name in raw.decode("utf-8", "surrogateescape").split("\0"):
        if name.startswith("HEAD:"):
            yield name.removeprefix("HEAD:")


def _at_head(repo: Repo, path: str) -> str | None:
    try:
        raw = git.run(repo.git_dir, "cat-file", "blob", f"HEAD:{path}")
        return raw.decode("utf-8") if len(raw) <= _LARGEST else None
    except (GitError, UnicodeDecodeError):
        return None


def _has(repo: Repo, path: str) -> bool:
    return bool(git.run(repo.git_dir, "ls-tree", "HEAD", "--", path, accept=(0, 128)))
