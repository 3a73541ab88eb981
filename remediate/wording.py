"""Numbers and their words: one credential, two credentials."""

from __future__ import annotations


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
