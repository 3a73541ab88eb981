"""What a responder's GitLab token may do: ``GET /personal_access_tokens/self``.

https://docs.gitlab.com/user/profile/personal_access_tokens/#personal-access-token-scopes
"""

from __future__ import annotations

from remediate.plugins.context import VendorContext
from remediate.plugins.standing import Right, Standing, each
from remediate_providers.gitlab.probe import look
from remediate_providers.gitlab.server import Api
from remediate_providers.gitlab.tokens import ACCESS

_RIGHTS = (
    ("make new tokens", "the scope api"),
    ("put new values into CI/CD variables", "the scope api"),
    ("lift protection for the push and put it back", "the scope api"),
    ("see what was done with a token", "the scope api or read_api"),
)
_ITSELF = Right("end leaked access tokens", "nothing: each ends itself", True)


def standing(vendor: VendorContext) -> Standing | None:
    """Its scopes and its end. None where there is no token. The role in a project is not looked at."""
    with Api(vendor) as api:
        if api.own is None:
            return None
        probe = look(api, ACCESS, api.own, leaked=False)
    if probe.check.alive is not True:
        reason = probe.check.reason or f"{api.site.host} refuses it"
        rights = (_ITSELF, *each(_RIGHTS, None, "it could not be asked"))
        return Standing(probe.check.alive, reason=reason, rights=rights)
    who = str(probe.data.get("name") or "")
    ends = probe.data.get("expires_at")
    who += f", until {ends}" if ends else ""
    granted = probe.data.get("scopes")
    if not isinstance(granted, list):
        return Standing(True, who, rights=(_ITSELF, *each(_RIGHTS, None, "it names no scopes")))
    scopes = [str(scope) for scope in granted]
    told = f"its scopes are: {', '.join(scopes) or 'none'}"

    def right(does: str, needs: str) -> Right:
        may = "api" in scopes or ("read_api" in needs and "read_api" in scopes)
        return Right(does, needs, may, "" if may else told)

    return Standing(True, who, rights=(_ITSELF, *(right(*one) for one in _RIGHTS)))
