"""A new lasting token: a second Secret of the same account, whose name follows from the leaked one's.

One name means one Secret: asking twice makes no second, and one that was lost in a crash is found by it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate_providers.kubernetes import steps
from remediate_providers.kubernetes.cluster import Cluster, ClusterError
from remediate_providers.kubernetes.look import NO_VALUE, look, stranger
from remediate_providers.kubernetes.revoke import TYPE, delete
from remediate_providers.kubernetes.secrets import Place, read_secret
from remediate_providers.kubernetes.tokens import LASTING, PART, Claims, claims_of, token_of

ACCOUNT = "kubernetes.io/service-account.name"
MANAGED = {"app.kubernetes.io/managed-by": "remediate"}
PAUSE = 0.5
"""Seconds between two looks for the token that the cluster's controller puts into a new Secret."""


def before_reissue(held: Held) -> dict[str, Json]:
    """The name that the new Secret will have."""
    place = _place(held)
    return {} if place is None else {"secret": str(place)}


def reissue(held: Held, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Reissues.reissue`."""
    claims = claims_of(token_of(held))
    if held.credential.kind != LASTING:
        reason = "it lives for a time, and what uses it asks for another by itself"
        return Reissued(Outcome(Status.SKIPPED, f"{held.id} needs no successor", reason=reason))
    place = _place(held)
    if claims is None or place is None:
        return _by_hand(held, claims, NO_VALUE)
    try:
        with Cluster(vendor) as cluster:
            why = stranger(cluster, claims)
            if why:
                return _by_hand(held, claims, why)
            found = read_secret(cluster, place)
            if found is None:
                _create(cluster, place, claims)
            return _made(cluster, held, place, claims)
    except ClusterError as error:
        if error.status is Status.REFUSED:
            return _by_hand(held, claims, error.reason)
        summary = f"No new token was made in place of {held.id}"
        return Reissued(
            Outcome(
                error.status,
                summary,
                reason=error.reason,
                manual=steps.replace(held, claims, error.reason),
            )
        )


def reconcile_reissue(held: Held, before: Mapping[str, Json], vendor: VendorContext) -> Outcome:
    """See `remediate.plugins.provider.Reissues.reconcile_reissue`."""
    place = _place(held)
    if place is None or not before.get("secret"):
        return Outcome(Status.UNCHANGED, f"No new token had been asked for in place of {held.id}")
    try:
        with Cluster(vendor) as cluster:
            found = read_secret(cluster, place)
            probe = f"GET secrets/{place.name} in {place.namespace} at {cluster.host}"
            if found is None or not _is_ours(found):
                seen = Evidence(probe, "none of ours", vendor.now())
                text = f"No new token had been made in place of {held.id}"
                return Outcome(Status.UNCHANGED, text, evidence=(seen,))
            _forget(cluster, place)
    except ClusterError as error:
        text = f"Whether a new token was made for {held.id} is not known"
        return Outcome(Status.UNREACHABLE, text, reason=error.reason)
    return Outcome(
        Status.DONE,
        f"Deleted the Secret {place}, made in place of {held.id} and lost",
        evidence=(Evidence(probe, "deleted", vendor.now()),),
        data={"deleted": [str(place)]},
    )


def accept(held: Held, value: Secret, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Accepts.accept`."""
    value = Secret(value.reveal().strip())
    claims = claims_of(value)
    if value == token_of(held):
        return _refused(held, "it is the leaked token itself")
    if claims is None:
        return _refused(held, "it is no token of a service account (eyJ….eyJ….…)")
    try:
        with Cluster(vendor) as cluster:
            seen = look(cluster, value, claims, vendor)
    except ClusterError as error:
        return _refused(held, f"whether it works can't be seen: {error.reason}")
    if seen.alive is not True:
        return _refused(held, seen.reason or "the cluster refuses it", seen.evidence)
    summary = f"Took a new token in place of {held.id}"
    return Reissued(Outcome(Status.DONE, summary, evidence=seen.evidence), {PART: value})


def confirm(new: Held, vendor: VendorContext) -> Check:
    """See `remediate.plugins.provider.ConfirmsNew.confirm`."""
    token = token_of(new)
    claims = claims_of(token)
    if token is None or claims is None:
        return Check(None, reason=NO_VALUE)
    try:
        with Cluster(vendor) as cluster:
            return look(cluster, token, claims, vendor)
    except ClusterError as error:
        return Check(None, reason=error.reason)


def _place(held: Held) -> Place | None:
    """The new Secret: named after the old one and the leaked value's fingerprint."""
    claims = claims_of(token_of(held))
    if claims is None:
        return None
    mark = held.credential.parts.get(PART, "")[:8] or "new"
    return Place(
        claims.namespace, f"{claims.object_name or claims.account}"[:230] + f"-{mark}", None
    )


def _create(cluster: Cluster, place: Place, claims: Claims) -> None:
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import Secret as KubeSecret

    made = KubeSecret(
        metadata=ObjectMeta(
            name=place.name,
            namespace=place.namespace,
            labels=dict(MANAGED),
            annotations={ACCOUNT: claims.account},
        ),
        type=TYPE,
    )
    try:
        # The same name twice is a conflict, so repeating is harmless.
        cluster.ask(lambda client: client.create(made), f"create the Secret {place}")
    except ClusterError as error:
        if error.code != 409 and not error.sent:
            raise


def _made(cluster: Cluster, held: Held, place: Place, claims: Claims) -> Reissued:
    """Wait for the controller to put the token in, and read it."""
    while True:
        found = read_secret(cluster, place)
        if found is not None and not _is_ours(found):
            return _by_hand(held, claims, f"another Secret has the name {place} already")
        token = _token(found) if found is not None else None
        if token is not None:
            break
        if not cluster.patience.wait(PAUSE):
            reason = (
                f"the Secret {place} was made, and the cluster put no token into it in time: "
                "remediate resume looks again"
            )
            status = Status.UNREACHABLE
            summary = f"No new token of {held.id} is there yet"
            step = steps.replace(held, claims, reason)
            return Reissued(Outcome(status, summary, reason=reason, manual=step))
    seen = Evidence(
        f"GET secrets/{place.name} in {place.namespace} at {cluster.host}",
        "holds a token",
        cluster.vendor.now(),
    )
    text = f"Made a token of {claims.namespace}/{claims.account} in the Secret {place.name}"
    data: dict[str, Json] = {"secret": str(place), "context": cluster.context}
    return Reissued(
        Outcome(Status.DONE, text, evidence=(seen,), data=data), {PART: token}, str(place)
    )


def _token(found: Mapping[str, Any]) -> Secret | None:
    try:
        raw = base64.b64decode(str((found.get("data") or {}).get("token", "")), validate=True)
    except (ValueError, binascii.Error):
        return None
    return Secret(raw) if raw else None


def _is_ours(found: Mapping[str, Any]) -> bool:
    labels = found["metadata"].get("labels") or {}
    return found.get("type") == TYPE and MANAGED.items() <= labels.items()


def _forget(cluster: Cluster, place: Place) -> None:
    from lightkube.resources.core_v1 import Secret as KubeSecret

    delete(cluster, KubeSecret, place)


def _by_hand(held: Held, claims: Claims | None, reason: str) -> Reissued:
    step = steps.replace(held, claims, reason)
    summary = f"The successor of {held.id} has to be made by hand"
    return Reissued(Outcome(Status.MANUAL, summary, reason=reason, manual=step))


def _refused(held: Held, why: str, evidence: tuple[Evidence, ...] = ()) -> Reissued:
    summary = f"The value is not taken in place of {held.id}"
    return Reissued(Outcome(Status.REFUSED, summary, reason=why, evidence=evidence))
