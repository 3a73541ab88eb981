"""``external-secret:NAMESPACE/NAME``: an ExternalSecret is told to fetch anew, and waited for.

It holds no value itself: the store behind it is written first, and stands before it in the policy. Any change of an
annotation makes the operator look again (https://external-secrets.io/latest/introduction/faq/); ``status.refreshTime``
and the condition Ready tell when it has.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from typing import Any

from remediate.errors import UsageError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.kubernetes.cluster import Cluster, ClusterError
from remediate_providers.kubernetes.secrets import Place, read_secret

PAUSE = 2.0
"""Seconds between two looks."""
ANNOTATION = "force-sync"
_FORM = "external-secret:NAMESPACE/NAME or external-secret:NAMESPACE/NAME#KEY=part"


class ExternalSecretStore:
    """Written by its operator; forced, waited for, and looked at here."""

    scheme = "external-secret"

    def validate(self, target: Target) -> None:
        """See `remediate.plugins.store.Store.validate`. Without a key, the values may be under any."""
        Place.of(target, _FORM)

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """See `remediate.plugins.store.Store.put`."""
        try:
            place = Place.of(target, _FORM)
            with Cluster(vendor, place.context) as cluster:
                return _Sync(cluster, target, place, values).run()
        except KeyError as error:
            reason = f"the credential has no part named {error.args[0]!r}"
            return Outcome(Status.REFUSED, f"{target.spec} was not synchronised", reason=reason)
        except ClusterError as error:
            return Outcome(error.status, f"{target.spec} was not synchronised", reason=error.reason)

    def holds(
        self, target: Target, values: Mapping[str, Secret], vendor: VendorContext
    ) -> bool | None:
        """See `remediate.plugins.store.Store.holds`: by the Secret that it writes."""
        place = Place.of(target, _FORM)
        try:
            with Cluster(vendor, place.context) as cluster:
                sync = _Sync(cluster, target, place, values)
                return sync.holds(sync.read())
        except (ClusterError, KeyError, UsageError):
            return None


class _Sync:
    def __init__(
        self, cluster: Cluster, target: Target, place: Place, values: Mapping[str, Secret]
    ) -> None:
        self._cluster = cluster
        self._target = target
        self._place = place
        self._wanted = target.assign(values) if target.keys else {}
        self._any = [] if target.keys else list(values.values())

    def run(self) -> Outcome:
        """Force it, and wait until it has fetched what is new."""
        before = self.read()
        policy = (before.get("spec") or {}).get("refreshPolicy")
        if policy == "CreatedOnce":
            raise ClusterError(
                Status.REFUSED,
                "its refreshPolicy is CreatedOnce: it fetches a value once and never again "
                "(delete the Secret that it made, and it makes it anew)",
            )
        since = _refreshed(before)
        if self.holds(before) and _ready(before)[0]:
            return self._synced(before, Status.UNCHANGED)
        self._force()
        while True:
            now = self.read()
            ready, words = _ready(now)
            fresh = _refreshed(now) not in ("", since)
            held = self.holds(now)
            if ready and fresh and held is not False:
                return self._synced(now, Status.DONE)
            if not self._cluster.patience.wait(PAUSE):
                break
        if fresh and not ready:
            raise ClusterError(Status.REFUSED, f"its operator could not fetch the value: {words}")
        if fresh:
            raise ClusterError(
                Status.REFUSED,
                "it fetched anew, and the Secret still holds another value: is the store that it "
                "reads named before it in the policy?",
            )
        raise ClusterError(
            Status.UNKNOWN, "it was told to fetch anew, and has not yet: does its operator run?"
        )

    def read(self) -> dict[str, Any]:
        """The object. Raises `ClusterError`."""
        return _object(
            self._cluster.ask(
                lambda client: client.get(
                    resource(), self._place.name, namespace=self._place.namespace
                ),
                f"get the ExternalSecret {self._place}",
            ),
            self._cluster,
        )

    def holds(self, found: Mapping[str, Any]) -> bool | None:
        """Whether the Secret that it writes holds the new values; None where it can't be read."""
        name = ((found.get("spec") or {}).get("target") or {}).get("name") or self._place.name
        try:
            secret = read_secret(
                self._cluster, Place(self._place.namespace, str(name), self._place.context)
            )
        except ClusterError:
            return None
        if secret is None:
            return False
        data = {key: _bytes(value) for key, value in (secret.get("data") or {}).items()}
        if self._wanted:
            return all(data.get(key) == value.reveal() for key, value in self._wanted.items())
        return all(value.reveal() in data.values() for value in self._any[:1])

    def _force(self) -> None:
        from lightkube.types import PatchType

        patch = {"metadata": {"annotations": {ANNOTATION: str(time.time_ns() // 1_000_000)}}}
        self._cluster.ask(
            lambda client: client.patch(
                resource(),
                self._place.name,
                patch,
                namespace=self._place.namespace,
                patch_type=PatchType.MERGE,
            ),
            f"patch the ExternalSecret {self._place}",
        )

    def _synced(self, found: Mapping[str, Any], status: Status) -> Outcome:
        at = _refreshed(found)
        data: dict[str, Json] = {"refresh_time": at, "context": self._cluster.context}
        held = self.holds(found)
        read = "its Secret holds the new value" if held else "its Secret may not be read by us"
        probe = (
            f"GET externalsecrets/{self._place.name} in {self._place.namespace} at "
            f"{self._cluster.host}"
        )
        seen = Evidence(probe, f"Ready, refreshTime {at}; {read}", self._cluster.vendor.now())
        text = f"{self._target.spec} has fetched anew; {read}"
        if status is Status.UNCHANGED:
            text = f"{self._target.spec} has the new value already"
        return Outcome(status, text, evidence=(seen,), data=data)


def resource() -> Any:
    """The kind, as its operator has it since 0.16: external-secrets.io/v1."""
    from lightkube.generic_resource import create_namespaced_resource

    return create_namespaced_resource(
        "external-secrets.io", "v1", "ExternalSecret", "externalsecrets"
    )


def _object(found: Any, cluster: Cluster) -> dict[str, Any]:
    data = found.to_dict() if hasattr(found, "to_dict") else found
    if not isinstance(data, dict) or not isinstance(data.get("spec"), dict):
        reason = f"{cluster.host} answered with something that is not its own format"
        raise ClusterError(Status.UNREACHABLE, reason)
    return data


def _refreshed(found: Mapping[str, Any]) -> str:
    return str((found.get("status") or {}).get("refreshTime") or "")


def _ready(found: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether the condition Ready holds, and its reason (not its message: a backend's words may hold more)."""
    for condition in (found.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready":
            return condition.get("status") == "True", str(condition.get("reason") or "no reason")
    return False, "it has no condition Ready"


def _bytes(value: object) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (ValueError, binascii.Error):
        return None
