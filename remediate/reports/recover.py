"""The value of a redacted finding, read where the report says that it stands.

A report's columns are never trusted to cut a value out (gitleaks' are off by one on every line but the
first): what stands on the lines is matched again by its structure, and what the report still tells
(entropy, the text around, the part that was not taken out, columns) chooses. Where that leaves two
values, or none, nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from remediate.model import Finding, Hints
from remediate.reports import digests
from remediate.reports.candidates import (
    DECODED,
    Candidate,
    blocks,
    candidates,
    entropy,
    header,
    names,
)
from remediate.reports.canonical import PEM_HEADER, canonical
from remediate.reports.places import is_commit, repository_path
from remediate.secret import Secret

ReadBlob: TypeAlias = Callable[[str | None, str], bytes | None]
"""(commit, path) to the file as it was in that commit; of the newest commit where it is None. None
where there is no such file, or it can't be read."""

_AROUND = 2048
"""Bytes looked at on either side of the columns of a very long line."""
_WINDOW = 1 << 16
_LONGEST_KEY = 1 << 20
_ADDRESS = re.compile(rb"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*+://[^\s\"'`<>]*")
_LIKELY_LENGTH = 16
_LIKELY_ENTROPY = 3.0


@dataclass(frozen=True)
class Recovery:
    """What came of looking for a redacted value."""

    value: Secret | None
    reason: str = ""
    """Why there is none, in a few words without a value: fit for the record."""


@dataclass(frozen=True)
class _Text:
    """The lines that a finding names."""

    lines: bytes
    onward: bytes
    """These and what follows them: a PEM block may be longer than a scanner says."""
    single: bool


def recover(finding: Finding, read_blob: ReadBlob) -> Secret | None:
    """The finding's value: its own, or the one that stands where it says; None where neither is had."""
    return look(finding, read_blob).value


def look(finding: Finding, read_blob: ReadBlob) -> Recovery:
    """Like `recover`, with the reason where there is no value. Never raises for what a report says."""
    if finding.value is not None:
        return Recovery(finding.value)
    place = finding.location
    if place.url is not None:
        return Recovery(None, "the place is not in the repository")
    path = repository_path(place.path) if place.path else None
    if path is None:
        return Recovery(None, "the report names no file within the repository")
    if place.start_line is None or place.start_line < 1:
        return Recovery(None, "the report names the whole file, not a line of it")
    if place.commit is not None and not is_commit(place.commit):
        return Recovery(None, "what the report gives as a commit is none")
    blob = read_blob(place.commit, path)
    if blob is None:
        where = "that commit" if place.commit else "the newest commit"
        return Recovery(None, f"there is no such file in {where} of this repository")
    hints = finding.hints or Hints()
    start, end = place.start_line, max(place.end_line or 0, place.start_line)
    text = _cut(blob, start, end)
    found = _choose(text, hints) if text else []
    if not found and _provable(hints):
        # Some versions of gitleaks are a line off (its issues 1037 and 1352), and so is ggshield's SARIF.
        around = _cut(blob, max(1, start - 1), end + 1)
        found = _choose(replace(around, single=False), hints) if around else []
    if text is None and not found:
        return Recovery(None, "the file has fewer lines than the report says")
    if not found:
        return Recovery(None, "no value that agrees with the report stands on that line")
    if len(found) > 1:
        return Recovery(None, "more than one value that agrees with the report stands on that line")
    return Recovery(Secret(found[0]))


def agrees(hints: Hints, value: Secret) -> bool:
    """Whether a hash and a mask that the report holds are *value*'s."""
    shown = value.reveal()
    return (hints.digest is None or digests.proves(hints.digest, shown)) and (
        hints.mask is None or _fits(hints.mask, shown)
    )


def _cut(blob: bytes, start: int, end: int) -> _Text | None:
    """The lines from *start* to *end*, counted from 1."""
    at = 0
    for _ in range(start - 1):
        at = blob.find(b"\n", at) + 1
        if not at:
            return None
    if at >= len(blob):
        return None
    stop = at
    for _ in range(end - start + 1):
        found = blob.find(b"\n", stop)
        stop = len(blob) if found < 0 else found + 1
    return _Text(blob[at:stop].rstrip(b"\r\n"), blob[at : at + _LONGEST_KEY], start == end)


