"""Where a report says that something is, as far as it can be believed before it is looked at."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from remediate.clock import parse
from remediate.model import Location
from remediate.reports.text import label

_COMMIT = re.compile(r"[0-9a-fA-F]{4,64}")
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_PATH = 4096


def repository_path(text: str) -> str | None:
    """*text* as a path within a repository, or None where it could lead out of it or to no file.

    Refused: an absolute path, a drive, ``..``, a backslash, a control character. A ``.`` and a
    doubled ``/`` are dropped.
    """
    if text.startswith("/") or _DRIVE.match(text) or "\\" in text or _CONTROL.search(text):
        return None
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or len(text) > _LONGEST_PATH:
        return None
    return "/".join(parts)


def below(path: str, *roots: str) -> str:
    """An absolute *path* as one from the first of *roots* that it lies under; others as they are.

    What scans a folder often writes whole paths, and says elsewhere which folder it was.
    """
    for root in roots:
        base = root.rstrip("/")
        if base.startswith("/") and path.startswith(f"{base}/"):
            return path[len(base) + 1 :]
    return path


def is_commit(text: str) -> bool:
    """Whether *text* can be a commit's id, maybe abbreviated: 4 to 64 hex digits, not all of them 0."""
    return _COMMIT.fullmatch(text) is not None and text.strip("0") != ""


def moment(text: str) -> str | None:
    """*text* where it is an RFC 3339 time with its offset, else None (git allows absurd dates)."""
    try:
        return text if parse(text).tzinfo is not None else None
    except ValueError:
        return None


def web_address(text: str) -> str | None:
    """*text* where it is an http or https address that can be shown, else None."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    fit = parts.scheme in ("http", "https") and bool(parts.hostname) and label(text, 2000) == text
    return text if fit and " " not in text else None


def location(
    *,
    commit: str | None = None,
    path: str | None = None,
    start: int | None = None,
    end: int | None = None,
    date: str | None = None,
) -> Location:
    """A place in git. Lines mean nothing without a path; 0 is what scanners write for "none"."""
    inside = repository_path(path) if path else None
    first = start if inside and start else None
    return Location(
        commit=commit.lower() if commit and is_commit(commit) else None,
        path=inside,
        start_line=first,
        end_line=max(first, end or first) if first else None,
        date=moment(date) if date else None,
    )
