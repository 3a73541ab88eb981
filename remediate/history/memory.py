"""What a look at a repository's packs found, kept for the next preview, so that it reads only what is new.

A pack never changes: what is in it stays as it was found. An entry speaks of all packs that were there
when it was made, each known by where and what it is (inode, size, times, checksums; where only these were
touched, by a digest of all its bytes), and of one set of secrets under one version of this code. If
anything is not as it was, the entry counts for nothing and everything is read. Loose objects and packs that came later are always read.

An entry holds ids, places and counts, and no secret. Its name is a keyed hash of the secrets, so that it
tells nobody which they were who has not this installation's key; it is sealed under the same key, so that
what was damaged or put there by someone else is dropped. Only a preview remembers: a run reads everything,
and so does the verification.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from remediate.history.durable import replace_file
from remediate.history.huge import databases
from remediate.history.model import Hit, Needle
from remediate.history.nesting import Nesting
from remediate.history.packs import loose_objects
from remediate.history.repo import Repo

#: Entries beyond so many, or so many bytes of them, go: the oldest first.
_MOST, _MOST_BYTES = 16, 512 << 20

_FORMAT = 1


@dataclass
class TreesSeen:
    """What one stretch of trees held."""

    holders: dict[bytes, set[str]] = field(default_factory=dict)
    """Trees with a doomed blob, or a secret in a name, right within; and which blobs."""
    links: dict[bytes, set[str]] = field(default_factory=dict)
    """Trees with gitlinks, to the commits that these name."""
    nesting: Nesting = field(default_factory=Nesting)


@dataclass(frozen=True)
class Packs:
    """The packs that a repository has, or borrows, at one moment."""

    facts: tuple[tuple[str, ...], ...]
    """What each is known by."""
    indexes: tuple[Path, ...]

    def oids(self) -> set[bytes]:
        """The raw ids of all that is in them. Raises ValueError for an index of another version."""
        found: set[bytes] = set()
        for path in self.indexes:
            found |= _listed(path.read_bytes())
        return found


@dataclass
class Known:
    """What is known of the objects in `packs`."""

    packs: Packs
    count: int = 0
    bytes: dict[str, int] = field(default_factory=dict)
    """Unpacked, by type."""
    hits: list[Hit] = field(default_factory=list)
    trees: dict[str, str] = field(default_factory=dict)
    """As in `Graph`…"""
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    doomed: frozenset[str] = frozenset()
    """The blobs that were looked for in the trees."""
    folders: list[TreesSeen] = field(default_factory=list)


def packs(repo: Repo) -> Packs:
    """The packs of *repo* as they are now."""
    indexes = [
        index
        for objects in databases(repo.objects_dir)
        for index in sorted((objects / "pack").glob("*.idx"))
        if index.with_suffix(".pack").exists()
    ]
    return Packs(tuple(_facts(index, repo) for index in indexes), tuple(indexes))


def beyond(repo: Repo, known: Packs) -> frozenset[bytes]:
    """Hex ids of all objects that are in none of the packs *known*."""
    found = {
        bytes.fromhex(path.parent.name + path.name)
        for objects in databases(repo.objects_dir)
        for path in loose_objects(objects)
    }
    others = [index for index in packs(repo).indexes if index not in known.indexes]
    for index in others:
        found |= _listed(index.read_bytes())
    return (
        frozenset(raw.hex().encode("ascii") for raw in found - known.oids())
        if found
        else frozenset()
    )


def _facts(index: Path, repo: Repo) -> tuple[str, ...]:
    told = [str(index)]
    for path in (index.with_suffix(".pack"), index):
        found = path.stat()
        told += [
            f"{found.st_dev}.{found.st_ino}.{found.st_size}",
            f"{found.st_mtime_ns}.{found.st_ctime_ns}",
        ]
        with path.open("rb") as stream:
            # A pack ends in its checksum, an index in the pack's and its own.
            stream.seek(-repo.hex_length, os.SEEK_END)
            told.append(stream.read().hex())
    return tuple(told)


def _still(facts: Sequence[Sequence[str]], digests: Sequence[str], there: Packs) -> Packs:
    """Those packs *there* that the *facts* are of. Raises where one is gone or another by now."""
    now = {fact[0]: (fact, index) for fact, index in zip(there.facts, there.indexes, strict=True)}
    found = [now[fact[0]] for fact in facts]
    if not found:
        raise ValueError("of no pack")
    for (fact, index), known, digest in zip(found, facts, digests, strict=True):
        # git touches a pack when somebody writes what is in it already.
        if list(fact) != list(known) and _digest(index) != digest:
            raise ValueError("another pack by now")
    return Packs(tuple(fact for fact, _ in found), tuple(index for _, index in found))


def _digest(index: Path) -> str:
    """Of a pack and its index, byte for byte."""
    parts = []
    for path in (index.with_suffix(".pack"), index):
        with path.open("rb") as stream:
            parts.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return " ".join(parts)


def _listed(index: bytes) -> set[bytes]:
    if index[:8] != b"\xfftOc\0\0\0\2":
        raise ValueError("an index of another version")
    count = int.from_bytes(index[8 + 255 * 4 : 8 + 256 * 4], "big")
    # Names, then 8 bytes for each, then offsets of more than 31 bits, then two checksums.
    length = next(n for n in (20, 32) if _fits(len(index), count, n))
    start = 8 + 256 * 4
    return {index[at : at + length] for at in range(start, start + count * length, length)}


def _fits(size: int, count: int, length: int) -> bool:
    rest = size - 8 - 1024 - count * (length + 8) - 2 * length
    return rest >= 0 and rest % 8 == 0 and rest <= 8 * count


class Memory:
    """The folder of entries. *keyed* is HMAC-SHA-256 under a key of this installation's own, in hex."""

    def __init__(self, folder: Path, keyed: Callable[[bytes], str]) -> None:
        self._folder = folder
        self._keyed = keyed

    def recall(self, repo: Repo, needles: Sequence[Needle], there: Packs) -> Known | None:
        """What is known of the packs *there*; None where there is anything to doubt."""
        path = self._path(repo, needles)
        try:
            seal, _, content = path.read_bytes().partition(b"\n")
        except OSError:
            return None
        try:
            if seal.decode("ascii", "replace") != self._seal(content):
                raise ValueError("damaged")
            data = json.loads(content)
            # git may have packed again, or somebody fetched: what was there has to be there still.
            known = _from_json(data, _still(data["packs"], data["digests"], there))
        except (ValueError, KeyError, TypeError, IndexError, OSError):
            path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return known

    def keep(self, repo: Repo, needles: Sequence[Needle], known: Known) -> None:
        """Remember *known*; where that can't be written, it is not."""
        with contextlib.suppress(OSError):
            digests = [_digest(index) for index in known.packs.indexes]
            facts = {"packs": known.packs.facts, "digests": digests}
            content = json.dumps({**facts, **_to_json(known)}).encode("ascii")
            sealed = self._seal(content).encode("ascii")
            replace_file(self._path(repo, needles), [sealed, b"\n", content], mode=0o600)
            self._tidy()

    def _path(self, repo: Repo, needles: Sequence[Needle]) -> Path:
        words = [_code(), str(repo.common_dir).encode("utf-8", "surrogateescape")]
        words += sorted(
            b"\0".join((n.id.encode(), n.replacement, n.secret.reveal())) for n in needles
        )
        told = b"".join(len(word).to_bytes(8, "big") + word for word in words)
        return self._folder / f"{self._keyed(b'name' + told)}.json"

    def _seal(self, content: bytes) -> str:
        return self._keyed(b"seal" + hashlib.sha256(content).digest())

    def _tidy(self) -> None:
        entries = sorted(
            ((path.stat(), path) for path in self._folder.glob("*.json")),
            key=lambda entry: -entry[0].st_mtime_ns,
        )
        held = 0
        for number, (found, path) in enumerate(entries):
            held += found.st_size
            if number >= _MOST or held > _MOST_BYTES:
                path.unlink(missing_ok=True)


