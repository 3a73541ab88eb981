"""GitHub's tokens, told apart by their prefix. Offline.

Formats: https://github.blog/engineering/behind-githubs-new-authentication-token-formats/ (prefixes, and a
CRC-32 in base 62 as the last six of 36 characters), and since April 2026 a longer installation token
(``ghs_<app>_<JWT>``, about 520 characters), with the user-to-server token announced to follow.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Mapping, Sequence

from remediate.model import Credential
from remediate.plugins.provider import Found, Identified, Kind
from remediate.secret import Secret

PROVIDER = "github"
PART = "value"

CLASSIC = "github-pat"
FINE_GRAINED = "github-fine-grained-pat"
OAUTH = "github-oauth-token"
USER = "github-user-token"
INSTALLATION = "github-installation-token"
REFRESH = "github-refresh-token"

KINDS = (
    Kind(
        CLASSIC,
        "GitHub personal access token (classic)",
        revoke="api",
        reissue="manual",
        page="https://github.com/settings/tokens",
        check="api",
    ),
    Kind(
        FINE_GRAINED,
        "GitHub fine-grained personal access token",
        revoke="api",
        reissue="manual",
        page="https://github.com/settings/personal-access-tokens",
        check="api",
    ),
    Kind(
        OAUTH,
        "GitHub OAuth app token",
        revoke="api",
        reissue="manual",
        page="https://github.com/settings/applications",
        check="api",
    ),
    Kind(
        USER,
        "GitHub App user token",
        revoke="api",
        reissue="manual",
        page="https://github.com/settings/apps/authorizations",
        check="api",
    ),
    Kind(
        INSTALLATION,
        "GitHub App installation token",
        revoke="api",
        reissue="none",
        page="https://github.com/settings/installations",
        check="api",
    ),
    Kind(
        REFRESH,
        "GitHub App refresh token",
        revoke="api",
        reissue="manual",
        page="https://github.com/settings/apps/authorizations",
    ),
)

_PATTERNS: Mapping[str, re.Pattern[bytes]] = {
    kind: re.compile(pattern)
    for kind, pattern in {
        CLASSIC: rb"ghp_[A-Za-z0-9]{36,251}",
        FINE_GRAINED: rb"github_pat_[A-Za-z0-9_]{50,244}",
        OAUTH: rb"gho_[A-Za-z0-9]{36,251}",
        USER: rb"ghu_[A-Za-z0-9._-]{36,4000}",
        INSTALLATION: rb"ghs_[A-Za-z0-9._-]{36,4000}",
        REFRESH: rb"ghr_[A-Za-z0-9]{36,251}",
    }.items()
}
_WITH_CHECKSUM = re.compile(rb"gh[opsur]_([A-Za-z0-9]{30})([A-Za-z0-9]{6})")
_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def kind_of(value: Secret) -> str | None:
    """Which of GitHub's kinds *value* is; None for anything else."""
    raw = value.reveal()
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(raw)), None)


def checksum_fits(value: Secret) -> bool | None:
    """Whether the token's own checksum is right; None for a token that has none we know of."""
    found = _WITH_CHECKSUM.fullmatch(value.reveal())
    return None if found is None else checksum(found[1]) == found[2]


def checksum(body: bytes) -> bytes:
    """The six characters that end a token whose first thirty are *body*."""
    number = zlib.crc32(body)
    digits = bytearray()
    while number:
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return bytes(reversed(digits)).rjust(6, b"0")


def hashed(value: Secret) -> str:
    """What GitHub's audit logs call ``hashed_token``: base64 of SHA-256.

    https://docs.github.com/enterprise-cloud@latest/admin/monitoring-activity-in-your-enterprise/reviewing-audit-logs-for-your-enterprise/identifying-audit-log-events-performed-by-an-access-token
    """
    return base64.b64encode(hashlib.sha256(value.reveal()).digest()).decode()


def identify(found: Sequence[Found]) -> list[Identified]:
    """Each of *found* that is a GitHub token, as a credential of its own."""
    return [
        Identified(
            Credential(
                id=f"{PROVIDER}:{one.fingerprint[:12]}",
                provider=PROVIDER,
                kind=kind,
                parts={PART: one.fingerprint},
                labels=_labels(one.value),
            ),
            {one.fingerprint: kind},
        )
        for one in found
        if (kind := kind_of(one.value)) is not None
    ]


def _labels(value: Secret) -> dict[str, str]:
    if checksum_fits(value) is False:
        return {"checksum": "does not fit: GitHub never issued this value as it stands"}
    return {}


def kind_title(kind: str) -> str:
    """A kind's name for people; the bare kind for one that is not ours."""
    return next((one.title for one in KINDS if one.name == kind), kind)
