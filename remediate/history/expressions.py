"""git-filter-repo's ``--replace-text`` files: written, and read by its own parser.

One rule a line, ``literal:old==>new``; see git-filter-repo(1). What its parser does is what counts:
it cuts at the last ``==>``, so a replacement is always written out; it reads line by line, so a value
of several lines can't be written at all (it would fall apart into one rule a line).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
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


def read_expressions(path: Path) -> tuple[Rule, ...]:
    """The rules of a ``--replace-text`` file, in its order.

    Raises `InputError` where the file can't be read as one, `UsageError` for rules that are regular
    expressions or globs.
    """
    expected = "rules as git-filter-repo --replace-text takes them"
    try:
        parsed: dict[str, list[Any]] = git_filter_repo.FilteringOptions.get_replace_text(
            os.fsencode(path)
        )
    except OSError as error:
        raise InputError(str(path), expected, found=error.strerror or "no file") from None
    except re.error as error:
        # The expression may hold a secret: only its fault is told.
        raise InputError(
            str(path), expected, found=f"a regular expression with a fault ({error.msg})"
        ) from None
    if parsed["regexes"]:
        raise UsageError(
            f"{path} has rules that are regular expressions or globs ({len(parsed['regexes'])}). "
            "They can't be followed yet; nothing was done.",
            hint="Write each value that they stand for as a line of its own: literal:VALUE==>NEW",
        )
    return tuple(Rule(Secret(old), new) for old, new in parsed["literals"])
