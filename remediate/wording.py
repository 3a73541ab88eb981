"""Numbers and their words: one credential, two credentials."""

from __future__ import annotations

import re
from collections.abc import Iterable


def count(number: int, word: str, words: str = "") -> str:
    """``1 credential``, ``2 credentials``; *words* where more of them are not just an s longer.

    Of a *word* that is several, the last one bends: ``2 rewritten refs``.
    """
    return f"{number} {bent(number, word, words)}"


def bent(number: int, word: str, words: str = "") -> str:
    """*word* alone, as *number* of them are called: ``is`` or ``are``, ``copy`` or ``copies``."""
    return word if number == 1 else words or f"{word}s"


def share(part: int, whole: int, word: str, verb: str, verbs: str) -> str:
    """``1 of 3 credentials is``, ``2 of 3 credentials are``, ``0 of 1 credential is``."""
    return f"{part} of {count(whole, word)} {bent(part if whole > 1 else 1, verb, verbs)}"


def rewriting(commits: int, total: int, files: int) -> str:
    """What a rewrite changes: ``2 of 5 commits get a new id, 1 file a new content``."""
    return (
        f"{share(commits, total, 'commit', 'gets', 'get')} a new id, "
        f"{count(files, 'file')} a new content"
    )


def vouching(number: int, people: Iterable[str]) -> str:
    """What is said of a search that found nothing and could not read *number* things, for which *people* vouch."""
    names = sorted(set(people))
    return (
        f"nothing found; {count(number, 'thing')} could not be read, {' and '.join(names)} "
        f"{bent(len(names), 'vouches', 'vouch')} for {bent(number, 'it', 'them')}"
    )


_NAME = re.compile(r"\S+[.:/_]\S")
"""A first word that is a name: ``api.github.com:``, ``iam:ListUsers``, ``max_tries``."""


def sentence(reason: str) -> str:
    """*reason* as a sentence of its own: "It was refused." What begins with a name of a host, an address or a
    setting keeps it as it is.
    """
    first = reason[:1] if _NAME.match(reason) else reason[:1].upper()
    return first + reason[1:] + ("" if reason.endswith((".", "?")) else ".")
