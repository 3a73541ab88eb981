"""What a rewrite changes in the newest version of each file, shown without the secret.

Of the old text nothing is shown but what stands in the new one too: a line's old value is put together
from the new line, with a mark where the replacement stands. So no form of a secret can slip through.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from remediate.errors import GitError
from remediate.history import git
from remediate.history.blobs import Blobs
from remediate.history.matcher import cleaner
from remediate.history.model import Needle, RefChange, Rehearsal
from remediate.wording import count

MOST_FILES = 200
"""Files that are shown; the rest is counted."""
_MOST_REFS = 100
_LARGEST = 1 << 20
"""Bytes of a file that is compared line by line."""
_MOST_LINES = 5000
_AROUND = 2
"""Unchanged lines shown before and after a change."""
_WIDEST = 400
"""Characters of a line; minified code has lines of a megabyte."""
_TOKEN_END = re.compile(r"[A-Za-z0-9+/=_%\\.-]+\Z")
_TOKEN_START = re.compile(r"\A[A-Za-z0-9+/=_%\\.-]+")


@dataclass(frozen=True)
class FileChange:
    """One file, before and after."""

    path: str
    ref: str | None
    """The ref whose newest version is compared; None where no ref holds the file any more."""
    commit: str
    """The old id of what is compared."""
    what: str
    """``text``, ``binary``, ``large``, ``renamed``, ``left`` where the new text would still hold a secret, or
    ``same`` where only its attributes differ."""
    lines: tuple[tuple[str, str], ...] = ()
    """(sign, line): ``-``, ``+``, a space, or ``@`` where lines are left out."""


def newest_changes(
    rehearsal: Rehearsal, needles: Sequence[Needle], marks: Mapping[str, str], head: str | None
) -> list[FileChange]:
    """Every changed file once: as the branch *head* has it, else another ref, else its first commit.

    *marks*: what is shown in place of each replacement (``[github-pat]``). The quarantine of *rehearsal* must still be there. At most `MOST_FILES`. Reads alone.
    """
    quarantine = Path(rehearsal.quarantine)
    held = [needle for needle in needles if needle.id in rehearsal.held]
    clean = cleaner(held) if held else bytes
    left = {r.object for r in rehearsal.remnants if r.needle not in rehearsal.held}
    found: dict[str, FileChange] = {}
    with Blobs(quarantine) as blobs:

        def add(path: str, ref: str | None, old: str, new: str, *, renamed: bool) -> None:
            if path in found or len(found) >= MOST_FILES:
                return
            if renamed:
                found[path] = FileChange(path, ref, old, "renamed")
                return
            before, after = blobs.read(old, path), blobs.read(new, path)
            if before is None or after is None:
                return
            if _id(after, len(new)) in left:
                # The matcher does not know this form, so nobody could mask it.
                found[path] = FileChange(path, ref, old, "left")
                return
            what, lines = compare(clean(before), clean(after), marks)
            found[path] = FileChange(path, ref, old, what, lines)

        for ref in _ordered(rehearsal.refs, head):
            for path, added in _changed(quarantine, ref):
                add(path, ref.name, ref.old, ref.new, renamed=added)
        for place in rehearsal.places:
            successor = rehearsal.commits.get(place.commit or "")
            if place.where == "file" and place.path and place.commit and successor:
                add(place.path, None, place.commit, successor, renamed=False)
    return list(found.values())


def _id(content: bytes, digits: int) -> str:
    """What git calls a blob of *content*, in a repository whose ids have so many *digits*."""
    function = hashlib.sha256 if digits == 64 else hashlib.sha1
    return function(b"blob %d\0" % len(content) + content).hexdigest()


def compare(
    before: bytes, after: bytes, marks: Mapping[str, str]
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """(what, lines) of `FileChange`."""
    if before == after:
        return "same", ()
    if b"\0" in before or b"\0" in after:
        return "binary", ()
    if max(len(before), len(after)) > _LARGEST:
        return "large", ()
    try:
        olds, news = before.decode().split("\n"), after.decode().split("\n")
    except UnicodeDecodeError:
        olds, news = before.decode("latin-1").split("\n"), after.decode("latin-1").split("\n")
    if max(len(olds), len(news)) > _MOST_LINES and len(olds) != len(news):
        return "large", ()
    lines = list(_lines(olds, news, marks))
    if lines and lines[-1] == (" ", ""):
        del lines[-1]  # what stands behind the last line feed is no line
    return "text", tuple(lines)


def _lines(olds: list[str], news: list[str], marks: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    shown = 0
    for start, end, first, last in _blocks(olds, news):
        begin = max(shown, first - _AROUND)
        if begin > shown:
            yield "@", f"line {begin + 1}"
        yield from ((" ", _cut(line)) for line in news[begin:first])
        old, new = olds[start:end], news[first:last]
        if len(old) == len(new):
            pairs = zip(old, new, strict=True)
            yield from (("-", _cut(masked(a, b, marks))) for a, b in pairs)
        else:
            text = masked("\n".join(old), "\n".join(new), marks)
            yield from (("-", _cut(line)) for line in text.split("\n"))
            yield "@", f"{count(len(old), 'line becomes', 'lines become')} {len(new)}"
        yield from (("+", _cut(line)) for line in new)
        shown = last
        following = news[last : last + _AROUND]
        if _clear_until(olds, news, end, last) >= _AROUND or len(following) < _AROUND:
            yield from ((" ", _cut(line)) for line in following)
            shown = last + len(following)


def _blocks(olds: list[str], news: list[str]) -> list[tuple[int, int, int, int]]:
    """(from, to) of the old lines and of the new ones, of each stretch that differs."""
    if len(olds) != len(news):
        compared = SequenceMatcher(None, olds, news, autojunk=False).get_opcodes()
        return [(a, b, c, d) for tag, a, b, c, d in compared if tag != "equal"]
    found: list[tuple[int, int, int, int]] = []
    for at, (old, new) in enumerate(zip(olds, news, strict=True)):
        if old == new:
            continue
        if found and found[-1][1] == at:
            found[-1] = (found[-1][0], at + 1, found[-1][2], at + 1)
        else:
            found.append((at, at + 1, at, at + 1))
    return found


def _clear_until(olds: list[str], news: list[str], old: int, new: int) -> int:
    """How many lines from here on are the same in both, no further than is shown."""
    count = 0
    while (
        count < _AROUND
        and old + count < len(olds)
        and new + count < len(news)
        and olds[old + count] == news[new + count]
    ):
        count += 1
    return count


def masked(old: str, new: str, marks: Mapping[str, str]) -> str:
    """*old* with a mark for each secret in it; nothing else in it that *new* has not."""
    plain = re.compile(
        "|".join(re.escape(m) for m in sorted(marks, key=len, reverse=True)) or r"(?!)"
    )
    around = plain.split(new)
    if len(around) > 1 and re.fullmatch(".+".join(map(re.escape, around)), old, re.DOTALL):
        return plain.sub(lambda found: marks[found.group()], new)
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    rest = min(len(old), len(new)) - start
    end = 0
    while end < rest and old[-1 - end] == new[-1 - end]:
        end += 1
    # A secret can begin as its replacement does: back to where the word begins.
    before = _TOKEN_END.sub("", new[:start])
    after = _TOKEN_START.sub("", new[len(new) - end :])
    return f"{before}[secret, encoded]{after}"


def _cut(line: str) -> str:
    return line if len(line) <= _WIDEST else f"{line[:_WIDEST]}…"


def _ordered(refs: Sequence[RefChange], head: str | None) -> list[RefChange]:
    """The branch that is checked out, branches, then all else."""

    def rank(ref: RefChange) -> tuple[bool, bool, str]:
        return ref.name != head, not ref.name.startswith("refs/heads/"), ref.name

    return sorted(refs, key=rank)[:_MOST_REFS]


def _changed(quarantine: Path, ref: RefChange) -> Iterator[tuple[str, bool]]:
    """(path, whether it is only there afterwards) of every file that differs."""
    try:
        answer = git.run(
            quarantine, "diff-tree", "-r", "-z", "--no-renames", "--raw",
            f"{ref.old}^{{tree}}", f"{ref.new}^{{tree}}",
        )  # fmt: skip
    except GitError:
        # A ref to a blob has no tree.
        return
    fields = answer.split(b"\0")
    for head, path in zip(fields[::2], fields[1::2], strict=False):
        status = head.rsplit(b" ", 1)[-1]
        if status != b"D":
            yield path.decode("utf-8", "surrogateescape"), status == b"A"
