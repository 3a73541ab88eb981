"""What GitHub tells of a token while it lives: whose it is, what it may do, when it ends."""

from __future__ import annotations

from datetime import UTC, datetime

from remediate.clock import rfc3339
from remediate.http import Answer, HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.github import organisations, responder
from remediate_providers.github.probe import Probe, look, unaskable
from remediate_providers.github.server import Api
from remediate_providers.github.tokens import CLASSIC, INSTALLATION, OAUTH, PART

EXPIRY = "GitHub-Authentication-Token-Expiration"
_PAGE = 100


def describe(held: Held, vendor: VendorContext) -> Facts:
    """Owner, scopes, expiry: one read-only call with the token itself."""
    token = held.values.get(PART)
    kind = held.credential.kind
    if token is None:
        return _nothing("its value is not at hand")
    with Api(vendor) as api:
        return _from_probe(kind, look(api, kind, token, vendor, patient=True))


def preserve(held: Held, vendor: VendorContext) -> Facts:
    """What dies with it, and the organisations that its use could be looked up in afterwards."""
    token = held.values.get(PART)
    kind = held.credential.kind
    if token is None:
        return _nothing("its value is not at hand")
    with Api(vendor) as api:
        first = _from_probe(kind, look(api, kind, token, vendor, patient=True))
        orgs, reason, seen = _organisations(api, kind, token, vendor)
        known = dict(first.known)
        unknown = dict(first.unknown)
        if reason:
            unknown["organisations"] = reason
        else:
            known["organisations"] = orgs
            _access(api, held, orgs, vendor, known, unknown)
    return Facts(known, unknown, (*first.evidence, *seen))


def scopes(answer: Answer) -> list[str] | None:
    """The scopes in ``X-OAuth-Scopes``; None where the header is absent, as for fine-grained tokens."""
    text = answer.headers.get("X-OAuth-Scopes")
    return None if text is None else [name for part in text.split(",") if (name := part.strip())]


def expiry(answer: Answer) -> str | None:
    """When the token ends by itself, RFC 3339; None where GitHub names no time.

    Classic tokens have ``2026-01-02 03:04:05 UTC`` in the header, others ``… -0700``.
    """
    text = answer.headers.get(EXPIRY, "").strip()
    for form in ("%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S %z"):
        try:
            moment = datetime.strptime(text, form)
        except ValueError:
            continue
        return rfc3339(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return None


def login(probe: Probe) -> str | None:
    """The account that a living user's token belongs to."""
    name = probe.data.get("login")
    return name if isinstance(name, str) else None


def _from_probe(kind: str, probe: Probe) -> Facts:
    answer = probe.answer
    if probe.check.alive is not True or answer is None:
        reason = probe.check.reason or "it is dead already: GitHub says nothing of it any more"
        facts = _nothing(reason)
        return Facts(facts.known, facts.unknown, probe.check.evidence)
    known: dict[str, Json] = {}
    unknown: dict[str, str] = {}
    if kind == INSTALLATION:
        names = probe.data.get("repositories")
        known["repositories"] = [
            str(one["full_name"])
            for one in (names if isinstance(names, list) else [])
            if isinstance(one, dict) and "full_name" in one
        ]
        known["repository_count"] = probe.data.get("total_count")  # type: ignore[assignment]
        unknown["owner"] = "an installation token belongs to a GitHub App, which it does not name"
    else:
        known["owner"] = login(probe)
        known["owner_type"] = str(probe.data.get("type") or "")
    granted = scopes(answer)
    if granted is not None and kind in (CLASSIC, OAUTH):
        known["scopes"] = list(granted)
    else:
        unknown["scopes"] = "GitHub tells the permissions of such a token to nobody but its owner"
    ends = expiry(answer)
    if ends is not None:
        known["expires"] = ends
    elif kind == INSTALLATION:
        unknown["expires"] = "an hour after it was made; GitHub does not say when that was"
    else:
        unknown["expires"] = "GitHub named no time: most likely it never ends by itself"
    unknown["last_used"] = "GitHub shows it to the owner alone, on the page of their tokens"
    return Facts(known, unknown, probe.check.evidence)


def _organisations(
    api: Api, kind: str, token: Secret, vendor: VendorContext
) -> tuple[list[str], str, list[Evidence]]:
    """Names, or the reason why there are none, and what was seen."""
    if kind == INSTALLATION:
        return [], "an installation token has no list of organisations", []
    reason = unaskable(kind, vendor)
    if reason is not None:
        return [], reason, []
    try:
        answer = api.ask("GET", "/user/orgs", token, query={"per_page": str(_PAGE)})
    except HttpError as error:
        return [], api.refusal(error), []
    seen = Evidence(f"GET /user/orgs at {api.server.host}", str(answer.status), vendor.now())
    data = answer.json()
    if answer.status != 200 or not isinstance(data, list):
        return [], api.refusal(answer), [seen]
    names = [
        name for one in data if isinstance(one, dict) and isinstance(name := one.get("login"), str)
    ]
    if len(data) >= _PAGE:
        return [], f"there are more than {_PAGE - 1}", [seen]
    return names, "", [seen]


def _access(
    api: Api,
    held: Held,
    names: list[str],
    vendor: VendorContext,
    known: dict[str, Json],
    unknown: dict[str, str],
) -> None:
    """Which of its organisations let it in by a list of their own, where the responder may read that."""
    login = known.get("owner")
    if not names or not isinstance(login, str):
        return
    own = responder.token(vendor, api.server)
    if own is None:
        unknown[organisations.ACCESS] = f"an owner's token reads it: {responder.HOW}"
        return
    rows, why = organisations.access(api, own, names, login, held)
    known[organisations.ACCESS] = [row.data() for row in rows]
    unknown |= why


def _nothing(reason: str) -> Facts:
    return Facts(unknown=dict.fromkeys(("owner", "scopes", "expires", "last_used"), reason))
