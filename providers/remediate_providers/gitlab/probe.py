"""Asking GitLab about a token: with the token itself, or as an administrator.

Only a 401 in GitLab's own form means that an access token is dead. ``GET /personal_access_tokens/self`` answers to
every access token, whatever its scopes (https://docs.gitlab.com/api/personal_access_tokens/). Asking with a rotated
token does no harm: reuse detection looks at rotation alone (gitlab-org/gitlab#418769).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from remediate.http import Answer, HttpError
from remediate.plugins.outcome import Check, Evidence
from remediate.secret import Secret
from remediate_providers.gitlab.server import HOW, Api, words
from remediate_providers.gitlab.tokens import ACCESS, RUNNER
from remediate_providers.rest import mapping

SELF = "/personal_access_tokens/self"
VERIFY = "/runners/verify"
ADMIN = "/admin/token"
WHICH = "nobody said that it is of GitLab.com: set GITLAB_API_URL to your server, or to https://gitlab.com"


@dataclass(frozen=True)
class Probe:
    """One look at a token."""

    check: Check
    data: Mapping[str, Any] = field(default_factory=dict)
    """What GitLab tells of it; empty where it told nothing."""
    revocable: bool = False
    """Whether an administrator's token found it, and so may end it."""
    elsewhere: bool = False
    """Whether it is dead, or of another GitLab: nobody said which one it is of."""


def look(api: Api, kind: str, token: Secret, *, leaked: bool, patient: bool = True) -> Probe:
    """One look; a *patient* one is repeated while GitLab is out of order or limits us."""
    if kind in (ACCESS, RUNNER) and not (leaked and not api.vendor.use_leaked):
        return _by_itself(api, kind, token, patient=patient)
    return by_admin(api, token, patient=patient)


def by_admin(api: Api, token: Secret, *, patient: bool = True) -> Probe:
    """As an administrator of a server of one's own: ``POST /admin/token`` tells what any token is.

    https://docs.gitlab.com/api/admin/token/ (an experiment, from 17.5 on; not on GitLab.com).
    """
    if api.own is None:
        return Probe(Check(None, reason=f"only an administrator can ask about it: {HOW}"))
    if token == api.own:
        return Probe(Check(None, reason="your own GITLAB_TOKEN is the leaked one"))
    try:
        answer = api.ask(
            "POST",
            ADMIN,
            api.own,
            repeat=True,
            patient=patient,
            json={"token": token.reveal_text()},
        )
    except HttpError as error:
        return Probe(Check(None, reason=api.refusal(error)))
    seen = (api.seen(f"POST {ADMIN}", f"{answer.status} {words(answer)[:80]}".strip()),)
    data = mapping(answer)
    if answer.status == 200 and "id" in data:
        if data.get("revoked") is True:
            return Probe(Check(False, (api.seen(f"POST {ADMIN}", "revoked=true"),)), data)
        return Probe(Check(True, seen), data, revocable=True)
    if answer.status == 404 and isinstance(data.get("message"), dict):
        # So says the call itself; a server that has no such call says it in another form.
        return _dead(api, seen)
    return Probe(Check(None, seen, api.refusal(answer, "an administrator's token")))


def _by_itself(api: Api, kind: str, token: Secret, *, patient: bool) -> Probe:
    try:
        if kind == RUNNER:
            answer = api.ask(
                "POST",
                VERIFY,
                None,
                repeat=True,
                patient=patient,
                json={"token": token.reveal_text()},
            )
        else:
            answer = api.ask("GET", SELF, token, patient=patient)
    except HttpError as error:
        return Probe(Check(None, reason=api.refusal(error)))
    probe = f"POST {VERIFY}" if kind == RUNNER else f"GET {SELF}"
    seen = (api.seen(probe, f"{answer.status} {words(answer)[:80]}".strip()),)
    data = mapping(answer)
    if answer.status == 200 and "id" in data:
        return Probe(Check(True, seen), data)
    if _refused(kind, answer):
        return _dead(api, seen)
    if answer.status == 403 and data.get("error") == "insufficient_scope":
        return Probe(Check(True, seen))
    return Probe(Check(None, seen, api.refusal(answer)))


def _dead(api: Api, seen: tuple[Evidence, ...]) -> Probe:
    """It is refused here. That is its death where it is of this GitLab, which somebody has to have said."""
    if not api.server.assumed or api.vendor.known.get("token_id") is not None:
        return Probe(Check(False, seen))
    return Probe(Check(None, seen, f"{api.site.host} refuses it, and {WHICH}"), elsewhere=True)


def _refused(kind: str, answer: Answer) -> bool:
    """Whether GitLab itself, and nothing on the way, says that the token is none."""
    if kind == RUNNER:
        return answer.status == 403 and words(answer).startswith("403")
    said = words(answer)
    own = said.startswith("401") or mapping(answer).get("error") in (
        "invalid_token",
        "unauthorized",
    )
    return answer.status == 401 and own
