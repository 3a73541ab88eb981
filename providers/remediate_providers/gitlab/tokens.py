"""GitLab's tokens, told apart by their prefix. Offline.

Prefixes: https://docs.gitlab.com/security/tokens/#token-prefixes. A server may have another prefix for its access
tokens; those are not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from remediate.model import Credential
from remediate.plugins.provider import Found, Held, Identified, Kind
from remediate.secret import Secret

PROVIDER = "gitlab"
PART = "value"

ACCESS = "gitlab-pat"
RUNNER = "gitlab-runner-token"
DEPLOY = "gitlab-deploy-token"
TRIGGER = "gitlab-trigger-token"
AGENT = "gitlab-agent-token"
OAUTH = "gitlab-oauth-secret"
FEED = "gitlab-feed-token"
MAIL = "gitlab-incoming-mail-token"

PAGE = "https://gitlab.com/-/user_settings/personal_access_tokens"

KINDS = (
    Kind(
        ACCESS,
        "GitLab personal, project or group access token",
        revoke="api",
        reissue="api",
        page=PAGE,
        check="api",
    ),
    Kind(RUNNER, "GitLab runner authentication token", revoke="api", reissue="api", check="api"),
    *(
        Kind(name, title, revoke="api", reissue="manual", page=page, check="api")
        for name, title, page in (
            (DEPLOY, "GitLab deploy token", None),
            (TRIGGER, "GitLab pipeline trigger token", None),
            (AGENT, "GitLab agent for Kubernetes token", None),
            (OAUTH, "GitLab OAuth application secret", None),
            (FEED, "GitLab feed token", PAGE),
            (MAIL, "GitLab incoming mail token", PAGE),
        )
    ),
)

#: The routable form of GitLab's tokens ends in a dot, a version and a checksum.
_ROUTABLE = r"(?:\.[0-9a-z.]{9,16})?"
_PATTERNS: Mapping[str, re.Pattern[bytes]] = {
    kind: re.compile(pattern.encode())
    for kind, pattern in {
        ACCESS: rf"glpat-[A-Za-z0-9_-]{{20,300}}{_ROUTABLE}",
        RUNNER: rf"glrt-[A-Za-z0-9_-]{{20,300}}{_ROUTABLE}",
        DEPLOY: r"gldt-[A-Za-z0-9_-]{20,300}",
        TRIGGER: r"glptt-[0-9a-f]{40}",
        AGENT: r"glagent-[A-Za-z0-9_-]{50,300}",
        OAUTH: r"gloas-[0-9a-f]{64}",
        FEED: r"glft-[A-Za-z0-9_-]{20,300}",
        MAIL: r"glimt-[A-Za-z0-9_-]{25,300}",
    }.items()
}


def kind_of(value: Secret) -> str | None:
    """Which of these kinds *value* is; None for anything else."""
    raw = value.reveal()
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(raw)), None)


def identify(found: Sequence[Found]) -> list[Identified]:
    """Each of *found* that is one of these tokens, as a credential of its own."""
    return [
        Identified(
            Credential(
                id=f"{PROVIDER}:{one.fingerprint[:12]}",
                provider=PROVIDER,
                kind=kind,
                parts={PART: one.fingerprint},
            ),
            {one.fingerprint: kind},
        )
        for one in found
        if (kind := kind_of(one.value)) is not None
    ]


def token_of(held: Held) -> Secret | None:
    """The leaked value, where it is at hand."""
    return held.values.get(PART)


def title(kind: str) -> str:
    """A kind's name for people."""
    return next(one.title for one in KINDS if one.name == kind)