def _choose(text: _Text, hints: Hints) -> list[bytes]:
    """The one canonical value that agrees with *hints*; none; more where they can't be told apart."""
    columns = hints.columns if text.single else None
    keys = [c for c in blocks(text.onward) if c.start < len(text.lines)]
    if columns:
        keys = [c for c in keys if c.start < columns[1] and c.end >= columns[0]]
    keys = [c for c in keys if _key_agrees(c, hints)]
    if keys:
        return _distinct(keys)
    lines, shift = _window(text, hints)
    found = (
        _agreeing(lines, candidates(lines), hints)
        or _agreeing(lines, _between(lines, hints), hints)
        or _agreeing(lines, _unmasked(lines, hints), hints)
    )
    near = _near(found, columns, shift) if columns else []
    if hints.mask is not None:
        # Readings of one stretch that the mask fits all: the one it was made from begins and ends there.
        return _distinct(_one_a_stretch(lines, near or found))
    if _provable(hints):
        # The proof has chosen already: what is left is one value, or can't be told apart.
        return _distinct(near or found or _agreeing(lines, _cut_out(lines, columns, shift), hints))
    if near:
        return _distinct(near[:1])
    if hints.beginning is None:
        named = names(lines)
        found = [c for c in found if _likely(c) and not _overlaps(c, named)]
    return _distinct(_one_a_stretch(lines, found))


def _distinct(found: Iterable[Candidate]) -> list[bytes]:
    return list(dict.fromkeys(canonical(c.value) for c in found))


def _key_agrees(block: Candidate, hints: Hints) -> bool:
    """Whether a PEM block is what the report saw: all of it, or its first line."""
    lf = block.value.replace(b"\r\n", b"\n")
    first = header(block.value)
    # detect-secrets hashes the first line without its dashes.
    seen = (block.value, lf, canonical(block.value), first, first.strip(b"-"))
    return (
        (hints.beginning is None or any(_begins(value, hints) for value in seen))
        and (hints.entropy is None or any(_same(value, hints) for value in seen))
        and (hints.digest is None or any(digests.proves(hints.digest, value) for value in seen))
        and (hints.mask is None or any(_fits(hints.mask, value) for value in seen))
    )


def _provable(hints: Hints) -> bool:
    """Whether the report tells enough to prove a value to be the one that was meant."""
    return hints.entropy is not None or hints.digest is not None or hints.mask is not None


def _begins(value: bytes, hints: Hints) -> bool:
    return hints.beginning is None or value.startswith(hints.beginning.reveal())


def _fits(mask: Secret, value: bytes) -> bool:
    """Whether *value* is *mask* with something in place of each ``*``."""
    return re.fullmatch(_pattern(mask), value) is not None


