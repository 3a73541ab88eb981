"""What the rooms of history hand to one another. All frozen; only a `Needle` holds a secret.

Object ids are lower-case hex `str` everywhere (40 digits, or 64 in a SHA-256 repository); paths and
ref names are `bytes` where git's own bytes matter and `str` (UTF-8 with surrogateescape) where they are
shown. Everything but `Needle` can be written as JSON (`to_json`) and read back (`from_json`), so that
a resumed run goes on from a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from remediate.history.graph import Graph
from remediate.secret import Secret


@dataclass(frozen=True)
class Needle:
    """One secret to look for, as bytes, and what stands in its place afterwards."""

    id: str
    """Opaque to this room; the secret's fingerprint. All results name secrets by it."""
    secret: Secret
    replacement: bytes
    """``REMOVED-github-pat``: printable ASCII, on one line, plain in YAML, shell and JSON."""


class Progress(Protocol):
    """Told how far a long step is."""

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """*done* of *total* objects or bytes (None: not known) of *step*, a short present participle."""
        ...


def no_progress(step: str, done: int, total: int | None) -> None:
    """A `Progress` that tells nobody."""


@dataclass(frozen=True)
class Hit:
    """A secret inside one object, in one encoding."""

    needle: str
    oid: str
    type: str
    """``blob``, ``commit``, ``tag`` or ``tree`` (then in an entry's name)."""
    encoding: str
    """``plain``, ``json``, ``crlf``…; outermost first joined by ``+``: ``gzip+plain``."""
    offsets: tuple[int, ...]
    """Where it begins, in bytes of the object (of the outermost encoding's container)."""


@dataclass(frozen=True)
class Unreadable:
    """Something that could not be read, so that nobody can say it is clean."""

    what: str
    """``object 1a2b…``, ``alternate /srv/x``, ``promisor pack``, ``app.zip in blob 3c4d…``."""
    reason: str
    sha256: str | None = None
    """Of a file's content as it was when the verifier could not look into it; None for all else."""


@dataclass(frozen=True)
class Searched:
    """How much was looked at."""

    objects: int = 0
    bytes: int = 0
    files: int = 0
    """Files outside the object database: refs, reflogs, index, config, work tree…"""
    forms: int = 0
    """How many distinct forms (patterns) of the secrets were looked for."""


@dataclass(frozen=True)
class FileHit:
    """A secret outside the object database: in ``.git`` or the work tree."""

    needle: str
    where: str
    """``ref``, ``reflog``, ``index``, ``config``, ``hook``, ``gitfile``; ``submodule`` for the objects of
    one; ``path`` for one that holds it across several names; ``worktree`` for a tracked file
    as it was committed or staged, ``modified`` for one that is not, ``untracked``."""
    path: str
    """As it is shown: relative to the git directory or to the work tree's root, a ref's name for
    ``ref``; a secret in it is replaced."""
    encoding: str


@dataclass(frozen=True)
class LfsObject:
    """What becomes of an LFS object with a secret in it."""

    new: str
    """The successor's id: SHA-256 in hex, as that of the old one."""
    needle: str
    """A secret that it holds."""
    size_before: int
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Scan:
    """Everything found, before anything is done."""

    hits: tuple[Hit, ...]
    file_hits: tuple[FileHit, ...]
    unreadable: tuple[Unreadable, ...]
    searched: Searched
    graph: Graph = field(default_factory=Graph, compare=False, repr=False)
    """How the objects hang together, as it was seen on the way."""
    lfs: Mapping[str, LfsObject] = field(default_factory=dict)
    """LFS objects with a secret in them, by id, and what becomes of each."""


@dataclass(frozen=True)
class Place:
    """One place of a secret as people want it told: the commit that brought it in, not each copy."""

    needle: str
    where: str
    """``file``, ``commit-message``, ``tag-message``, ``note``, ``author``, ``path``, ``ref``,
    ``reflog``, ``config``, ``index``, ``worktree``…"""
    commit: str | None
    path: str | None
    line: int | None
    """Counts from 1; None where a line means nothing."""
    encoding: str
    author: str | None = None
    """``Name <address>`` of the introducing commit."""
    date: str | None = None
    """The introducing commit's committer date, RFC 3339 with its own offset."""


@dataclass(frozen=True)
class RefChange:
    """A ref that moves or gets another name. `old` and `new` are ids of what it points at directly."""

    name: str
    """Full; of a renamed one the name that it gets."""
    old: str
    new: str
    renamed: bool = False
    """Whether it is called otherwise before. That name holds a secret, or a replaced object's id."""


