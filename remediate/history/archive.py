"""The backup's format: a tar archive, encrypted with age (https://age-encryption.org/v1) as it is made.

A person without remediate can open it: ``age -d -i KEY backup.age | tar x``, then
``cat objects/pack.* | git index-pack --stdin --fix-thin``. The last member, ``manifest.json``, says
what each of the others is and its SHA-256. Nothing of it is ever on disk unencrypted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tarfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import pyrage

from remediate.errors import BackupError
from remediate.history.durable import create, sync_folder, temporary_for
from remediate.history.refmoves import Move

FORMAT = "remediate.backup/1"
MANIFEST = "manifest.json"
#: Members that are parts of the one pack of doomed objects begin so; in this order they are it.
PACK = "objects/pack."

_BLOCK = 512


@dataclass(frozen=True)
class SavedFile:
    """A file as it was, and how to know what apply made of it."""

    member: str
    kind: str
    """``reflog``, ``text`` (of ``.git``), ``index``, ``lfs``, ``evidence`` (never put back), ``worktree``."""
    tree: str | None
    """The linked worktree's id that `path` belongs to; None for the main one."""
    path: str
    """Relative to the worktree's root for ``worktree``, else to its git directory."""
    mode: int
    symlink: bool
    modified: int
    """When it was last changed, in nanoseconds since 1970."""
    after: str = ""
    """What it is after apply: SHA-256 for ``reflog`` and ``text``, blob id for ``worktree``."""
    after_size: int = 0
    before: str = ""
    """The blob id before, for ``worktree``."""
    to: str = ""
    """Its path after apply, where that is another one."""


@dataclass(frozen=True)
class SavedIndex:
    """What apply does to an index, in words, for one that was changed again since."""

    tree: str | None
    before: str
    """`remediate.history.worktrees.digest` of the saved one."""
    after: str
    changed: tuple[tuple[str, str, str, str, str, str], ...]
    """(tag, mode, stage, path, old id, new id) of each entry that gets another id or path."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Old path to new."""


@dataclass(frozen=True)
class Manifest:
    """What an archive holds."""

    plan: str
    """The digest of the rehearsal that it was made for (`backup.plan_digest`)."""
    made_at: str
    object_format: str
    moves: tuple[Move, ...]
    renames: Mapping[str, str]
    """Old name to new of every ref that gets another one, branches without a commit included."""
    refs: Mapping[str, str]
    """Every ref and what it was at, moving or not: an id, or ``ref: <name>`` for a symbolic one."""
    added: tuple[str, ...]
    """Objects that apply brings in and that were not there."""
    files: tuple[SavedFile, ...]
    indexes: tuple[SavedIndex, ...]
    members: Mapping[str, str]
    """Name to SHA-256 of each other member."""

    def to_json(self) -> bytes:
        """The member's bytes."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode("ascii")

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """What `to_json` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        plain: dict[str, Any] = json.loads(data)
        if plain.pop("format") != FORMAT:
            raise ValueError("another format")
        return cls(
            **{
                **plain,
                "moves": tuple(Move(**move) for move in plain["moves"]),
                "added": tuple(plain["added"]),
                "files": tuple(SavedFile(**file) for file in plain["files"]),
                "indexes": tuple(
                    SavedIndex(**{**index, "changed": tuple(map(tuple, index["changed"]))})
                    for index in plain["indexes"]
                ),
            }
        )