def _pattern(mask: Secret) -> bytes:
    """A mask's ``*`` stands for one character, which may be of several bytes in UTF-8."""
    one = rb"(?:[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*+)"
    return re.sub(
        rb"(?:\\\*)+", lambda stars: one + b"{%d}" % (len(stars[0]) // 2), re.escape(mask.reveal())
    )


def _agreeing(lines: bytes, among: Iterable[Candidate], hints: Hints) -> list[Candidate]:
    told = replace(hints, digest=None)
    found = [
        c
        for c in among
        if _agrees(lines, c, told, provable=_provable(hints)) and not PEM_HEADER.match(c.value)
    ]
    if hints.digest is None:
        return found
    # Last, and each value once: a hash may be one that is made to be slow.
    most = digests.most(hints.digest)
    values = list(dict.fromkeys(c.value for c in found))[:most]
    proven = next((v for v in values if digests.proves(hints.digest, v)), None)
    return [c for c in found if c.value == proven]


def _between(lines: bytes, hints: Hints) -> Iterator[Candidate]:
    """What stands between the text before and the text after, whatever it looks like."""
    if hints.before is None or hints.after is None:
        return
    before, after = hints.before.reveal(), hints.after.reveal()
    at = lines.find(before)
    while at >= 0:
        start = at + len(before)
        end = lines.find(after, start + 1)
        if end > start:
            yield Candidate(lines[start:end], start, end, 2)
        at = lines.find(before, at + 1)


def _unmasked(lines: bytes, hints: Hints) -> Iterator[Candidate]:
    """What fits the mask, whatever it looks like."""
    if hints.mask is None:
        return
    for found in re.finditer(_pattern(hints.mask), lines):
        yield Candidate(found[0], found.start(), found.end(), 3)


def _cut_out(lines: bytes, columns: tuple[int, int] | None, shift: int) -> Iterator[Candidate]:
    """What stands in the columns, as reported and one to the left.

    The last resort, where no structure tells anything, and only with the entropy to prove it: a
    stretch that is one off often has the same entropy.
    """
    if columns is None:
        return
    first, last = columns
    for offset in (0, 1):
        start, end = first - 1 - offset - shift, last - offset - shift
        if 0 <= start < end <= len(lines):
            yield Candidate(lines[start:end], start, end, 4)


def _agrees(lines: bytes, candidate: Candidate, hints: Hints, *, provable: bool) -> bool:
    """Whether nothing that the report tells speaks against the candidate."""
    value = candidate.value
    if not _begins(value, hints):
        return False
    if hints.entropy is not None and not _same(value, hints):
        return False
    if hints.mask is not None and not _fits(hints.mask, value):
        return False
    if candidate.rank == DECODED:
        # Decoded: the text around it, as the report has it, was decoded too. Nothing but a proof
        # makes a decoded value the one that was meant.
        return provable
    before, after = hints.before, hints.after
    return not (
        (before is not None and not lines[: candidate.start].endswith(before.reveal()))
        or (after is not None and not lines[candidate.end :].startswith(after.reveal()))
    )


def _same(value: bytes, hints: Hints) -> bool:
    """Whether *value* has the entropy that the report tells."""
    return hints.entropy is None or abs(entropy(value) - hints.entropy) <= hints.tolerance


def _window(text: _Text, hints: Hints) -> tuple[bytes, int]:
    """As much of the lines as is looked at, and how many bytes stand before it."""
    if len(text.lines) <= _WINDOW:
        return text.lines, 0
    if not (hints.columns and text.single):
        return text.lines[:_WINDOW], 0
    start = max(0, hints.columns[0] - _AROUND)
    return text.lines[start : hints.columns[1] + _AROUND], start


def _near(found: list[Candidate], columns: tuple[int, int], shift: int) -> list[Candidate]:
    """Those whose place fits the columns, which may be one off and may count the end in or out.

    Likeliest first: a value rarely ends in the sentence's full stop, and often in the ``=`` of Base64.
    """
    first, last = columns[0] - 1 - shift, columns[1] - shift
    fitting = [c for c in found if abs(c.start - first) <= 1 and abs(c.end - last) <= 1]
    return sorted(fitting, key=lambda c: (c.rank, c.value[-1] in b".:?!~", -len(c.value)))


def _likely(candidate: Candidate) -> bool:
    """Whether it is long and random-looking: all there is to go by without any hint."""
    return (
        len(candidate.value) >= _LIKELY_LENGTH
        and any(c in b"0123456789" for c in candidate.value)
        and entropy(candidate.value) >= _LIKELY_ENTROPY
    )


def _overlaps(candidate: Candidate, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start < candidate.end and candidate.start < end for start, end in spans)


def _one_a_stretch(lines: bytes, found: list[Candidate]) -> list[Candidate]:
    """Of candidates that overlap, the likeliest alone: they are readings of one value.

    A web address is one stretch: its host and path are no second value beside its password.
    """
    addresses = [a.span() for a in _ADDRESS.finditer(lines)]
    chosen: list[Candidate] = []
    taken: list[tuple[int, int]] = []
    for candidate in sorted(found, key=lambda c: (c.rank, -len(c.value))):
        spans = [(candidate.start, candidate.end)]
        spans += [(s, e) for s, e in addresses if s < candidate.end and candidate.start < e]
        start, end = min(s for s, _ in spans), max(e for _, e in spans)
        if all(end <= s or start >= e for s, e in taken):
            chosen.append(candidate)
            taken.append((start, end))
            if len(chosen) > 1:
                # Two are too many already.
                break
    return chosen
