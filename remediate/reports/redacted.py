"""What gitleaks and what came of it (betterleaks) leave of a value that ``--redact`` took out.

All of it becomes ``REDACTED``; with a percentage its beginning stays, and ``...`` follows.
https://github.com/gitleaks/gitleaks/blob/master/report/finding.go, Redact and maskSecret.
"""

from __future__ import annotations

from remediate.model import Digest, Hints
from remediate.secret import Secret

_REDACTED = "REDACTED"
_CUT = "..."
# What Go's JSON writer puts where a value is not UTF-8: the real bytes stand in the commit alone.
_DAMAGED = "\N{REPLACEMENT CHARACTER}"


def left_of(secret: str) -> str | None:
    """How the value begins, as far as redaction left it; None where nothing was taken out."""
    if secret == _REDACTED:
        return ""
    if _DAMAGED in secret:
        return secret[: secret.index(_DAMAGED)]
    return secret.removesuffix(_CUT) if secret.endswith(_CUT) else None


def around(
    match: str,
    secret: str,
    columns: tuple[int, int] | None,
    *,
    entropy: float | None = None,
    digest: Digest | None = None,
) -> Hints:
    """What a redacted *secret* within its *match* still tells.

    *columns* are the match's first and last byte within its line, from 1.
    """
    before, found, after = match.partition(secret)
    within = None
    if found and columns:
        within = (columns[0] + len(before.encode()), columns[1] - len(after.encode()))
    beginning = left_of(secret)
    return Hints(
        columns=within,
        entropy=entropy,
        digest=digest,
        beginning=Secret(beginning) if beginning else None,
        before=_context(before) if found else None,
        after=_context(after) if found else None,
    )


def _context(text: str) -> Secret | None:
    return Secret(text) if text and _DAMAGED not in text else None
