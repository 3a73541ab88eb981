"""The object database's files: what a pack holds, and how a new one comes in whole or not at all.

New packs are made in a folder of our own inside the object directory (so on the same disk), and
moved into place when they are complete. What a crash leaves there is thrown away by whoever comes
next: it is a part of something that will be made again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from remediate.history.durable import create, sync_file, sync_folder
from remediate.history.repo import Repo

#: What belongs to one pack, in the order in which git may see the parts appear: a pack counts
#: as there once its index is.
PARTS = (".pack", ".rev", ".bitmap", ".mtimes", ".keep", ".promisor", ".idx")

_COPY_SIZE = 1 << 20

#: git prune takes away folders of this name too, should nobody come back here.
STAGING = "tmp_objdir-remediate"


@contextlib.contextmanager
def staging(repo: Repo) -> Iterator[Path]:
    """An empty object directory inside *repo*'s; gone afterwards. One at a time (`guard.writing`)."""
    folder = repo.objects_dir / STAGING
    _remove_tree(folder)
    (folder / "pack").mkdir(parents=True)
    try:
        yield folder
    finally:
        _remove_tree(folder)
        sync_folder(repo.objects_dir)


def staged_environment(repo: Repo, folder: Path) -> dict[str, str]:
    """Lets a git child read all of *repo*'s objects and write new ones into *folder*."""
    return {
        "GIT_OBJECT_DIRECTORY": str(folder),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(repo.objects_dir),
    }


def install(repo: Repo, folder: Path) -> None:
    """Move every pack and loose object of the staging *folder* into *repo*'s objects, on disk."""
    target = repo.objects_dir / "pack"
    target.mkdir(exist_ok=True)
    for index in sorted((folder / "pack").glob("*.idx")):
        for part in PARTS:
            source = index.with_suffix(part)
            if source.exists():
                sync_file(source)
                source.replace(target / source.name)
    sync_folder(target)
    for fan_out in sorted(folder.glob("[0-9a-f][0-9a-f]")):
        into = repo.objects_dir / fan_out.name
        into.mkdir(exist_ok=True)
        for source in fan_out.iterdir():
            sync_file(source)
            source.replace(into / source.name)
        sync_folder(into)
    sync_folder(repo.objects_dir)


def copy_objects(repo: Repo, source: Path, folder: Path) -> None:
    """Copy the packs and loose objects of the object directory *source* into staging *folder*."""
    shared = _shared_mode(repo)
    for index in indexes(source):
        name = _proper_name(repo, index.with_suffix(".pack"))
        for part in (".pack", ".rev", ".idx"):
            if index.with_suffix(part).exists():
                _copy(index.with_suffix(part), folder / "pack" / (name + part), shared)
    for path in loose_objects(source):
        into = folder / path.parent.name
        into.mkdir(exist_ok=True)
        _copy(path, into / path.name, shared)


def indexes(objects: Path) -> list[Path]:
    """The indexes of the packs in an object directory, sorted."""
    return sorted((objects / "pack").glob("*.idx"))


def loose_objects(objects: Path) -> Iterator[Path]:
    """The files of the loose objects in an object directory."""
    for fan_out in sorted(objects.glob("[0-9a-f][0-9a-f]")):
        for path in sorted(fan_out.glob("*")):
            if len(path.name) in (38, 62) and set(path.name) <= set("0123456789abcdef"):
                yield path


#: What git writes to by these names is not finished; a git that was killed leaves it there.
_UNFINISHED = ("tmp_", ".tmp-")
#: Files of a cache or an index: ids and numbers, no text.
_NO_TEXT = (".pack", ".idx", ".rev", ".bitmap", ".mtimes", ".graph")


def beside(objects: Path) -> Iterator[Path]:
    """Files in an object directory that hold no objects but text: ``info/packs``, marks of packs…"""
    for folder in (objects, objects / "info", objects / "pack"):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name.startswith((*_UNFINISHED, "multi-pack-index", "commit-graph")):
                continue
            if path.is_file() and not path.is_symlink() and path.suffix not in _NO_TEXT:
                yield path


def unfinished(objects: Path) -> Iterator[Path]:
    """Files and folders of objects that some git began to write and has not finished, or never will."""
    if objects.is_dir():
        for folder in (objects, objects / "pack", *sorted(objects.glob("[0-9a-f][0-9a-f]"))):
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                if path.name.startswith(_UNFINISHED) and path.name != STAGING:
                    yield path


def loose_path(objects: Path, oid: str) -> Path:
    """Where *oid* is as a loose object in the object directory *objects*."""
    return objects / oid[:2] / oid[2:]


def listed(repo: Repo, index: Path) -> list[str]:
    """The ids in the pack of *index*, in the order in which they lie in it. Raises `GitError`."""
    lines = repo.git(
        "show-index", f"--object-format={repo.object_format}", stdin=index.read_bytes()
    ).splitlines()
    rows = sorted((int(fields[0]), fields[1]) for fields in (line.split() for line in lines))
    return [oid.decode("ascii") for _, oid in rows]


def own_objects(repo: Repo, objects: Path) -> set[str]:
    """Every id in the object directory *objects* itself, not in what it borrows from."""
    found = {oid for index in indexes(objects) for oid in listed(repo, index)}
    return found | {path.parent.name + path.name for path in loose_objects(objects)}


def types(repo: Repo, oids: Iterable[str]) -> Mapping[str, str]:
    """The type of each of *oids* that *repo* has, in its own object directory or a borrowed one."""
    asked = "".join(f"{oid}\n" for oid in oids).encode("ascii")
    if not asked:
        return {}
    answer = repo.git(
        "cat-file", "--batch-check=%(objectname) %(objecttype)", "--buffer", stdin=asked
    )
    rows = (line.split(" ") for line in answer.decode("ascii").splitlines())
    return {row[0]: row[1] for row in rows if row[1] != "missing"}


def _proper_name(repo: Repo, pack: Path) -> str:
    """What git calls a pack: by the checksum that it ends in (gitformat-pack(5))."""
    with pack.open("rb") as stream:
        stream.seek(-repo.hex_length // 2, os.SEEK_END)
        return f"pack-{stream.read().hex()}"


def _shared_mode(repo: Repo) -> int:
    """Who may read objects here whatever the umask says (git-init(1), ``--shared``)."""
    raw = repo.git("config", "--default=umask", "core.sharedRepository")
    setting = raw.decode("ascii", "replace").strip().lower()
    if setting in ("group", "true", "1"):
        return 0o440
    if setting in ("all", "world", "everybody", "2"):
        return 0o444
    if setting.startswith("0") and setting.isdigit():
        return int(setting, 8) & 0o444
    return 0


def _copy(source: Path, target: Path, shared: int) -> None:
    with source.open("rb") as reader, os.fdopen(create(target, 0o444), "wb") as writer:
        shutil.copyfileobj(reader, writer, _COPY_SIZE)
        made = stat.S_IMODE(os.fstat(writer.fileno()).st_mode)
        os.fchmod(writer.fileno(), made | shared)


def _quoted(path: Path) -> str:
    """*path* as one entry of ``GIT_ALTERNATE_OBJECT_DIRECTORIES``: a colon would end it."""
    text = str(path)
    if ":" not in text and not text.startswith('"') and "\n" not in text:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _remove_tree(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
