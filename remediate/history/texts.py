"""Commits and tags byte for byte: what has to change is changed, everything else stays as it stands.

Pure functions over an object's bytes; `remediate.history.rewrite` knows in which order they apply.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

#: Headers whose meaning git defines (git's commit.c, tag.c); others come from other tools.
_KNOWN = frozenset(
    {
        b"tree",
        b"parent",
        b"author",
        b"committer",
        b"encoding",
        b"object",
        b"type",
        b"tag",
        b"tagger",
    }
)
_SIGNATURES = frozenset({b"gpgsig", b"gpgsig-sha256"})

#: How a signature at the end of a tag's message begins (git's gpg-interface.c).
_TAG_SIGNATURE = re.compile(
    rb"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----", re.MULTILINE
)

#: An id in a message, in full or abbreviated; the same expression as git-filter-repo's.
_ID = re.compile(rb"\b[0-9a-f]{7,64}\b")


@dataclass(frozen=True)
class Changed:
    """A commit's or tag's new bytes, and what could not be kept (kinds of `Lost`)."""

    content: bytes
    lost: tuple[str, ...]


class Ids:
    """Finds the commit that an id in a message names, if it is a commit and only one."""

    def __init__(self, commits: Collection[str]) -> None:
        self._commits = commits
        self._sorted = sorted(commits)

    def named(self, shown: str) -> str | None:
        """The full id that *shown* stands for."""
        if shown in self._commits:
            return shown
        at = bisect_left(self._sorted, shown)
        alike = [oid for oid in self._sorted[at : at + 2] if oid.startswith(shown)]
        return alike[0] if len(alike) == 1 else None

    def named_in(self, text: bytes) -> Iterator[str]:
        """The full id of every commit that *text* names."""
        for found in _ID.findall(text):
            if (commit := self.named(found.decode("ascii"))) is not None:
                yield commit

    def map(self, text: bytes, new: Mapping[str, str]) -> bytes:
        """*text* with the ids in it that are keys of *new* replaced, as long as they were."""

        def mapped(found: re.Match[bytes]) -> bytes:
            commit = self.named(found.group().decode("ascii"))
            if commit is None or commit not in new:
                return found.group()
            return new[commit][: len(found.group())].encode("ascii")

        return _ID.sub(mapped, text)


def message(content: bytes) -> bytes:
    """The message of a commit or tag."""
    return content.partition(b"\n\n")[2]


def headers(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, whole header with its continuation lines, without the last line's end) of each."""
    lines = content.partition(b"\n\n")[0].rstrip(b"\n").split(b"\n")
    header: list[bytes] = []
    for line in lines:
        if header and not line.startswith(b" "):
            yield header[0].partition(b" ")[0], b"\n".join(header)
            header = []
        header.append(line)
    if header:
        yield header[0].partition(b" ")[0], b"\n".join(header)


def change(
    content: bytes,
    new: Mapping[str, str],
    ids: Ids,
    clean: Callable[[bytes], bytes],
) -> Changed:
    """The successor of a commit or tag.

    *new* maps ids of objects to their successors; *clean* puts the replacements in.
    """
    head, blank, text = content.partition(b"\n\n")
    kept: list[bytes] = []
    lost: dict[str, None] = {}
    for name, header in headers(content):
        changed = _header(name, header, new, clean)
        if changed is None:
            lost["mergetag" if name == b"mergetag" else "signature"] = None
            continue
        if changed != header and name not in _KNOWN:
            lost["header"] = None
        kept.append(changed)
    if head.startswith(b"object ") and (signature := _TAG_SIGNATURE.search(text)) is not None:
        text = text[: signature.start()]
        lost["signature"] = None
    text = ids.map(clean(text), new)
    end = blank or content[len(head.rstrip(b"\n")) :]
    return Changed(b"\n".join(kept) + end + text, tuple(lost))


def _header(
    name: bytes, header: bytes, new: Mapping[str, str], clean: Callable[[bytes], bytes]
) -> bytes | None:
    """A header's successor; None where it has to go."""
    if name in _SIGNATURES:
        return None
    if name in (b"tree", b"parent", b"object"):
        old = header.partition(b" ")[2].decode("ascii", "replace")
        return name + b" " + new.get(old, old).encode("ascii", "replace")
    if name == b"mergetag":
        # It holds a signed tag whole. As long as what that tag names is as it was, it is valid.
        tagged = header.split(b"\n")[0].rpartition(b" ")[2].decode("ascii", "replace")
        return header if tagged not in new and clean(header) == header else None
    return clean(header)
