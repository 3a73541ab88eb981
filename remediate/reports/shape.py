"""What a report looks like from its first megabyte: enough to tell formats apart, cheap, never raising."""

from __future__ import annotations

import re
from dataclasses import dataclass

from remediate.plugins.report import Document
from remediate.reports.text import head

# A string that is cut off is one token too: else each escaped quote in it would be tried as a start.
_TOKEN = re.compile(r'"((?:[^"\\]++|\\.)*+)(?:"(\s*+:)?|\\?\Z)|[\[\]{}]', re.DOTALL)
_NAMES = 1000


@dataclass(frozen=True)
class Shape:
    """The outline of a JSON report, or that it is none."""

    opening: str
    """Its first character that is not a space; empty where there is none."""
    names: frozenset[str] = frozenset()
    """The names of its first object: the first entry of a list, or the whole where it is one."""
    inner: frozenset[str] = frozenset()
    """The names within what that first object holds, two levels down at most."""
    lines: bool = False
    """Whether another object follows after the first, as in JSON Lines."""

    @property
    def is_json(self) -> bool:
        """Whether it begins like a list or an object."""
        return self.opening in ("[", "{")


def shape_of(document: Document) -> Shape:
    """The shape of *document*, from what its first megabyte shows."""
    text = head(document).lstrip(" \t\r\n")
    opening = text[:1]
    if opening not in ("[", "{"):
        return Shape(opening)
    names: set[str] = set()
    inner: set[str] = set()
    depth = first = 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in ("{", "["):
            depth += 1
            if mark == "{" and not first:
                first = depth
        elif mark in ("}", "]"):
            depth -= 1
            if first and depth < first:
                rest = text[token.end() :].lstrip()
                lines = first == 1 and rest.startswith("{")
                return Shape(opening, frozenset(names), frozenset(inner), lines)
        elif token[2] and first and depth <= first + 2 and len(names) + len(inner) < _NAMES:
            (names if depth == first else inner).add(token[1])
    return Shape(opening, frozenset(names), frozenset(inner))
