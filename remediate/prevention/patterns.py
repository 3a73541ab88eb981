"""The usual patterns of secrets, in a form that grep -E, awk and Python all read alike.

Few and sure: each has a fixed beginning and a length of its own, so that a hook that refuses is right.
Sources: the vendors' own pages, as named in docs/providers.
"""

from __future__ import annotations

PATTERNS: tuple[tuple[str, str], ...] = (
    ("github-pat", "gh[pousr]_[A-Za-z0-9]{36}"),
    ("github-fine-grained-pat", "github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    ("gitlab-pat", "glpat-[A-Za-z0-9_-]{20}"),
    ("aws-access-key-id", "(AKIA|ASIA)[A-Z2-7]{16}"),
    ("stripe-secret-key", "(sk|rk)_live_[A-Za-z0-9]{24,}"),
    ("slack-token", "xox[abeprs]-[A-Za-z0-9-]{20,}"),
    ("private-key", "-----BEGIN ([A-Z]+ )?PRIVATE KEY-----"),
    ("google-api-key", "AIza[A-Za-z0-9_-]{35}"),
)

EXAMPLES = ("EXAMPLE", "XXXX", "xxxx", "0000000000")
"""What vendors' documentation puts into values that are none."""


def one() -> str:
    """All of them as one extended regular expression."""
    return "|".join(f"({pattern})" for _, pattern in PATTERNS)
