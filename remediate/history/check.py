"""Hold a rehearsal against the original, commit by commit: what may differ, and nothing else.

Trees are compared by git itself (``diff-tree``), so that an error in reading or writing them here
can't hide itself. A difference that should not be there is a bug of ours, and stops everything
before anything was touched.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from remediate.errors import Error
from remediate.history import git, huge
from remediate.history.alike import same_members, same_stream, same_text
from remediate.history.marks import Marks
from remediate.history.model import Needle, Progress
from remediate.history.objects import ids_file, read_many
from remediate.history.plan import Plan
from remediate.history.rewrite import Rewritten

_PROGRESS_EVERY = 1000

#: git keeps every tree in memory that it is asked to compare, so a child gets no more pairs than these.
_PAIRS = 1000
_DROPPED = (b"gpgsig", b"gpgsig-sha256", b"mergetag")
_ID = re.compile(rb"\b[0-9a-f]{7,64}\b")


class RehearsalError(Error):
    """The rehearsal is not the original without the secrets. Nothing was touched."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The rehearsed history is not what it should be: {what}. Nothing was changed.",
            hint="This is a bug in remediate. Please report it; the leak can still be contained.",
        )


def check(
    quarantine: Path, plan: Plan, done: Rewritten, needles: Sequence[Needle], progress: Progress
) -> None:
    """Nothing, where each new object is the old one but for secrets and ids; else `RehearsalError`."""
    replaced = Marks(needles)
    _check_trees(quarantine, done, replaced, progress)
    _check_texts(quarantine, done, replaced, progress)
    _check_blobs(quarantine, plan, done, replaced)


def _pairs(
    quarantine: Path, olds: Iterable[str], new: Mapping[str, str]
) -> Iterator[tuple[str, str, bytes, bytes]]:
    """(old id, type, old bytes, new bytes) of each of *olds*."""
    order = [oid for old in olds for oid in (old, new[old])]
    reads = read_many(quarantine, order)
    for before, after in zip(reads, reads, strict=True):
        if before.content is None or after.content is None or before.kind != after.kind:
            raise RehearsalError(f"the successor of {before.oid} can't be read")
        yield before.oid, before.kind, before.content, after.content


def _check_texts(quarantine: Path, done: Rewritten, replaced: Marks, progress: Progress) -> None:
    changed = [oid for oid in done.contents if oid in done.objects]
    olds, news = sorted(done.commits), sorted(done.commits.values())
    signed = {lost.object for lost in done.lost if lost.kind == "signature"}
    for number, (oid, kind, before, after) in enumerate(_pairs(quarantine, changed, done.objects)):
        if number % _PROGRESS_EVERY == 0:
            progress("Checking commits", number, len(changed))
        old_head, _, old_text = before.partition(b"\n\n")
        new_head, _, new_text = after.partition(b"\n\n")
        old_lines = [_mapped(line, done.objects) for line in _kept(old_head)]
        new_lines = list(_kept(new_head))
        if len(old_lines) != len(new_lines):
            raise RehearsalError(f"a header of {kind} {oid} is gone")
        for old, new in zip(old_lines, new_lines, strict=True):
            if not same_text(old, new, replaced):
                raise RehearsalError(f"a header of {kind} {oid} is another")
        if kind == "tag" and oid in signed:
            old_text = old_text.partition(b"-----BEGIN ")[0]
        if not same_text(_masked(old_text, olds), _masked(new_text, news), replaced):
            raise RehearsalError(f"the message of {kind} {oid} is another")


def _kept(head: bytes) -> Iterator[bytes]:
    """Lines of a header but those of signatures."""
    dropped = False
    for line in head.split(b"\n"):
        if not line.startswith(b" "):
            dropped = line.partition(b" ")[0] in _DROPPED
        if not dropped:
            yield line


def _mapped(line: bytes, new: Mapping[str, str]) -> bytes:
    name, _, value = line.partition(b" ")
    if name in (b"tree", b"parent", b"object"):
        oid = value.decode("ascii", "replace")
        return name + b" " + new.get(oid, oid).encode("ascii", "replace")
    return line


def _masked(text: bytes, ids: Sequence[str]) -> bytes:
    """*text* with each of *ids* (sorted), whole or abbreviated, as zeros: its successor is as long."""

    def zeros(found: re.Match[bytes]) -> bytes:
        said = found.group().decode("ascii")
        at = bisect_left(ids, said)
        known = at < len(ids) and ids[at].startswith(said)
        return b"0" * len(said) if known else found.group()

    return _ID.sub(zeros, text)


def _check_trees(quarantine: Path, done: Rewritten, replaced: Marks, progress: Progress) -> None:
    olds = [old for old in done.entries if old in done.objects]
    for number in range(0, len(olds), _PAIRS):
        progress("Checking folders", number, len(olds))
        _compare_trees(quarantine, olds[number : number + _PAIRS], done, replaced)


def _compare_trees(quarantine: Path, olds: Sequence[str], done: Rewritten, replaced: Marks) -> None:
    """Each tree with its successor, entry by entry; what lies within is compared with its own."""
    with ids_file(f"{old} {done.objects[old]}".encode("ascii") for old in olds) as stdin:
        child = git.start(
            quarantine,
            *("diff-tree", "--stdin", "--raw", "-z", "--no-renames", "--no-abbrev"),
            stdin=stdin,
        )
    gone = came = compared = 0
    with child:
        assert child.stdout is not None
        fields = _ended_by_nul(child.stdout)
        for field in fields:
            # Which trees are compared is on a line of its own, whatever ends the rest.
            *trees, facts = field.split(b"\n")
            compared += len(trees)
            if not facts:
                continue
            path = next(fields, b"")
            old_mode, new_mode, old, new, status = facts[1:].decode("ascii").split()
            if status == "D":
                gone += 1
            elif status == "A":
                came += 1
                if not replaced.places(path):
                    raise RehearsalError(f"a file {_shown(path)} came out of nowhere")
            elif old_mode != new_mode or done.objects.get(old) != new:
                raise RehearsalError(f"{_shown(path)} has another content")
    if child.returncode or compared != len(olds):
        raise RehearsalError("git can't compare its folders")
    if gone != came:
        raise RehearsalError("a file is gone")


def _ended_by_nul(out: IO[bytes]) -> Iterator[bytes]:
    """What *out* has, each up to a NUL byte, and what follows the last one."""
    held = b""
    while piece := out.read(1 << 16):
        *whole, held = (held + piece).split(b"\0")
        yield from whole
    yield held


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "replace").strip()


def _check_blobs(quarantine: Path, plan: Plan, done: Rewritten, replaced: Marks) -> None:
    changed = [oid for oid in plan.blobs if oid in done.objects]
    large = huge.among(quarantine, changed)
    for oid in sorted(large):
        new = done.objects[oid]
        if any(b"\0" in piece for piece in huge.pieces(quarantine, oid)):
            if huge.size(quarantine, oid) != huge.size(quarantine, new):
                raise RehearsalError(f"binary file {oid} has another length")
        elif not same_stream(huge.pieces(quarantine, oid), huge.pieces(quarantine, new), replaced):
            raise RehearsalError(f"file {oid} has another text")
    olds = [oid for oid in changed if oid not in large]
    for oid, _, before, after in _pairs(quarantine, olds, done.objects):
        if oid in done.packed:
            if not same_members(before, after, replaced):
                raise RehearsalError(f"archive {oid} has other members")
        elif b"\0" in before:
            if len(before) != len(after):
                raise RehearsalError(f"binary file {oid} has another length")
        elif not same_text(before, after, replaced):
            raise RehearsalError(f"file {oid} has another text")