class Packer:
    """Makes the archive's plain bytes, member by member."""

    def __init__(self) -> None:
        self.members: dict[str, str] = {}

    def member(
        self, name: str, size: int, chunks: Iterable[bytes], *, mode: int = 0o600
    ) -> Iterator[bytes]:
        """The bytes of one member. Raises ValueError where *chunks* are not *size* bytes."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, mode & 0o7777
        yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        seen = hashlib.sha256()
        total = 0
        for chunk in chunks:
            seen.update(chunk)
            total += len(chunk)
            yield chunk
        if total != size:
            raise ValueError(f"{name} is {total} bytes, not {size}")
        self.members[name] = seen.hexdigest()
        yield bytes(-size % _BLOCK)

    @staticmethod
    def end() -> bytes:
        """What closes a tar archive."""
        return bytes(2 * _BLOCK)


def write(
    path: Path, plain: Iterator[bytes], recipients: Sequence[pyrage.x25519.Recipient]
) -> tuple[Path, str, int]:
    """Encrypt *plain* into a file beside *path*, 0600, on disk on return: (file, SHA-256, size).

    The caller renames it. What *plain* raises comes through; raises `BackupError` where the file
    can't be written.
    """
    temporary = temporary_for(path)
    source = _Source(plain)
    try:
        with os.fdopen(create(temporary, 0o600), "wb") as stream:
            sink = _Sink(stream)
            try:
                pyrage.encrypt_io(source, sink, list(recipients))
            except Exception:
                # The library flattens ours into a text of its own.
                if (cause := source.failure or sink.failure) is not None:
                    raise cause from None
                raise
            stream.flush()
            os.fsync(stream.fileno())
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BackupError(
            f"The backup {path} can't be written: {error.strerror}. Nothing was changed.",
            hint="Make room or mend the permissions, then: remediate resume",
        ) from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary, sink.seen.hexdigest(), sink.size


@contextlib.contextmanager
def reading(
    archive: IO[bytes], identity: pyrage.x25519.Identity
) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """The members of an encrypted archive, in order, decrypted as they are read.

    Raises `BackupError` for another key's archive, and for one that is cut off or changed: that may
    show only at the end, so nothing may be believed before the body ends without an error.
    """
    archive.seek(0)
    read_end, write_end = os.pipe()
    worker = _Decryption(archive, write_end, identity)
    worker.start()
    with os.fdopen(read_end, "rb") as plain:
        try:
            with tarfile.open(fileobj=plain, mode="r|", errorlevel=2) as tar:
                yield _members(tar)
            while plain.read(1 << 20):
                pass
        except tarfile.TarError:
            worker.join()
            raise worker.error() or _broken() from None
    worker.join()
    if (error := worker.error()) is not None:
        raise error


def verified(
    archive: IO[bytes], identity: pyrage.x25519.Identity, sha256: str | None = None
) -> Manifest:
    """The manifest of *archive*, every member checked against it; writes nothing.

    *sha256* is that of the encrypted file, where it is known. Raises `BackupError`.
    """
    if sha256 is not None:
        archive.seek(0)
        if _sha256(archive) != sha256:
            raise BackupError(
                "The backup is not the file that was written then: its checksum is another.",
                hint="Look for the right file; nothing was changed.",
            )
    found: dict[str, str] = {}
    manifest = b""
    with reading(archive, identity) as members:
        for name, content in members:
            if name == MANIFEST:
                manifest = content.read()
            else:
                found[name] = _sha256(content)
    try:
        read = Manifest.from_json(manifest)
    except (ValueError, KeyError, TypeError):
        raise _broken() from None
    if read.members != found:
        raise _broken()
    return read


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for info in tar:
        content = tar.extractfile(info) if info.isreg() else None
        if content is None:
            raise _broken()
        yield info.name, content


def _sha256(stream: IO[bytes]) -> str:
    seen = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        seen.update(chunk)
    return seen.hexdigest()


def _broken() -> BackupError:
    return BackupError(
        "The backup is damaged: what is in it is not what was put there. Nothing was changed.",
        hint="Try another copy of the file.",
    )


class _Source:
    """Lets the encryption pull bytes out of an iterator."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._current = memoryview(b"")
        self.failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            while not self._current:
                self._current = memoryview(next(self._chunks))
        except StopIteration:
            return b""
        except BaseException as error:
            self.failure = error
            raise
        size = len(self._current) if size < 0 else size
        piece, self._current = self._current[:size], self._current[size:]
        return bytes(piece)


class _Sink:
    """Counts and hashes what is written."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seen = hashlib.sha256()
        self.size = 0
        self.failure: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            self._stream.write(data)
        except OSError as error:
            self.failure = error
            raise
        self.seen.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        self._stream.flush()


class _Decryption(threading.Thread):
    """Pushes plain bytes into a pipe, while a tar reader pulls them out of its other end."""

    def __init__(
        self, archive: IO[bytes], write_end: int, identity: pyrage.x25519.Identity
    ) -> None:
        super().__init__(name="decrypt backup", daemon=True)
        self._archive, self._write_end, self._identity = archive, write_end, identity
        self._failure: Exception | None = None

    def run(self) -> None:
        try:
            with os.fdopen(self._write_end, "wb") as plain:
                pyrage.decrypt_io(self._archive, plain, [self._identity])
        except Exception as error:
            self._failure = error

    def error(self) -> BackupError | None:
        """What went wrong, for people."""
        if self._failure is None:
            return None
        if isinstance(self._failure, pyrage.DecryptError) and "key" in str(self._failure).lower():
            return BackupError(
                "The backup was sealed with another key. Nothing was changed.",
                hint="Give the key file or passphrase that this incident began with: --key-file FILE",
            )
        return _broken()
