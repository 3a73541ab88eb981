"""``external-secret:NAMESPACE/NAME``: an ExternalSecret is told to fetch anew, and waited for.

It holds no value itself: the store behind it is written first, and stands before it in the policy. Any change of an
annotation makes the operator look again (https://external-secrets.io/latest/introduction/faq/). Where it could fetch,
``status.refreshTime``, in whole seconds, and ``status.syncedResourceVersion``, which follows from the annotations, tell of it
and the condition Ready is true; where it could not, the condition alone says so
(external-secrets/external-secrets, pkg/controllers/externalsecret/externalsecret_controller.go: markAsDone, markAsFailed).
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
GROUP = "external-secrets.io"
VERSIONS = ("v1", "v1beta1")
"""Those that are asked for, the newest first. The operator serves v1beta1 alone up to 0.15, both in 0.16, and v1 alone from 0.17
on (https://github.com/external-secrets/external-secrets/releases/tag/v0.17.0)."""
_NEVER = ("", "")
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
        self._version = VERSIONS[0]

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
        if ((before.get("spec") or {}).get("target") or {}).get("immutable") is True:
            raise ClusterError(
                Status.REFUSED,
                "its target is immutable: once fetched it is never fetched again (delete the Secret "
                "that it made, and it makes it anew)",
            )
        since, was_ready = _fetched(before), _ready(before)[0]
        if was_ready and self.holds(before):
            return self._synced(before, Status.UNCHANGED)
        self._force()
        while True:
            now = self.read()
            ready, words = _ready(now)
            fresh = _fetched(now) not in (_NEVER, since)
            held = self.holds(now)
            if ready and fresh and held is not False:
                return self._synced(now, Status.DONE)
            if not self._cluster.patience.wait(PAUSE):
                break
        if not ready and (fresh or was_ready):
            raise ClusterError(Status.REFUSED, f"its operator could not fetch the value: {words}")
        if fresh:
            raise ClusterError(
                Status.REFUSED,
                "it fetched anew, and the Secret still holds another value: is the store that it "
                "reads named before it in the policy?",
            )
        still = "" if ready else f" (not Ready, as before: {words})"
        raise ClusterError(
            Status.UNKNOWN,
            f"it was told to fetch anew, and has not yet{still}: does its operator run?",
        )

    def read(self) -> dict[str, Any]:
        """The object, in the version that the cluster serves. Raises `ClusterError`.

        Which one that is nobody is asked but the object: a version that is not served is 404 without a word of the
        cluster's own, and the rights that it takes are the same for all.
        """
        lacking: list[ClusterError] = []
        for version in sorted(VERSIONS, key=lambda one: one != self._version):
            try:
                found = self._get(version)
            except ClusterError as error:
                if error.code != 404:
                    raise
                lacking.append(error)
            else:
                self._version = version
                return _object(found, self._cluster)
        for lack in lacking:
            if lack.words:
                raise lack
        served = " or ".join(f"{GROUP}/{version}" for version in VERSIONS)
        raise ClusterError(
            Status.REFUSED,
            f"{self._cluster.host} serves no ExternalSecrets of {served}: is the operator installed "
            "there, and is this the cluster that is meant (KUBECONFIG)?",
            404,
        )

    def _get(self, version: str) -> Any:
        return self._cluster.ask(
            lambda client: client.get(
                resource(version), self._place.name, namespace=self._place.namespace
            ),
            f"get the ExternalSecret {self._place}",
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
                resource(self._version),
                self._place.name,
                patch,
                namespace=self._place.namespace,
                patch_type=PatchType.MERGE,
            ),
            f"patch the ExternalSecret {self._place}",
        )

    def _synced(self, found: Mapping[str, Any], status: Status) -> Outcome:
        at = _fetched(found)[0]
        data: dict[str, Json] = {
            "refresh_time": at,
            "context": self._cluster.context,
            "api_version": f"{GROUP}/{self._version}",
        }
        held = self.holds(found)
        read = "its Secret holds the new value" if held else "its Secret may not be read by us"
        probe = (
            f"GET externalsecrets.{self._version}.{GROUP}/{self._place.name} in "
            f"{self._place.namespace} at {self._cluster.host}"
        )
        seen = Evidence(probe, f"Ready, refreshTime {at}; {read}", self._cluster.vendor.now())
        text = f"{self._target.spec} has fetched anew; {read}"
        if status is Status.UNCHANGED:
            text = f"{self._target.spec} has the new value already"
        return Outcome(status, text, evidence=(seen,), data=data)


def resource(version: str) -> Any:
    """The kind, in one of `VERSIONS`."""
    from lightkube.generic_resource import create_namespaced_resource

    return create_namespaced_resource(GROUP, version, "ExternalSecret", "externalsecrets")


def _object(found: Any, cluster: Cluster) -> dict[str, Any]:
    data = found.to_dict() if hasattr(found, "to_dict") else found
    if not isinstance(data, dict) or not isinstance(data.get("spec"), dict):
        reason = f"{cluster.host} answered with something that is not its own format"
        raise ClusterError(Status.UNREACHABLE, reason)
    return data


def _fetched(found: Mapping[str, Any]) -> tuple[str, str]:
    """When the value was fetched last, and of which version of the object; `_NEVER` where it was not."""
    status = found.get("status") or {}
    return str(status.get("refreshTime") or ""), str(status.get("syncedResourceVersion") or "")


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