@dataclass(frozen=True)
class Lost:
    """Something that a rewrite can't keep: listed, never silent."""

    kind: str
    """``signature``, ``mergetag``, ``header``."""
    object: str
    """The old id of the object that had it."""


@dataclass(frozen=True)
class Rehearsal:
    """The rewrite, done in a quarantine repository that borrows the real one's objects.

    What it says is exactly what will be applied: same ids, same refs.
    """

    quarantine: str
    """Path of the bare quarantine repository; its own objects are the new ones and no others."""
    objects: Mapping[str, str]
    """Old id to new id of every doomed object that has a successor: blobs, trees, commits, tags."""
    commits: Mapping[str, str]
    """The part of `objects` that are commits, in the order rewritten (parents first)."""
    doomed: tuple[str, ...]
    """Every object that holds a secret or reaches one that does; what purge removes. Sorted."""
    refs: tuple[RefChange, ...]
    """Every ref that moves, any namespace, sorted by name; symbolic refs are left out."""
    lost: tuple[Lost, ...]
    places: tuple[Place, ...]
    remnants: tuple[Remnant, ...]
    """What would still be there after apply and purge; empty when all is well."""
    unreadable: tuple[Unreadable, ...]
    searched: Searched
    commits_total: int
    """Commits reachable from any ref, before."""
    blobs: int
    """How many distinct blobs get a new content."""
    messages: tuple[str, ...] = ()
    """Notes for people: ids named in messages that were not mapped, and the like."""
    lfs: Mapping[str, str] = field(default_factory=dict)
    """Old id to new id of LFS objects. An LFS server keeps the old ones: they are to be removed there."""
    held: tuple[str, ...] = ()
    """Secrets that are left where they are, for replacing them would damage too much; sorted."""

    def replaced(self, needles: Sequence[Needle]) -> list[Needle]:
        """Those of *needles* that the rewrite replaces."""
        return [needle for needle in needles if needle.id not in self.held]

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back. No secret in it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rehearsal:
        """The rehearsal that `to_json` wrote."""
        plain = dict(data)
        return cls(
            **{
                **plain,
                "doomed": tuple(plain["doomed"]),
                "refs": tuple(RefChange(**r) for r in plain["refs"]),
                "lost": tuple(Lost(**r) for r in plain["lost"]),
                "places": tuple(Place(**r) for r in plain["places"]),
                "remnants": tuple(Remnant(**r) for r in plain["remnants"]),
                "unreadable": tuple(Unreadable(**r) for r in plain["unreadable"]),
                "searched": Searched(**plain["searched"]),
                "messages": tuple(plain["messages"]),
                "held": tuple(plain.get("held", ())),
            }
        )


@dataclass(frozen=True)
class Remnant:
    """A secret still present, in any encoding, anywhere we looked."""

    needle: str
    where: str
    """As in `Place.where`, or ``object`` for one that nothing names."""
    encoding: str
    object: str | None = None
    path: str | None = None


@dataclass(frozen=True)
class Scope:
    """Which scopes a verdict speaks of: True searched and clean or not, False not asked for."""

    local: bool = False
    remote_refs: bool = False
    remote_by_id: bool = False
    copies: bool = False


@dataclass(frozen=True)
class Verdict:
    """What the verifier says. `clean` only where nothing was found and everything could be read."""

    scope: Scope
    searched: Searched
    remnants: tuple[Remnant, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing is left as far as was asked, and nothing was out of reach."""
        return not self.remnants and not self.unreadable


@dataclass(frozen=True)
class Backup:
    """An encrypted archive of everything that apply and purge change."""

    path: str
    sha256: str
    size: int
    """Bytes."""
    objects: int
    files: int


@dataclass(frozen=True)
class Applied:
    """What apply did; the same again when it is called again after a crash."""

    refs: int
    reflog_entries: int
    worktree_files: tuple[str, ...] = ()
    """Tracked files that were cleaned in place."""
    left_alone: tuple[str, ...] = ()
    """Modified or untracked files that hold a secret: named, never changed without a yes."""
    notes: tuple[str, ...] = ()
    """What else a person should know: a file that could not be written, an entry that was dropped."""


@dataclass(frozen=True)
class Purged:
    """What purge removed."""

    objects: int
    packs_rewritten: int
    kept: tuple[str, ...] = field(default=())
    """Doomed objects that could not be removed, with the reason."""


@dataclass(frozen=True)
class Undone:
    """What undo put back; the same again when it is called again."""

    refs: int
    files: int
    """Reflogs, indexes, texts of ``.git`` and checked-out files that are as they were."""
    left_alone: tuple[str, ...] = ()
    """Files that somebody changed since the rewrite: they keep that change."""
