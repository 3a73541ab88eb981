"""Where replacements stand in a text, for the check of a rehearsal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from remediate.history.match import fit
from remediate.history.matcher import Matcher
from remediate.history.model import Needle
from remediate.history.multiline import block
from remediate.secret import Secret

#: Asterisks in base64, and in UTF-16 within it, and escaped; the last letter can hold bits of what follows.
_ASTERISKS = re.compile(
    rb"(?:[KioqgAC]|[\s\"',>#*]|\\+[rnt]|\\(?=\s)|\\x2[aA]|\\u002[aA]|%2[aA]|\\052"
    rb"|&#42;|&#[xX]2[aA];|2[aA]:|0x2[aA],? ?)*[A-Za-z0-9+/_-]?"
)


class Marks:
    """The places of the *needles'* replacements: as they are, and filled up within encoded text."""

    def __init__(self, needles: Sequence[Needle]) -> None:
        marks = sorted({needle.replacement for needle in needles}, key=len, reverse=True)
        self._plain = re.compile(b"|".join(re.escape(mark) for mark in marks))
        filled = dict.fromkeys(
            # How long a key's place is, the text alone knows: what fills it up is looked at below.
            n.replacement if block(value := n.secret.reveal()) else fit(n.replacement, len(value))
            for n in needles
        )
        self._encoded = Matcher(
            # In an archive they stand as they are, and the archive in base64 or hex may be a text's.
            Needle(str(number), Secret(text), text)
            for number, text in enumerate(dict.fromkeys((*filled, *marks)))
        )

    def places(self, text: bytes) -> list[tuple[int, int]]:
        """Start and end of each in *text*, in order, none overlapping."""
        found = [match.span() for match in self._plain.finditer(text)]
        found += [
            (match.start, _filled_up(text, match.end))
            for match in self._encoded.find(text)
            if match.encoding != "plain"
        ]
        joined: list[tuple[int, int]] = []
        for start, end in sorted(found):
            if joined and start < joined[-1][1]:
                start, end = joined[-1][0], max(end, joined.pop()[1])
            joined.append((start, end))
        return joined

    def between(self, text: bytes) -> list[bytes]:
        """What stands before, between and behind them: one piece more than there are places."""
        edges = [0, *(edge for place in self.places(text) for edge in place), len(text)]
        return [text[start:end] for start, end in list(pairwise(edges))[::2]]


def _filled_up(text: bytes, end: int) -> int:
    """Where the asterisks end that stand in base64 from *end* on."""
    found = _ASTERISKS.match(text, end)
    return end if found is None else found.end()