@cache
def _code() -> bytes:
    """A digest of the code that looks: another version may see what this one does not."""
    digest = hashlib.sha256(b"%d" % _FORMAT)
    here = Path(__file__).parent
    for path in sorted(here.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


def _to_json(known: Known) -> dict[str, Any]:
    parents = known.parents
    return {
        "count": known.count,
        "bytes": known.bytes,
        "hits": [(h.needle, h.oid, h.type, h.encoding, h.offsets) for h in known.hits],
        "commits": "\n".join(" ".join((c, t, *parents[c])) for c, t in known.trees.items()),
        "tags": known.targets,
        "doomed": sorted(known.doomed),
        "folders": [
            {
                "holders": {raw.hex(): sorted(blobs) for raw, blobs in part.holders.items()},
                "links": {raw.hex(): sorted(commits) for raw, commits in part.links.items()},
                **part.nesting.to_json(),
            }
            for part in known.folders
        ],
    }


def _from_json(data: dict[str, Any], of: Packs) -> Known:
    known = Known(
        packs=of,
        count=data["count"],
        bytes=data["bytes"],
        hits=[Hit(n, o, t, e, tuple(at)) for n, o, t, e, at in data["hits"]],
        targets=data["tags"],
        doomed=frozenset(data["doomed"]),
    )
    for line in data["commits"].split("\n") if data["commits"] else ():
        commit, tree, *parents = line.split(" ")
        known.trees[commit] = tree
        known.parents[commit] = tuple(parents)
    for part in data["folders"]:
        known.folders.append(
            TreesSeen(_sets(part["holders"]), _sets(part["links"]), Nesting.from_json(part))
        )
    return known


def _sets(named: dict[str, Iterable[str]]) -> dict[bytes, set[str]]:
    return {bytes.fromhex(raw): set(names) for raw, names in named.items()}
