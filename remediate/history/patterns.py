"""Rules that are patterns: which texts of a history they match, so that those can be looked for like any other.

git-filter-repo runs a pattern over each text file, after the literal rules and those patterns that stand
before it. This does the same over every text of the repository, notes what is matched with what would
take its place, and changes nothing. From then on they are texts: looked for in every form and place.

A pattern that looks at what is around its match (anchors, ``\\b``, lookaround) matches in some places and
not in others; the text it matched is replaced in all. See docs/coverage-forms.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from remediate.errors import UsageError
from remediate.history.expressions import Expressions, Pattern, Rule
from remediate.history.inventory import Inventory, listed
from remediate.history.model import Progress, Unreadable, no_progress
from remediate.history.objects import read_many
from remediate.history.repo import Repo
from remediate.history.stream import Chunk, Cores
from remediate.secret import Secret

#: Distinct texts. Each is looked for in some twenty forms.
MOST_TEXTS = 1000

#: Bytes of one text.
LONGEST = 4096

#: A file with a NUL among so many first bytes is no text to git-filter-repo.
_LOOKED_AT = 8192

_PERSON = re.compile(rb"^(?:author|committer|tagger) (.*>)[^>\n]*$", re.MULTILINE)
_STEP = "Matching rules"
_BY_VALUE = "Write the values that are meant as lines of their own: literal:VALUE==>NEW"


def expand(repo: Repo, rules: Expressions, *, progress: Progress = no_progress) -> tuple[Rule, ...]:
    """The texts in *repo* that the patterns of *rules* match, each with what takes its place.

    Searched are files (reachable or not), messages, people, and the names of files and refs. What can't
    be read is passed over: the scan that follows names it. Raises `UsageError` for a pattern that can't be
    followed: it matches the empty text, too much, or what another rule puts there.
    """
    if not rules.patterns:
        return ()
    there = Inventory()
    finder = _Finder(rules)
    with Cores(repo.common_dir) as cores:
        parts = cores.each(
            listed(repo.common_dir, there),
            lambda: _worker(rules, repo.hex_length // 2),
            step=_STEP,
            progress=progress,
            total=lambda: there.total("blob", "commit", "tag", "tree"),
        )
    large: set[str] = set()
    names = {ref.name.encode("utf-8", "surrogateescape") for ref in repo.refs()}
    for part in parts:
        large |= part.large
        names |= part.names
        for line, text, new in part.finder.pairs():
            finder.add(line, text, new)
    for read in read_many(repo.common_dir, sorted(large)):
        finder.look(read.content or b"")
    for name in sorted(names):
        finder.look(name)
    pairs = finder.pairs()
    put = dict.fromkeys(new for _, _, new in pairs)
    for line, text, _ in pairs:
        if any(text in new for new in put):
            raise _refused(line, "a rule puts back what it matches")
    return tuple(Rule(Secret(text), new) for _, text, new in pairs)


@dataclass
class _Finder:
    """Notes what the patterns match in one text after another."""

    rules: Expressions
    found: dict[bytes, tuple[int, bytes]] = field(default_factory=dict, repr=False)

    def pairs(self) -> list[tuple[int, bytes, bytes]]:
        """(line, text, replacement) of every text, by line."""
        return sorted((line, text, new) for text, (line, new) in self.found.items())

    def look(self, content: bytes) -> None:
        """Follow all rules over *content*, as git-filter-repo would."""
        if b"\0" in content[:_LOOKED_AT]:
            return
        now = content
        for rule in self.rules.literals:
            now = now.replace(rule.secret.reveal(), rule.replacement)
        for pattern in self.rules.patterns:
            now = pattern.regex.sub(self._noting(pattern, content), now)

    def _noting(self, pattern: Pattern, content: bytes) -> Callable[[re.Match[bytes]], bytes]:
        def note(match: re.Match[bytes]) -> bytes:
            text, new = match.group(), match.expand(pattern.replacement)
            if text != new:
                if text and len(text) <= LONGEST and text not in content:
                    raise _refused(pattern.line, "it matches what another rule put there")
                self.add(pattern.line, text, new)
            return new

        return note

    def add(self, line: int, text: bytes, new: bytes) -> None:
        """Note *text*; of two rules that match it the first counts. Raises `UsageError`."""
        if not text:
            raise _refused(line, "it matches the empty text, which stands everywhere")
        if len(text) > LONGEST:
            raise _refused(line, f"it matches a text of more than {LONGEST:,} bytes")
        known = self.found.get(text)
        if known is not None and known[0] == line and known[1] != new:
            raise _refused(line, "it replaces one text by different ones, by what is around it")
        if known is None or line < known[0]:
            self.found[text] = line, new
        if len(self.found) > MOST_TEXTS:
            raise _refused(line, f"the rules match more than {MOST_TEXTS:,} different texts")


def _refused(line: int, why: str) -> UsageError:
    return UsageError(
        f"The rule in line {line} can't be followed: {why}. Nothing was done, and what is leaked is still "
        "there.",
        hint=f"Make the pattern narrower. {_BY_VALUE}",
    )


@dataclass
class _Part:
    """What one stretch of objects held."""

    finder: _Finder
    names: set[bytes] = field(default_factory=set)
    large: set[str] = field(default_factory=set)


def _worker(
    rules: Expressions, raw_length: int
) -> Callable[[str, Iterator[Chunk | Unreadable]], _Part]:
    entry = re.compile(rb"[0-7]{5,6} ([^\0]+)\0.{%d}" % raw_length, re.DOTALL)

    def work(kind: str, chunks: Iterator[Chunk | Unreadable]) -> _Part:
        part = _Part(_Finder(rules))
        for chunk in chunks:
            if isinstance(chunk, Unreadable):
                continue
            if chunk.piece:
                part.large.add(chunk.oids[0].decode("ascii"))
                continue
            for index in range(len(chunk.oids)):
                content = chunk.content(index)
                if kind == "tree":
                    part.names.update(entry.findall(content))
                elif kind == "blob":
                    part.finder.look(content)
                else:
                    head, _, message = content.partition(b"\n\n")
                    part.finder.look(message)
                    part.names.update(_PERSON.findall(head))
        return part

    return work
