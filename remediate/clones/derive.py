"""Which values were removed, told from old and new objects side by side.

A collaborator is handed the commit map, not the secrets: but both histories are in the old clone after
a fetch, and where the new one says ``REMOVED-<kind>`` the old one says what stood there. With the same
values the same rewrite gives the same ids, here as there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from remediate.history import git
from remediate.history.model import Needle
from remediate.history.objects import read_many
from remediate.history.packs import types
from remediate.history.repo import Repo
from remediate.secret import InstallationKey, Secret

_LARGEST = 4 << 20
"""Bytes of an object; the same values stand in smaller ones too, or are not found this way."""
_MOST_MARKS = 40
_SHORTEST = 4


def removed_values(
    repo: Repo,
    commits: Mapping[str, str],
    replacement: str,
    kinds: Iterable[str],
    key: InstallationKey,
) -> list[Needle]:
    """Each distinct value that the rewrite of *commits* (old to new) took out, as a rule.

    *replacement* is policy's, with ``{kind}`` in it; *kinds* are those known here, for what follows a
    mark may look like more of it. Empty where the clone lacks one of the histories.
    """
    mark = mark_of(replacement, kinds)
    found: dict[bytes, bytes] = {}
    for before, after in _pairs(repo, commits):
        for value, replaced in values_between(before, after, mark):
            found.setdefault(value, replaced)
    return [
        Needle(key.fingerprint(Secret(value)), Secret(value), replaced)
        for value, replaced in sorted(found.items(), key=lambda item: (-len(item[0]), item[0]))
    ]


def mark_of(replacement: str, kinds: Iterable[str]) -> re.Pattern[bytes]:
    """What stands in a removed value's place; in a binary file padded with asterisks."""
    head, _, tail = replacement.partition("{kind}")
    known = "|".join(sorted(map(re.escape, kinds), key=len, reverse=True))
    kind = f"(?:{known}|[a-z0-9][a-z0-9-]*)" if known else "[a-z0-9][a-z0-9-]*"
    return re.compile(f"{re.escape(head)}{kind}{re.escape(tail)}\\**".encode())


def values_between(
    before: bytes, after: bytes, mark: re.Pattern[bytes]
) -> Iterator[tuple[bytes, bytes]]:
    """(value, what stands in its place) for each mark of *after*; nothing where they do not match."""
    marks = list(mark.finditer(after))
    if not 0 < len(marks) <= _MOST_MARKS or max(len(before), len(after)) > _LARGEST:
        return
    parts, at = [], 0
    for found in marks:
        parts.append(re.escape(after[at : found.start()]))
        at = found.end()
    parts.append(re.escape(after[at:]))
    same = re.fullmatch(b"(.+?)".join(parts), before, re.DOTALL)
    if same is None:
        return
    for value, found in zip(same.groups(), marks, strict=True):
        # A mark that stood there before the rewrite stands for nothing.
        if len(value) >= _SHORTEST and mark.fullmatch(value) is None:
            yield value, found.group().rstrip(b"*")


def _pairs(repo: Repo, commits: Mapping[str, str]) -> Iterator[tuple[bytes, bytes]]:
    """The contents of every old blob and its successor, then of the commits themselves."""
    here = types(repo, [oid for pair in commits.items() for oid in pair]).keys()
    both = [(old, new) for old, new in commits.items() if old in here and new in here]
    blobs = dict.fromkeys(_changed_blobs(repo, both))
    order = [oid for pair in (*blobs, *both) for oid in pair]
    reads = read_many(repo.common_dir, order)
    for before, after in zip(reads, reads, strict=True):
        if before.content is None or after.content is None:
            continue
        if before.kind == "commit":
            # Their headers differ by ids; the message is what a person wrote.
            texts = (c.partition(b"\n\n")[2] for c in (before.content, after.content))
            old_text, new_text = texts
            yield old_text, new_text
        else:
            yield before.content, after.content


def _changed_blobs(repo: Repo, both: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    asked = "".join(f"{new} {old}\n" for old, new in both)
    if not asked:
        return
    # "commit parent": the difference of exactly these two, old to new.
    raw = git.run(
        repo.common_dir,
        *("diff-tree", "--stdin", "-r", "--raw", "--no-renames", "--no-commit-id", "-z"),
        stdin=asked.encode(),
    )
    for field in raw.split(b"\0"):
        facts = field.split(b" ")
        if len(facts) == 5 and facts[0].startswith(b":") and facts[4] == b"M":
            yield facts[2].decode("ascii"), facts[3].decode("ascii")
