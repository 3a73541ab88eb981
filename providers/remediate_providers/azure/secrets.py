"""Taking an application's secret away, and adding another: ``removePassword``, ``addPassword``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from remediate.clock import parse, rfc3339
from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate_providers import making
from remediate_providers.accepting import not_seen, not_taken
from remediate_providers.azure.server import (
    NEEDED,
    PART,
    Api,
    Application,
    application_path,
    is_secret,
    whose,
)
from remediate_providers.ending import Asked
from remediate_providers.making import Made
from remediate_providers.rest import NO_VALUE, NOT_USED, TroubleError, mapping, objects, text_of

DAYS = 180
"""How long a successor lives where the old one's time is not known; Entra advises this."""


class Ending:
    """How one is ended: `remediate_providers.ending.Ends`."""

    def __init__(self, held: Held, vendor: VendorContext) -> None:
        self._api = Api(vendor)
        self._held = held
        self._app: Application | None = None
        self.host = self._api.site.host

    def look(self) -> Check:
        """Entra is asked with it; where it may not be used, its application's list is the witness."""
        value = self._held.values.get(PART)
        try:
            app = self._application()
        except TroubleError as error:
            return Check(None, reason=str(error))
        if value is not None and self._api.vendor.use_leaked:
            return self._api.accepts(app, value, patient=False)
        try:
            gone = not _listed(self._api, app, app.key_id)
        except TroubleError as error:
            return Check(None, reason=str(error))
        seen = (self._api.seen("GET /applications/{id}", "not listed" if gone else "listed"),)
        return Check(not gone, seen)

    def ask(self) -> Asked:
        """``removePassword`` by its keyId."""
        try:
            app = self._application()
            if app.key_id is None:
                return Asked(accepted=True, reason=f"{app.name} does not list it any more")
            evidence = _remove(self._api, app, app.key_id)
        except TroubleError as error:
            return Asked(error.lost, error.status, str(error))
        return Asked(accepted=True, evidence=(evidence,), data=_public(app))

    def step(self, reason: str) -> ManualStep:
        """The application's page."""
        return step(self._api, self._held, "revoke", reason)

    def _application(self) -> Application:
        if self._app is None:
            self._app = whose(self._api, self._held, self._api.vendor.known)
        return self._app


class Adding:
    """How one is added: `making.Makes`."""

    def __init__(self, api: Api, held: Held, app: Application, known: Mapping[str, Any]) -> None:
        self._api, self._held, self._app, self._known = api, held, app, known
        self.host = api.site.host

    def make(self, name: str) -> Made:
        """One that lives as long as the old one was to."""
        until = _until(self._known, self._app.password, self._api.vendor.now())
        wanted = {"passwordCredential": {"displayName": name, "endDateTime": until}}
        path = f"{application_path(self._app)}/addPassword"
        answer = self._api.effect(
            "POST", path, self._api.own(), good=(200, 201), needed=NEEDED, json=wanted
        )
        data = mapping(answer)
        value, key = text_of(data, "secretText"), text_of(data, "keyId")
        if value is None or key is None:
            raise self._api.trouble(answer)
        seen = self._api.seen("POST /applications/{id}/addPassword", str(answer.status))
        public: dict[str, Json] = {"app_id": self._app.app_id, "expires": until}
        text = f"Added secret {key} to {self._app.name}"
        return Made({PART: Secret(value)}, key, (seen,), text, public)

    def named(self, beginning: str) -> Mapping[str, str]:
        """The application's secrets, by the beginning of their name."""
        data = self._api.get(application_path(self._app), {"$select": "id,passwordCredentials"})
        if not isinstance(data.get("passwordCredentials"), list):
            raise TroubleError(f"{self.host} gave no list of secrets", Status.UNREACHABLE)
        return {
            key: name
            for one in objects(data["passwordCredentials"])
            if (key := text_of(one, "keyId")) is not None
            and (name := text_of(one, "displayName") or "").startswith(beginning)
        }

    def end(self, id: str) -> Evidence:  # noqa: A002 - `Makes`
        """Take one away by its keyId."""
        return _remove(self._api, self._app, id)

    def stray(self, name: str) -> ManualStep:
        """A person looks for it."""
        return step(self._api, self._held, "stray", f"the answer to making {name} was lost", name)


def before(held: Held, vendor: VendorContext) -> dict[str, Json]:
    """What bears our mark already."""
    api = Api(vendor)
    try:
        way = Adding(api, held, whose(api, held, vendor.known), vendor.known)
    except TroubleError as error:
        return {"unlisted": str(error)}
    return making.before(way, held)


