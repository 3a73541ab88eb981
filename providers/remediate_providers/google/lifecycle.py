"""Disabling, deleting and making service-account keys. https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.keys

A new key's private half is made here and never leaves: its certificate is uploaded (``keys:upload``). So nothing secret
is in an answer that could be lost, and a key that nobody has is known again by its certificate's subject. Keys that
Google makes (``keys.create``) have no name to be known by, and a list tells them from nobody else's.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate_providers import making
from remediate_providers.accepting import not_seen, not_taken
from remediate_providers.ending import Asked
from remediate_providers.google.keys import (
    FILE,
    KEY,
    Account,
    account_in,
    account_of,
    file_of,
    pem_of,
)
from remediate_providers.google.server import NEEDED, Api, account_path, key_path
from remediate_providers.making import Made
from remediate_providers.rest import (
    NO_VALUE,
    NOT_USED,
    TroubleError,
    mapping,
    objects,
    segment,
    text_of,
)

PEM = "TYPE_X509_PEM_FILE"
UNNAMED = "which service account it is of is not known"


class Ending:
    """How one is disabled: `remediate_providers.ending.Ends`."""

    def __init__(self, held: Held, vendor: VendorContext) -> None:
        self._api = Api(vendor)
        self._held = held
        self._account = account_in(held.credential)
        self.host = self._api.site.host

    def look(self) -> Check:
        """Google is asked with it; where it may not be used, the account's own list is the witness."""
        pem, account = pem_of(self._held), self._account
        if account is None:
            return Check(None, reason=UNNAMED)
        if pem is not None and self._api.vendor.use_leaked:
            return self._api.accepts(pem, account, patient=False)
        try:
            state = _state(self._api, account)
        except TroubleError as error:
            return Check(None, reason=str(error))
        return Check(state == "enabled", (self._api.seen("GET …/keys/{id}", state),))

    def ask(self) -> Asked:
        """``keys:disable``: it can be undone until it is deleted."""
        account = self._account
        if account is None:
            return Asked(status=Status.MANUAL, reason=UNNAMED)
        try:
            self._api.effect(
                "POST",
                f"{key_path(account)}:disable",
                self._api.own(),
                good=(200,),
                repeat=True,
                needed=NEEDED,
                json={},
            )
        except TroubleError as error:
            return Asked(error.lost, error.status, str(error))
        seen = (self._api.seen("POST …/keys/{id}:disable", "200"),)
        return Asked(accepted=True, evidence=seen, data={"key_id": account.key_id})

    def step(self, reason: str) -> ManualStep:
        """The account's page."""
        return step(self._api, self._held, "revoke", reason)


class Uploading:
    """How one is made: `making.Makes`."""

    def __init__(self, api: Api, held: Held, account: Account) -> None:
        self._api, self._held, self._account = api, held, account
        self.host = api.site.host

    def make(self, name: str) -> Made:
        """Make a pair here, upload its certificate, and write the file that applications read."""
        from remediate_providers.google.signing import new_pair

        pair = new_pair(name)
        data = base64.b64encode(pair.certificate_pem.encode()).decode()
        answer = self._api.effect(
            "POST",
            f"{account_path(self._account)}/keys:upload",
            self._api.own(),
            good=(200,),
            needed=NEEDED,
            json={"publicKeyData": data},
        )
        key_id = key_id_of(mapping(answer))
        if key_id is None:
            raise self._api.trouble(answer)
        file = _file(self._held, self._account, key_id, pair.private_pem)
        seen = self._api.seen("POST …/keys:upload", "200")
        text = f"Uploaded key {key_id} for {self._account.email}"
        values = {FILE: Secret(file)}
        if KEY in self._held.credential.parts:
            values[KEY] = Secret(pair.private_pem)
        return Made(values, key_id, (seen,), text, {"service_account": self._account.email})

    def named(self, beginning: str) -> Mapping[str, str]:
        """Uploaded keys whose certificate's subject has that beginning."""
        from remediate_providers.google.signing import subject_of

        found = {}
        for one in keys_of(self._api, self._account):
            key_id = key_id_of(one)
            if key_id is None or text_of(one, "keyOrigin") != "USER_PROVIDED":
                continue
            path = f"{account_path(self._account)}/keys/{segment(key_id)}"
            shown = text_of(self._api.get(path, {"publicKeyType": PEM}), "publicKeyData") or ""
            try:
                subject = subject_of(base64.b64decode(shown, validate=True)) or ""
            except (ValueError, binascii.Error):
                subject = ""
            if subject.startswith(beginning):
                found[key_id] = subject
        return found

    def end(self, id: str) -> Evidence:  # noqa: A002 - `Makes`
        """Delete one by its id."""
        return _delete(self._api, Account(self._account.email, self._account.project, id))

    def stray(self, name: str) -> ManualStep:
        """A person looks for it."""
        return step(self._api, self._held, "stray", f"the answer to making {name} was lost")


