"""What a responder's GitHub token may do: ``X-OAuth-Scopes``, which a fine-grained token does not have.

https://docs.github.com/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
"""

from __future__ import annotations

from collections.abc import Collection

from remediate.http import HttpError
from remediate.plugins.context import VendorContext
from remediate.plugins.standing import Right, Standing, each
from remediate_providers.github import responder
from remediate_providers.github.facts import scopes
from remediate_providers.github.server import Api, Server, message
from remediate_providers.github.tokens import FINE_GRAINED, INSTALLATION, kind_of

#: What the pipeline does; the classic scopes of which one will do; what a fine-grained token needs.
_RIGHTS = (
    ("put new values into a repository's secrets", ("repo",), "Secrets: write"),
    ("put them into an organisation's", ("admin:org",), "Organization secrets: write"),
    ("lift protection for the push and put it back", ("repo",), "Administration: write"),
    ("close secret scanning alerts", ("repo", "security_events"), "Secret scanning alerts: write"),
    (
        "take leaked SSH keys away",
        ("admin:public_key",),
        "Git SSH keys: write, Administration: write",
    ),
    (
        "read an organisation's audit log",
        ("read:audit_log", "admin:org"),
        "Organization administration: read",
    ),
)
_ANYBODY = Right("end leaked tokens", "nothing", True)


def standing(vendor: VendorContext) -> Standing | None:
    """Whose it is and its scopes. None where there is no token; leaked ones are ended all the same."""
    token = responder.token(vendor, Server.of(vendor.environment))
    if token is None:
        return None
    kind = kind_of(token)
    path = "/installation/repositories" if kind == INSTALLATION else "/user"
    with Api(vendor) as api:
        try:
            answer = api.ask("GET", path, token)
        except HttpError as error:
            return Standing(
                None, reason=api.refusal(error), rights=_unknown("it could not be asked")
            )
        if answer.status != 200:
            dead = answer.status == 401 and message(answer) == "Bad credentials"
            reason = "GitHub refuses it: 401 Bad credentials" if dead else api.refusal(answer)
            return Standing(False if dead else None, reason=reason, rights=_unknown(reason))
        data = answer.json()
    who = str(data.get("login", "")) if isinstance(data, dict) else ""
    granted = scopes(answer)
    if kind in (FINE_GRAINED, INSTALLATION) or granted is None:
        why = "GitHub tells the permissions of such a token to nobody; see its page under Settings"
        return Standing(True, who, rights=_unknown(why))
    return Standing(True, who, rights=(_ANYBODY, *(_right(one, granted) for one in _RIGHTS)))


def _right(one: tuple[str, tuple[str, ...], str], granted: Collection[str]) -> Right:
    does, wanted, _ = one
    needs = f"the scope {' or '.join(wanted)}"
    may = any(scope in granted for scope in wanted)
    return Right(does, needs, may, "" if may else f"its scopes are: {', '.join(granted) or 'none'}")


def _unknown(why: str) -> tuple[Right, ...]:
    return (_ANYBODY, *each([(does, permission) for does, _, permission in _RIGHTS], None, why))