def reissue(held: Held, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Reissues.reissue`."""
    api = Api(vendor)
    try:
        way = Adding(api, held, whose(api, held, vendor.known), vendor.known)
    except TroubleError as error:
        if error.status is Status.UNREACHABLE:
            text = f"No successor of {held.id} was made"
            return Reissued(Outcome(error.status, text, reason=str(error)))
        return _by_hand(api, held, str(error))
    return making.make_one(way, held, lambda reason: _by_hand(api, held, reason))


def reconcile(held: Held, known: Mapping[str, Json], vendor: VendorContext) -> Outcome:
    """See `remediate.plugins.provider.Reissues.reconcile_reissue`."""
    api = Api(vendor)
    try:
        way = Adding(api, held, whose(api, held, vendor.known), vendor.known)
    except TroubleError as error:
        if error.status is Status.MANUAL and "ids" not in known:
            return Outcome(Status.UNCHANGED, f"No successor of {held.id} was made by us")
        text = f"Whether a successor of {held.id} was made is not known"
        down = error.status is Status.UNREACHABLE
        status = Status.UNREACHABLE if down else Status.UNKNOWN
        return Outcome(status, text, reason=str(error))
    return making.reconcile(way, held, known)


def accept(held: Held, value: Secret, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Accepts.accept`."""
    value = Secret(value.reveal().strip())
    if value in held.values.values():
        return not_taken("it is the leaked one itself")
    if not is_secret(value):
        return not_taken(
            "it does not look like a secret's value (its id, a GUID, is another thing)"
        )
    api = Api(vendor)
    try:
        app = whose(api, held, vendor.known)
    except TroubleError as error:
        text = f"Took in a new secret for {held.id}; Entra was not asked"
        return Reissued(Outcome(Status.DONE, text, data={"note": str(error)}), {PART: value})
    check = api.accepts(app, value)
    if check.alive is False:
        return not_taken(f"Entra refuses it for {app.name}", check.evidence)
    if check.alive is None:
        return not_seen(check, "secret")
    done = Outcome(Status.DONE, f"Took in a new secret for {held.id}", evidence=check.evidence)
    return Reissued(done, {PART: value})


def check(held: Held, vendor: VendorContext, *, leaked: bool) -> Check:
    """Whether Entra takes it; for what leaked, only where policy allows its use."""
    value = held.values.get(PART)
    if value is None or (leaked and not vendor.use_leaked):
        return Check(None, reason=NO_VALUE if value is None else NOT_USED)
    api = Api(vendor)
    try:
        return api.accepts(whose(api, held, vendor.known), value)
    except TroubleError as error:
        return Check(None, reason=str(error))


def _remove(api: Api, app: Application, key: str) -> Evidence:
    """Take one away. Graph refuses what is gone already, so then the list tells."""
    path = f"{application_path(app)}/removePassword"
    probe = "POST /applications/{id}/removePassword"
    try:
        answer = api.effect(
            "POST",
            path,
            api.own(),
            good=(200, 204),
            repeat=True,
            needed=NEEDED,
            json={"keyId": key},
        )
    except TroubleError as error:
        if error.status is Status.REFUSED and not _listed(api, app, key):
            return api.seen(probe, "refused: it is listed no more")
        raise
    return api.seen(probe, str(answer.status))


def _listed(api: Api, app: Application, key: str | None) -> bool:
    data = api.get(application_path(app), {"$select": "id,passwordCredentials"})
    if not isinstance(data.get("passwordCredentials"), list):
        raise TroubleError(f"{api.site.host} gave no list of secrets", Status.UNREACHABLE)
    return any(text_of(one, "keyId") == key for one in objects(data["passwordCredentials"]))


def _until(known: Mapping[str, Any], password: Mapping[str, Any], now: str) -> str:
    """When the successor ends: it lives as long as the old one was to."""
    begins = text_of(known, "created") or text_of(password, "startDateTime")
    ends = text_of(known, "expires") or text_of(password, "endDateTime")
    whole = timedelta(days=DAYS)
    try:
        if begins and ends:
            whole = parse(ends) - parse(begins)
    except (ValueError, TypeError):
        whole = timedelta(days=DAYS)
    return rfc3339(parse(now) + max(whole, timedelta(days=1)))


def _public(app: Application) -> dict[str, Json]:
    return {"app_id": app.app_id, "application": app.name, "key_id": app.key_id}


def _by_hand(api: Api, held: Held, reason: str) -> Reissued:
    text = f"The successor of {held.id} has to be made by hand"
    made = step(api, held, "replace", reason)
    return Reissued(Outcome(Status.MANUAL, text, reason=reason, manual=made))


def step(api: Api, held: Held, what: str, why: str, name: str = "") -> ManualStep:
    """What a person does at the application's page."""
    value = held.values.get(PART)
    hint = (
        value.reveal_text()[:3] if value is not None else "the leaked one's first three characters"
    )
    app = text_of(api.vendor.known, "application")
    id_ = f"{what}-azure-{held.credential.parts.get(PART, held.id)[:8]}"
    takes = what == "replace"
    click = {
        "revoke": f"Delete the client secret whose value begins with {hint}.",
        "replace": "New client secret. Copy its Value (not its Secret ID): it is shown once.",
        "stray": f"Delete the client secret named {name}, if there is one.",
    }[what]
    titles = {
        "revoke": "Delete the application's leaked secret",
        "replace": "Add a new secret to the application",
        "stray": f"Look for a secret named {name} and delete it",
    }
    return ManualStep(
        id=id_,
        title=titles[what],
        why=f"It can't be done by call: {why}.",
        url=api.page,
        instructions=(
            f"Open the application {app or 'that the secret is of'}: Certificates & secrets.",
            click,
            f"Hand it in: remediate resume --value {id_}" if takes else "Then: remediate resume",
        ),
        check="remediate asks Entra with it, where it knows the application.",
        takes_value=takes,
    )
