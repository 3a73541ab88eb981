"""Ending service-account tokens: by deleting what they live in."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.kubernetes import steps
from remediate_providers.kubernetes.cluster import Cluster, ClusterError
from remediate_providers.kubernetes.look import NO_VALUE, look, stranger
from remediate_providers.kubernetes.secrets import Place, read_secret
from remediate_providers.kubernetes.tokens import Claims, claims_of, token_of

PAUSE = 2.0
"""Seconds between two looks: an API server remembers a token that it accepted for about 10."""
TYPE = "kubernetes.io/service-account-token"


def revoke(batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
    """See `remediate.plugins.provider.Revokes.revoke`."""
    return {held.id: _one(held, vendor) for held in batch}


def _one(held: Held, vendor: VendorContext) -> Outcome:
    token = token_of(held)
    claims = claims_of(token)
    if token is None or claims is None:
        return _by_hand(held, claims, NO_VALUE)
    try:
        with Cluster(vendor) as cluster:
            before = look(cluster, token, claims, vendor)
            if before.alive is False:
                return _dead(cluster, held, before)
            if before.alive is None and (why := stranger(cluster, claims)):
                return _by_hand(held, claims, why, before.evidence)
            done = _delete(cluster, held, token, claims)
            if isinstance(done, Outcome):
                return done
            return _watched(cluster, held, token, claims, done)
    except ClusterError as error:
        if error.status is Status.REFUSED:
            return _by_hand(held, claims, error.reason)
        step = steps.revoke(held, claims, error.reason)
        return Outcome(error.status, f"{held.id} was not ended", error.reason, manual=step)


def _delete(
    cluster: Cluster, held: Held, token: Secret, claims: Claims
) -> tuple[Evidence, ...] | Outcome:
    """Delete what it is bound to; what was seen, or why a person has to."""
    from lightkube.resources.core_v1 import Pod
    from lightkube.resources.core_v1 import Secret as KubeSecret

    place = Place(claims.namespace, claims.object_name, None)
    kind: Any
    if claims.object_kind == "secret" and claims.object_name:
        found = read_secret(cluster, place)
        if found is None:
            return ()
        uid = str(found["metadata"].get("uid", ""))
        if claims.object_uid and uid != claims.object_uid:
            return ()  # made anew under the same name: what the token was bound to is gone
        if claims.lasting and not _is_its(found, token):
            return _by_hand(held, claims, f"the Secret {place} holds another token than this one")
        kind = KubeSecret
    elif claims.object_kind == "pod" and claims.object_name:
        if cluster.vendor.settings.get("insist") is not True:
            why = (
                f"it ends with the pod {place}, and ending a pod may interrupt its service: delete it "
                "by hand, or set insist = true in its [[credential]] table"
            )
            return _by_hand(held, claims, why)
        kind, uid = Pod, claims.object_uid
    else:
        until = f"; it ends by itself at {claims.expires}" if claims.expires else ""
        return _by_hand(held, claims, f"it is bound to nothing that could be deleted{until}")
    try:
        delete(cluster, kind, place)
    except ClusterError as error:
        if not error.sent:
            raise
        # Lost on the way back: looking will tell.
    what = f"DELETE {claims.object_kind}s/{place.name} in {place.namespace} at {cluster.host}"
    return (Evidence(what, f"uid {uid}", cluster.vendor.now()),)


def delete(cluster: Cluster, kind: Any, place: Place) -> None:
    """Delete an object that has just been looked at; one that is gone already is fine. Raises `ClusterError`."""

    def call(client: Any) -> None:
        client.delete(kind, place.name, namespace=place.namespace)

    try:
        cluster.ask(call, f"delete the {kind.__name__} {place}")
    except ClusterError as error:
        if error.code != 404:
            raise


def _is_its(found: Mapping[str, Any], token: Secret) -> bool:
    if found.get("type") != TYPE:
        return False
    try:
        held = base64.b64decode(str((found.get("data") or {}).get("token", "")), validate=True)
    except (ValueError, binascii.Error):
        return False
    return Secret(held) == token


def _watched(
    cluster: Cluster, held: Held, token: Secret, claims: Claims, done: tuple[Evidence, ...]
) -> Outcome:
    while True:
        seen = look(cluster, token, claims, cluster.vendor)
        if seen.alive is False:
            return _dead(cluster, held, Check(False, (*done, *seen.evidence)))
        if seen.alive is None or not cluster.patience.wait(PAUSE):
            break
    reason = seen.reason or "the cluster still accepts it: what it lives in may be made anew"
    summary = f"Deleted what {held.id} lives in; it has not been seen refused"
    return Outcome(Status.UNKNOWN, summary, reason, (*done, *seen.evidence))


def _dead(cluster: Cluster, held: Held, check: Check) -> Outcome:
    return Outcome(Status.DONE, f"{cluster.host} refuses {held.id}", evidence=check.evidence)


def _by_hand(
    held: Held, claims: Claims | None, reason: str, evidence: Sequence[Evidence] = ()
) -> Outcome:
    return Outcome(
        Status.MANUAL,
        f"{held.id} has to be ended by hand",
        reason=reason,
        evidence=tuple(evidence),
        manual=steps.revoke(held, claims, reason),
    )
