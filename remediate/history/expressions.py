"""git-filter-repo's ``--replace-text`` files: written, and read by its own parser.

One rule a line, ``literal:old==>new``; see git-filter-repo(1). What its parser does is what counts:
it cuts at the last ``==>``, so a replacement is always written out; it reads line by line, so a value
of several lines can't be written at all (it would fall apart into one rule a line).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import git_filter_repo

from remediate.errors import InputError, UsageError
from remediate.history.model import Needle
from remediate.secret import Secret


@dataclass(frozen=True)
class Rule:
    """A text, and what takes its place."""

    secret: Secret
    replacement: bytes


@dataclass(frozen=True)
class Pattern:
    """A rule ``regex:`` or ``glob:`` in *line* of its file; `replacement` may name groups."""

    line: int
    regex: re.Pattern[bytes] = field(repr=False)
    replacement: bytes = field(repr=False)


@dataclass(frozen=True)
class Expressions:
    """What stands in one file: git-filter-repo follows all literals first, then the patterns."""

    literals: tuple[Rule, ...]
    patterns: tuple[Pattern, ...] = ()


def write_expressions(path: Path, needles: Sequence[Needle]) -> tuple[str, ...]:
    """Write *needles* as literal rules into the new file *path* (0600), longer ones first.

    Gives the ids of those that can't be written: secrets of several lines. The file is a list of
    secrets; whoever asked for it answers for it. Raises `UsageError` where *path* is there already.
    """
    left_out = tuple(
        n.id for n in needles if any(end in n.secret.reveal() for end in (b"\n", b"\r"))
    )
    rules = sorted(
        (n for n in needles if n.id not in left_out and n.secret),
        key=lambda n: (-len(n.secret.reveal()), n.secret.reveal()),
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(
            f"{path} can't be made: {error.strerror}.", hint="Name a file that is not there yet."
        ) from None
    with os.fdopen(handle, "wb") as file:
        file.writelines(b"literal:%s==>%s\n" % (n.secret.reveal(), n.replacement) for n in rules)
    return left_out


def read_expressions(path: Path) -> Expressions:
    """The rules of a ``--replace-text`` file, in its order.

    Raises `InputError` where the file can't be read as one, with the line of a pattern that has a fault.
    """
    expected = "rules as git-filter-repo --replace-text takes them"
    try:
        lines = path.read_bytes().split(b"\n")
        patterns = tuple(
            pattern
            for number, line in enumerate(lines, 1)
            if (pattern := _pattern(path, number, line.rstrip(b"\r"), expected)) is not None
        )
        parsed: dict[str, list[Any]] = git_filter_repo.FilteringOptions.get_replace_text(
            os.fsencode(path)
        )
    except OSError as error:
        raise InputError(str(path), expected, found=error.strerror or "no file") from None
    if [(p.regex, p.replacement) for p in patterns] != parsed["regexes"]:
        raise InputError(str(path), expected, found="a file that changes while it is read")
    return Expressions(tuple(Rule(Secret(old), new) for old, new in parsed["literals"]), patterns)


def _pattern(path: Path, number: int, line: bytes, expected: str) -> Pattern | None:
    """The pattern that *line* is, cut as git-filter-repo cuts it; None for a literal."""
    old, arrow, new = line.rpartition(b"==>")
    if not arrow:
        old, new = line, git_filter_repo.FilteringOptions.default_replace_text
    kind, colon, text = old.partition(b":")
    if not colon or kind not in (b"regex", b"glob"):
        return None
    try:
        expression = text if kind == b"regex" else git_filter_repo.glob_to_regex(text)
        if not expression:
            return None
        regex = re.compile(expression)
        regex.sub(new, b"")
    # The expression may hold a secret: only its fault is told.
    except (re.error, IndexError, OverflowError, RecursionError) as error:
        fault = error.msg if isinstance(error, re.error) else "it names a group that is not there"
        found = f"a regular expression with a fault ({fault})"
        raise InputError(str(path), expected, line=number, found=found) from None
    except SystemExit:
        found = "a glob that is not UTF-8"
        raise InputError(str(path), expected, line=number, found=found) from None
    return Pattern(number, regex, new)