def before(held: Held, vendor: VendorContext) -> dict[str, Json]:
    """What bears our mark already."""
    account = account_in(held.credential)
    return {} if account is None else making.before(Uploading(Api(vendor), held, account), held)


def reissue(held: Held, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Reissues.reissue`."""
    api, account = Api(vendor), account_in(held.credential)
    if account is None:
        return _by_hand(api, held, UNNAMED)
    try:
        api.own()
    except TroubleError as error:
        if error.status is Status.UNREACHABLE:
            text = f"No successor of {held.id} was made"
            return Reissued(Outcome(error.status, text, reason=str(error)))
        return _by_hand(api, held, str(error))
    way = Uploading(api, held, account)
    return making.make_one(way, held, lambda reason: _by_hand(api, held, reason))


def reconcile(held: Held, known: Mapping[str, Json], vendor: VendorContext) -> Outcome:
    """See `remediate.plugins.provider.Reissues.reconcile_reissue`."""
    account = account_in(held.credential)
    if account is None or ("ids" not in known and "unlisted" not in known):
        return Outcome(Status.UNCHANGED, f"No successor of {held.id} was made by us")
    return making.reconcile(Uploading(Api(vendor), held, account), held, known)


def delete(held: Held, vendor: VendorContext) -> Outcome:
    """See `remediate.plugins.provider.Deletes.delete`."""
    api, account = Api(vendor), account_in(held.credential)
    if account is None:
        return Outcome(Status.UNKNOWN, f"{held.id} was not deleted", reason=UNNAMED)
    try:
        if _state(api, account) == "deleted":
            seen = api.seen("GET …/keys/{id}", "deleted")
            return Outcome(Status.UNCHANGED, f"{held.id} is deleted already", evidence=(seen,))
        evidence = _delete(api, account)
    except TroubleError as error:
        manual = step(api, held, "delete", str(error))
        text = f"{held.id} was not deleted; it stays disabled"
        return Outcome(error.status, text, reason=str(error), manual=manual)
    return Outcome(Status.DONE, f"Deleted key {account.key_id}", evidence=(evidence,))


def accept(held: Held, value: Secret, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Accepts.accept`."""
    value = Secret(value.reveal().strip())
    account, old, data = account_of(value), account_in(held.credential), file_of(value)
    if value in held.values.values() or (account and old and account.key_id == old.key_id):
        return not_taken("it is the leaked key itself")
    if account is None or data is None:
        return not_taken("it is no service account's key file (JSON, as the console hands it out)")
    if old is not None and account.email != old.email:
        return not_taken(f"it is of {account.email}, and the leaked one of {old.email}")
    pem = str(data["private_key"])
    check = Api(vendor).accepts(pem.encode(), account)
    if check.alive is False:
        return not_taken("Google refuses it", check.evidence)
    if check.alive is None:
        return not_seen(check, "key")
    values = {FILE: value} | ({KEY: Secret(pem)} if KEY in held.credential.parts else {})
    done = Outcome(Status.DONE, f"Took in a new key for {held.id}", evidence=check.evidence)
    return Reissued(done, values, public_id=account.key_id)


def check(held: Held, vendor: VendorContext) -> Check:
    """Whether Google takes what leaked."""
    pem, account = pem_of(held), account_in(held.credential)
    if pem is None or account is None or not vendor.use_leaked:
        why = NO_VALUE if pem is None else UNNAMED if account is None else NOT_USED
        return Check(None, reason=why)
    return Api(vendor).accepts(pem, account)


def confirm(new: Held, vendor: VendorContext) -> Check:
    """Whether Google takes the new one: it may take a minute to be known everywhere."""
    file = new.values.get(FILE)
    account = account_of(file) if file is not None else None
    pem = pem_of(new)
    if account is None or pem is None:
        return Check(None, reason=NO_VALUE)
    api = Api(vendor)
    found = api.accepts(pem, account)
    for pause in (1.0, 2.0, 4.0, 8.0, 15.0, 30.0):
        if found.alive is not False or not api.patience.wait(pause):
            break
        found = api.accepts(pem, account)
    return found


def _state(api: Api, account: Account) -> str:
    """``enabled``, ``disabled`` or ``deleted``. Raises `TroubleError`."""
    one = next((k for k in keys_of(api, account) if key_id_of(k) == account.key_id), None)
    if one is None:
        return "deleted"
    return "disabled" if one.get("disabled") is True else "enabled"


def keys_of(api: Api, account: Account) -> list[Mapping[str, Any]]:
    """The account's own keys; ten at most. Raises `TroubleError`."""
    data = api.get(f"{account_path(account)}/keys", {"keyTypes": "USER_MANAGED"})
    # No key at all is an object without the field.
    return objects(data.get("keys", []))


def _delete(api: Api, account: Account) -> Evidence:
    answer = api.effect(
        "DELETE", key_path(account), api.own(), good=(200, 404), repeat=True, needed=NEEDED
    )
    return api.seen("DELETE …/keys/{id}", str(answer.status))


def key_id_of(one: Mapping[str, Any]) -> str | None:
    """A key's id: the end of ``projects/…/serviceAccounts/…/keys/{id}``."""
    return (text_of(one, "name") or "").rpartition("/keys/")[2] or None


def _file(held: Held, account: Account, key_id: str, pem: str) -> str:
    """The file that applications read: the leaked one's fields, with the new key in it."""
    leaked = held.values.get(FILE)
    old = (file_of(leaked) if leaked is not None else None) or {}
    fresh = {
        "type": "service_account",
        "project_id": account.project,
        "client_email": account.email,
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    }
    kept = {name: value for name, value in old.items() if name not in fresh}
    merged = {**fresh, **kept, "private_key_id": key_id, "private_key": pem}
    # On one line where the leaked one was: it may stand in a variable.
    flat = leaked is not None and b"\n" not in leaked.reveal().strip()
    return json.dumps(merged) if flat else json.dumps(merged, indent=2) + "\n"


def _by_hand(api: Api, held: Held, reason: str) -> Reissued:
    text = f"The successor of {held.id} has to be made by hand"
    made = step(api, held, "replace", reason)
    return Reissued(Outcome(Status.MANUAL, text, reason=reason, manual=made))


def step(api: Api, held: Held, what: str, why: str) -> ManualStep:
    """What a person does at the account's page."""
    account = account_in(held.credential)
    email = account.email if account else "the service account"
    key = account.key_id if account else "its id"
    id_ = f"{what}-google-{held.id.partition(':')[2][:8]}"
    takes = what == "replace"
    title, click = {
        "revoke": ("Disable the leaked key", f"Keys > {key} > Disable."),
        "delete": ("Delete the leaked key", f"Keys > {key} > Delete."),
        "replace": (
            "Create a new key",
            "Keys > Add key > Create new key > JSON. A file is loaded down.",
        ),
        "stray": (
            "Look for a key that nobody has",
            "Keys: delete the one that was uploaded just now.",
        ),
    }[what]
    hand = f"Hand it in: remediate resume --value {id_} < FILE, and delete the file"
    return ManualStep(
        id=id_,
        title=f"{title} of {email}",
        why=f"It can't be done by call: {why}.",
        url=api.page + (f"?project={account.project}" if account else ""),
        instructions=(
            f"Open {email}.",
            click,
            hand if takes else "Then: remediate resume",
        ),
        check="remediate asks Google for a token with it.",
        takes_value=takes,
    )
