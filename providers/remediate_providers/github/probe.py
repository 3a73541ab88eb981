"""Asking GitHub about a token with the token itself: alive, dead, or nothing proven.

Only ``401 Bad credentials`` means dead. A 403 may be single sign-on, an address that is not allowed, or too
many refused log-ins; a 429 is a limit; a 5xx is GitHub's own trouble.
"""

from __future__ import annotations

from dataclasses import dataclass

from remediate.http import Answer, HttpError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence
from remediate.secret import Secret
from remediate_providers.github.server import Api, message
from remediate_providers.github.tokens import INSTALLATION, REFRESH

SECONDARY_LIMIT = 60.0
"""Seconds to wait after a secondary rate limit that names no time (GitHub's rate limit page)."""

FIRST_PAUSE = 0.25
"""Seconds between the first look and the second; each pause after it is twice as long."""

NOT_USED = "policy says that the leaked credential is not to be used (use_leaked = false)"


@dataclass(frozen=True)
class Probe:
    """One look at a token."""

    check: Check
    answer: Answer | None = None
    wait: float = 0.0
    """Seconds that GitHub asks to be left alone."""
    everyone: bool = False
    """Whether that goes for every token asked with from here, not for this one alone."""
    hopeless: bool = False
    """Whether asking again would be answered no better: no TLS, an answer without an end."""

    @property
    def data(self) -> dict[str, object]:
        """The answer's JSON object; empty where it has none."""
        data = self.answer.json() if self.answer is not None else None
        return data if isinstance(data, dict) else {}


def unaskable(kind: str, vendor: VendorContext) -> str | None:
    """Why a token of this *kind* can't be looked at, None where it can."""
    if kind == REFRESH:
        return (
            "a refresh token opens no page and no call; the one call that takes it would use it up"
        )
    return None if vendor.use_leaked else NOT_USED


def look(api: Api, kind: str, token: Secret, vendor: VendorContext, *, patient: bool) -> Probe:
    """One look; a *patient* one is repeated while GitHub is out of order or limits us."""
    reason = unaskable(kind, vendor)
    if reason is not None:
        return Probe(Check(None, reason=reason))
    path = "/installation/repositories" if kind == INSTALLATION else "/user"
    try:
        answer = api.ask("GET", path, token) if patient else api.once(path, token)
    except HttpError as error:
        return Probe(Check(None, reason=api.refusal(error)), hopeless=not error.again)
    words = message(answer)
    seen = Evidence(
        probe=f"GET {path} at {api.server.host}",
        saw=f"{answer.status} {vendor.redact(words)[:80]}".strip(),
        at=vendor.now(),
    )
    if answer.status == 200 and isinstance(answer.json(), dict):
        return Probe(Check(True, (seen,)), answer)
    if answer.status == 401 and words == "Bad credentials":
        return Probe(Check(False, (seen,)), answer)
    wait = answer.wait or 0.0
    everyone = answer.retry_after is not None
    if not wait and "secondary rate limit" in words:
        wait, everyone = SECONDARY_LIMIT, True
    reason = (
        f"{api.server.host} answered 200 with a body that is not its own"
        if answer.status == 200
        else api.refusal(answer)
    )
    return Probe(Check(None, (seen,), reason), answer, wait, everyone)
