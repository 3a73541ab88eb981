"""What a token is, and what dies with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.wording import count
from remediate_providers.vault.kinds import RECOVERY, token_of
from remediate_providers.vault.look import look
from remediate_providers.vault.server import HOW, Api, NoServerError, data_of, path_of

ACCESSORS = "auth/token/accessors"
BY_ACCESSOR = "auth/token/lookup-accessor"
LEASES = "sys/leases/lookup"
MOST = 100
"""Accessors and leases that are looked at before a kill, at most: seconds, never delaying it."""
NO_VALUE = "its value is not at hand any more"

#: Fields of a lookup that are public, and what they are called here.
_FIELDS = {
    "accessor": "accessor",
    "display_name": "display_name",
    "path": "made_by",
    "policies": "policies",
    "identity_policies": "identity_policies",
    "entity_id": "entity",
    "creation_time": "created",
    "creation_ttl": "creation_ttl",
    "expire_time": "expires_at",
    "explicit_max_ttl": "explicit_max_ttl",
    "period": "period",
    "renewable": "renewable",
    "orphan": "orphan",
    "num_uses": "uses_left",
    "role": "role",
    "type": "token_type",
    "namespace_path": "namespace",
    "last_renewal": "last_renewal",
}


def describe(held: Held, vendor: VendorContext) -> Facts:
    """See `remediate.plugins.provider.Describes.describe`."""
    token = token_of(held)
    if token is None or held.credential.kind == RECOVERY:
        return Facts(unknown={"owner": NO_VALUE if token is None else "nothing tells it"})
    try:
        with Api(vendor) as api:
            found = look(api, token, leaked=True)
    except NoServerError as error:
        return Facts(unknown={"owner": str(error)})
    if not found.data:
        reason = found.check.reason or "the server refuses it"
        return Facts(unknown={"owner": reason}, evidence=found.check.evidence)
    known: dict[str, Json] = {
        ours: found.data[theirs]
        for theirs, ours in _FIELDS.items()
        if found.data.get(theirs) not in (None, "", [])
    }
    known["owner"] = found.text("display_name") or found.text("path")
    known["scopes"] = list(found.policies)
    return Facts(
        known,
        {"last_used": "a server keeps no time of last use; its audit log has each request"},
        found.check.evidence,
    )


def preserve(held: Held, vendor: VendorContext) -> Facts:
    """What may die with it: tokens that were made by a token since it was made, and leases.

    No call tells a token's children or leases. So what could be one is listed before, and what is gone of it
    is named after the kill (`remediate_providers.vault.revoke`). `MOST` of each are looked at.
    """
    try:
        with Api(vendor) as api:
            return _preserve(held, api)
    except NoServerError as error:
        return Facts(unknown={"children": str(error), "leases": str(error)})


def _preserve(held: Held, api: Api) -> Facts:
    own = api.responder.token
    token = token_of(held)
    if own is None or own == token:
        reason = f"listing tokens and leases wants a token of yours: {HOW}"
        return Facts(unknown={"children": reason, "leases": reason})
    known: dict[str, Json] = {}
    unknown: dict[str, str] = {}
    created = api.vendor.known.get("created")
    since = created if isinstance(created, int) else 0
    mine = api.vendor.known.get("accessor")
    try:
        ids = listed(api, own, ACCESSORS)
    except LookupError as error:
        unknown["children"] = str(error)
    else:
        if len(ids) > MOST:
            unknown["children"] = (
                f"{count(len(ids), 'token')} live there; {MOST} of them were looked at"
            )
        known["possible_children"] = [
            {"accessor": accessor, "display_name": str(data.get("display_name", ""))}
            for accessor, data in _looked_up(api, own, ids[:MOST])
            if accessor != mine
            and not data.get("orphan")
            and str(data.get("path", "")).startswith("auth/token/create")
            and int(data.get("creation_time") or 0) >= since
        ]
    try:
        leases = list(_leases(api, own, "", MOST))
        known["leases_before"] = list(leases)
        if len(leases) >= MOST:
            unknown["leases"] = f"there are more than {MOST}"
    except LookupError as error:
        unknown["leases"] = str(error)
    seen = Evidence(f"LIST {ACCESSORS} and {LEASES} at {api.host}", "listed", api.vendor.now())
    return Facts(known, unknown, (seen,) if known else ())


def listed(api: Api, token: Secret, path: str) -> list[str]:
    """The keys of a list; empty where there are none. Raises LookupError with the reason."""
    try:
        answer = api.ask("GET", path, token, query={"list": "true"})
    except HttpError as error:
        raise LookupError(api.refusal(error)) from None
    keys = data_of(answer).get("keys")
    if answer.status == 404 and not answer.limited:
        return []
    if answer.status != 200 or not isinstance(keys, list):
        raise LookupError(api.refusal(answer))
    return [str(key) for key in keys]


def by_accessor(api: Api, token: Secret, accessor: str) -> Mapping[str, Any] | None:
    """What the server keeps of the token with that accessor; None where there is no such.

    Raises LookupError where it can't be told.
    """
    try:
        answer = api.ask("POST", BY_ACCESSOR, token, json={"accessor": accessor}, repeat=True)
    except HttpError as error:
        raise LookupError(api.refusal(error)) from None
    if answer.status == 200 and data_of(answer).get("accessor") == accessor:
        return data_of(answer)
    body = answer.json()
    errors = body.get("errors") if isinstance(body, dict) else None
    # OpenBao 2.7.2 says 400 "invalid accessor"; Vault 403 with the same words.
    if answer.status in (400, 403, 404) and "invalid accessor" in " ".join(map(str, errors or ())):
        return None
    raise LookupError(api.refusal(answer))


def _looked_up(
    api: Api, token: Secret, accessors: list[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for accessor in accessors:
        try:
            data = by_accessor(api, token, accessor)
        except LookupError:
            return  # what can't be looked at is not named: the list is 'possible' all the same
        if data is not None:
            yield accessor, data


def _leases(api: Api, token: Secret, prefix: str, most: int) -> Iterator[str]:
    left = most
    path = f"{LEASES}/{path_of(prefix)}" if prefix else f"{LEASES}/"
    for key in listed(api, token, path):
        if left <= 0:
            return
        if not key.endswith("/"):
            left -= 1
            yield prefix + key
            continue
        if prefix + key == "auth/token/":
            continue  # tokens themselves, which are listed by accessor
        for lease in _leases(api, token, prefix + key, left):
            left -= 1
            yield lease


def leases_now(api: Api, token: Secret) -> set[str]:
    """The leases that there are. Raises LookupError."""
    return set(_leases(api, token, "", MOST))
