"""Read everything again and say whether a secret is left: with code of its own throughout.

It shares the errors, the model and the way git is started with the rest, and nothing else: it lists
objects, reads them, walks folders and undoes encodings by itself (`remediate.history.readings`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from remediate.errors import GitError
from remediate.history import git
from remediate.history.model import (
    Needle,
    Progress,
    Remnant,
    Scope,
    Searched,
    Unreadable,
    Verdict,
    no_progress,
)
from remediate.history.readings import Reader, wanted
from remediate.history.repo import Repo
from remediate.history.reread import Seen, every_object, own_objects
from remediate.history.rereaders import look_into

#: Files in the object directory that are git's own, in a format of its own.
_NO_TEXT = frozenset({".pack", ".idx", ".rev", ".bitmap", ".mtimes"})

_PROGRESS_EVERY = 2000


def verify(repo: Repo, needles: Sequence[Needle], *, progress: Progress = no_progress) -> Verdict:
    """Whether *needles* are anywhere in *repo*: objects (named or not), git's files, work trees.

    Changes nothing. What could not be read is in the verdict, which is then not clean.
    """
    reader = _reader(needles)
    seen = Seen()
    seen.unreadable += _known_gaps(repo)
    look_into(repo.common_dir, every_object(repo.common_dir, seen), reader, seen, progress)
    seen.unreadable += _missing(repo)
    _names(repo, reader, seen)
    folders = {tree.git_dir for tree in repo.worktrees} | {repo.common_dir}
    for folder in sorted(folders):
        _files(folder, "gitfile", repo, reader, seen, progress)
    _beside_objects(repo, reader, seen)
    _submodules(repo, reader, seen, progress)
    for tree in repo.worktrees:
        if tree.path is not None:
            _files(tree.path, "worktree", repo, reader, seen, progress)
    return _verdict(seen, reader)


def verify_rehearsal(
    quarantine: Path, needles: Sequence[Needle], *, progress: Progress = no_progress
) -> Verdict:
    """Whether *needles* are in the objects of *quarantine*'s own, not in those that it borrows.

    Raises `GitError` where git reads one otherwise than its id says: the pack is one that we wrote.
    """
    reader = _reader(needles)
    seen = Seen()
    own = own_objects(quarantine)
    look_into(quarantine, own, reader, seen, progress, hashed=True)
    return _verdict(seen, reader)


def _reader(needles: Sequence[Needle]) -> Reader:
    return Reader(wanted(needle.id, needle.secret.reveal()) for needle in needles if needle.secret)


def _verdict(seen: Seen, reader: Reader) -> Verdict:
    return Verdict(
        Scope(local=True),
        Searched(seen.objects, seen.bytes, seen.files, reader.kinds),
        tuple(seen.remnants),
        tuple(dict.fromkeys(seen.unreadable)),
    )


def _known_gaps(repo: Repo) -> Iterator[Unreadable]:
    if (repo.common_dir / "shallow").exists():
        yield Unreadable("history before the clone's beginning", "the clone is shallow")
    if repo.partial:
        yield Unreadable("objects left at the remote", "the clone is partial")
    borrowed = repo.common_dir / "objects" / "info" / "alternates"
    if borrowed.is_file():
        for line in borrowed.read_bytes().splitlines():
            path = repo.common_dir / "objects" / os.fsdecode(line)
            if line and not line.startswith(b"#") and not path.is_dir():
                yield Unreadable(f"alternate {path}", "the folder it names can't be read")


def _missing(repo: Repo) -> Iterator[Unreadable]:
    """Objects that something names and that are not there."""
    if repo.partial:
        return  # said already, and each of them would be a line
    try:
        listed = git.run(
            repo.common_dir,
            "rev-list",
            "--objects",
            "--all",
            "--reflog",
            "--missing=print",
            "--quiet",
        )
    except GitError as error:
        yield Unreadable("the history as a whole", error.message)
        return
    for line in listed.splitlines():
        if line.startswith(b"?"):
            yield Unreadable(f"object {line[1:].decode('ascii', 'replace')}", "it is missing")


def _names(repo: Repo, reader: Reader, seen: Seen) -> None:
    """Names of refs, and of files in every index."""
    refs = git.run(repo.common_dir, "for-each-ref", "--format=%(refname)").splitlines()
    rows = [("ref", name) for name in refs]
    for tree in repo.worktrees:
        if (tree.git_dir / "index").is_file():
            listed = git.run(tree.git_dir, "ls-files", "-z", "--sparse").split(b"\0")
            rows += [("index", name) for name in listed if name]
    for where, name in rows:
        _note(reader.find(name), where, os.fsdecode(name), reader, seen)


def _note(found: set[tuple[str, str]], where: str, path: str, reader: Reader, seen: Seen) -> None:
    for needle, encoding in sorted(found):
        seen.remnants[Remnant(needle, where, encoding, path=reader.shown(path))] = None


def _files(
    root: Path, where: str, repo: Repo, reader: Reader, seen: Seen, progress: Progress
) -> None:
    """Every file below *root* but git's object files and what is git's in a work tree."""
    skipped = {repo.common_dir / "objects", root / ".git"}
    skipped |= {head.parent / "objects" for head in (repo.common_dir / "modules").rglob("HEAD")}

    def failed(error: OSError) -> None:
        path = reader.shown(os.path.relpath(error.filename, root))
        seen.unreadable.append(Unreadable(f"{where} {path}", error.strerror or "unreadable"))

    for folder, folders, names in os.walk(root, onerror=failed):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        folders[:] = sorted(name for name in folders if Path(folder, name) not in skipped)
        for name in sorted((*names, *links)):
            full = Path(folder, name)
            seen.files += 1
            if seen.files % _PROGRESS_EVERY == 0:
                progress("Verifying files", seen.files, None)
            path = os.path.relpath(full, root)
            try:
                content = _content(full)
            except FileNotFoundError:
                continue
            except OSError as error:
                reason = error.strerror or "unreadable"
                seen.unreadable.append(Unreadable(f"{where} {reader.shown(path)}", reason))
                continue
            closed: list[str] = []
            found = reader.find(content, closed) | reader.find(os.fsencode(path))
            if closed:
                what, digest = f"{where} {reader.shown(path)}", hashlib.sha256(content).hexdigest()
                seen.unreadable += (Unreadable(what, reason, digest) for reason in closed)
            _note(found, where, path, reader, seen)


def _submodules(repo: Repo, reader: Reader, seen: Seen, progress: Progress) -> None:
    """The objects of every repository that lies within this one's git directory."""
    for head in sorted((repo.common_dir / "modules").rglob("HEAD")):
        folder = head.parent
        if not (folder / "objects").is_dir():
            continue
        path, inner = os.path.relpath(folder, repo.common_dir), Seen()
        look_into(folder, every_object(folder, inner), reader, inner, progress)
        seen.objects += inner.objects
        seen.bytes += inner.bytes
        for found in inner.remnants:
            remnant = Remnant(found.needle, "submodule", found.encoding, found.object, path)
            seen.remnants[remnant] = None
        for thing in inner.unreadable:
            seen.unreadable.append(Unreadable(f"{path}: {thing.what}", thing.reason))


def _beside_objects(repo: Repo, reader: Reader, seen: Seen) -> None:
    """Text beside the objects, and objects that were never finished: nobody can look into those."""
    root = repo.common_dir / "objects"
    for folder in (root, root / "info", root / "pack"):
        for full in sorted(folder.iterdir()) if folder.is_dir() else ():
            if full.name.startswith(("multi-pack-index", "commit-graph")):
                continue
            if full.is_file() and full.suffix not in _NO_TEXT:
                _note(reader.find(full.read_bytes()), "gitfile", str(full), reader, seen)
    for full in sorted((*root.glob("tmp_*"), *root.glob("pack/*tmp*"), *root.glob("??/tmp_*"))):
        path = reader.shown(os.path.relpath(full, repo.common_dir))
        seen.unreadable.append(
            Unreadable(
                path, "a git that is at work, or was killed, has not finished it; remove it then"
            )
        )


def _content(full: Path) -> bytes:
    if full.is_symlink():
        # Path.readlink would tidy it: "./a//b" is not "a/b".
        return os.readlink(os.fsencode(full))  # noqa: PTH115
    return full.read_bytes() if full.is_file() else b""
