"""``kubernetes:NAMESPACE/SECRET#KEY``: keys of a Secret, by a patch that holds for one version of it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remediate.errors import UsageError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.kubernetes.cluster import Cluster, ClusterError

TRIES = 5
"""How often a write is begun anew where somebody else wrote in between."""
LARGEST = 1024 * 1024
"""Bytes of a Secret's data at most (https://kubernetes.io/docs/concepts/configuration/secret/#restriction-data-size)."""
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_FORM = "kubernetes:NAMESPACE/SECRET#KEY or kubernetes:NAMESPACE/SECRET@CONTEXT#KEY"
#: What writes a Secret by itself, over and over, and where its value really comes from.
_WRITERS = {
    "ExternalSecret": "name the store behind it, then external-secret:{namespace}/{name}",
    "SealedSecret": "seal the new value and apply it (kubeseal)",
}


@dataclass(frozen=True)
class Place:
    """One object, in one cluster."""

    namespace: str
    name: str
    context: str | None

    @classmethod
    def of(cls, target: Target, form: str) -> Place:
        """Raises `UsageError`."""
        place, at, context = target.place.partition("@")
        namespace, slash, name = place.partition("/")
        whole = slash and _NAME.fullmatch(namespace) and _NAME.fullmatch(name)
        if not whole or (at and not context):
            raise UsageError(
                f"{target.spec} names no object that can be there.", hint=f"Write {form}."
            )
        return cls(namespace, name, context or None)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class KubernetesStore:
    """All keys of one target in one patch, or none."""

    scheme = "kubernetes"

    def validate(self, target: Target) -> None:
        """See `remediate.plugins.store.Store.validate`."""
        Place.of(target, _FORM)
        if not target.keys:
            raise UsageError(f"{target.spec} names no key of the Secret.", hint=f"Write {_FORM}.")
        for key, _part in target.keys:
            if not _KEY.fullmatch(key):
                raise UsageError(
                    f"{target.spec}: a Secret has no key named {key}.",
                    hint="Letters, digits, -, _ and . are taken.",
                )

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """See `remediate.plugins.store.Store.put`."""
        try:
            place = Place.of(target, _FORM)
            wanted = encoded(target, values)
            with Cluster(vendor, place.context) as cluster:
                return _put(cluster, target, place, wanted)
        except ClusterError as error:
            return Outcome(error.status, f"{target.spec} was not written", reason=error.reason)

    def holds(
        self, target: Target, values: Mapping[str, Secret], vendor: VendorContext
    ) -> bool | None:
        """See `remediate.plugins.store.Store.holds`."""
        place = Place.of(target, _FORM)
        try:
            wanted = encoded(target, values)
            with Cluster(vendor, place.context) as cluster:
                found = read_secret(cluster, place)
        except ClusterError:
            return None
        return found is not None and _equal(found, wanted)


def encoded(target: Target, values: Mapping[str, Secret]) -> dict[str, str]:
    """Key to base64, as a Secret has it. Raises `ClusterError`."""
    try:
        assigned = target.assign(values)
    except KeyError as error:
        raise ClusterError(
            Status.REFUSED,
            f"the credential has no part named {error.args[0]!r}; "
            f"its parts are: {', '.join(sorted(values))}",
        ) from None
    if sum(len(value.reveal()) for value in assigned.values()) > LARGEST:
        raise ClusterError(Status.REFUSED, "a Secret holds 1 MiB at most")
    return {key: base64.b64encode(value.reveal()).decode() for key, value in assigned.items()}


def read_secret(cluster: Cluster, place: Place) -> dict[str, Any] | None:
    """The Secret as the API has it; None where there is none. Raises `ClusterError`."""
    from lightkube.resources.core_v1 import Secret as KubeSecret

    try:
        found = cluster.ask(
            lambda client: client.get(KubeSecret, place.name, namespace=place.namespace),
            f"get the Secret {place}",
        )
    except ClusterError as error:
        if error.code == 404:
            return None
        raise
    data: Any = found.to_dict()
    if not isinstance(data, dict) or not isinstance(data.get("metadata"), dict):
        raise ClusterError(
            Status.UNREACHABLE, f"{cluster.host} answered with something that is not its own format"
        )
    if data["metadata"].get("name") != place.name:
        raise ClusterError(Status.UNREACHABLE, f"{cluster.host} answered with another object")
    return data


def _put(cluster: Cluster, target: Target, place: Place, wanted: Mapping[str, str]) -> Outcome:
    written = False
    for _try in range(TRIES):
        found = read_secret(cluster, place)
        if found is not None and _equal(found, wanted):
            return _ended(cluster, target, place, found, wanted, written=written)
        if found is not None:
            _look(place, found)
        try:
            _write(cluster, place, found, wanted)
            written = True
        except ClusterError as error:
            if error.sent:
                written = True  # lost on the way back: reading again will tell
            elif error.code != 409:
                raise
    raise ClusterError(
        Status.UNKNOWN, "another program writes it at the same time, again and again"
    )


def _look(place: Place, found: Mapping[str, Any]) -> None:
    """Raises `ClusterError` for a Secret that would not keep what is written."""
    if found.get("immutable"):
        raise ClusterError(
            Status.REFUSED,
            f"the Secret {place} is immutable: make another one and let its users name that",
        )
    for owner in found["metadata"].get("ownerReferences") or ():
        more = _WRITERS.get(str(owner.get("kind")))
        if more is not None:
            hint = more.format(namespace=place.namespace, name=owner.get("name"))
            reason = f"the {owner['kind']} {owner.get('name')} writes this Secret anew: {hint}"
            raise ClusterError(Status.REFUSED, reason)


def _write(
    cluster: Cluster, place: Place, found: Mapping[str, Any] | None, wanted: Mapping[str, str]
) -> None:
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import Secret as KubeSecret
    from lightkube.types import PatchType

    if found is None:
        made = KubeSecret(
            metadata=ObjectMeta(
                name=place.name,
                namespace=place.namespace,
                labels={"app.kubernetes.io/managed-by": "remediate"},
            ),
            type="Opaque",
            data=dict(wanted),
        )
        cluster.ask(lambda client: client.create(made), f"create the Secret {place}", repeat=False)
        return
    metadata: dict[str, Any] = {"resourceVersion": found["metadata"].get("resourceVersion")}
    applied = _without(found, wanted)
    if applied is not None:
        metadata["annotations"] = {APPLIED: applied}
    patch = {"metadata": metadata, "data": dict(wanted)}
    # The version in it makes repeating harmless: a second one finds another, and is a conflict.
    cluster.ask(
        lambda client: client.patch(
            KubeSecret,
            place.name,
            patch,
            namespace=place.namespace,
            patch_type=PatchType.MERGE,
        ),
        f"patch the Secret {place}",
    )


def _without(found: Mapping[str, Any], wanted: Mapping[str, str]) -> str | None:
    """What ``kubectl apply`` remembers, without the old values of these keys; None where there is none."""
    text = (found["metadata"].get("annotations") or {}).get(APPLIED)
    if not isinstance(text, str):
        return None
    try:
        remembered = json.loads(text)
    except (ValueError, RecursionError):
        return "{}"
    if not isinstance(remembered, dict):
        return "{}"
    for part in ("data", "stringData"):
        if isinstance(remembered.get(part), dict):
            remembered[part] = {k: v for k, v in remembered[part].items() if k not in wanted}
    return json.dumps(remembered, separators=(",", ":")) + "\n"


def _equal(found: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    data = found.get("data") or {}
    return all(_bytes(data.get(key)) == _bytes(value) for key, value in wanted.items())


def _bytes(value: object) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (ValueError, binascii.Error):
        return None


def _ended(
    cluster: Cluster,
    target: Target,
    place: Place,
    found: Mapping[str, Any],
    wanted: Mapping[str, str],
    *,
    written: bool,
) -> Outcome:
    version = str(found["metadata"].get("resourceVersion", ""))
    data: dict[str, Json] = {"keys": list(wanted), "resource_version": version}
    data["context"] = cluster.context
    warnings: list[Json] = []
    managers = _others(found)
    if managers:
        warnings.append(
            f"it is also written by {', '.join(managers)}: change the value where that takes it from, or "
            "the old one comes back"
        )
    data["warnings"] = warnings
    users = _users(cluster, place)
    if users:
        data["restart"] = list(users)
    text = f"Wrote {target.spec} and read it back" if written else f"{target.spec} holds it already"
    if users:
        text += f"; {', '.join(users[:5])} read it at their start and need one (kubectl rollout restart)"
    probe = f"GET secrets/{place.name} in {place.namespace} at {cluster.host}"
    seen = Evidence(probe, f"resourceVersion {version}, equal", cluster.vendor.now())
    status = Status.DONE if written else Status.UNCHANGED
    return Outcome(status, text, evidence=(seen,), data=data)


def _others(found: Mapping[str, Any]) -> list[str]:
    """Who else applies the object from a file: by managed fields and well-known labels."""
    metadata = found["metadata"]
    names = {
        str(entry.get("manager"))
        for entry in metadata.get("managedFields") or ()
        if entry.get("manager") != "remediate"
        and (entry.get("operation") == "Apply" or "client-side-apply" in str(entry.get("manager")))
    }
    labels = metadata.get("labels") or {}
    managed = labels.get("app.kubernetes.io/managed-by")
    if managed and managed != "remediate":
        names.add(str(managed))
    return sorted(names)


def _users(cluster: Cluster, place: Place) -> list[str]:
    """What reads the Secret into its environment, and so not again by itself; none where it can't be told."""
    from lightkube.resources.apps_v1 import DaemonSet, Deployment, StatefulSet

    names: list[str] = []
    for kind in (Deployment, StatefulSet, DaemonSet):
        try:
            items = cluster.ask(
                lambda client, kind=kind: list(client.list(kind, namespace=place.namespace)),  # type: ignore[misc]
                "list workloads",
            )
        except ClusterError:
            return names
        for item in items:
            whole = item.to_dict()
            pod = ((whole.get("spec") or {}).get("template") or {}).get("spec") or {}
            every = [*(pod.get("containers") or ()), *(pod.get("initContainers") or ())]
            if any(_reads(container, place.name) for container in every):
                names.append(f"{kind.__name__.lower()}/{whole['metadata']['name']}")
    return names


def _reads(container: Mapping[str, Any], name: str) -> bool:
    for source in container.get("envFrom") or ():
        if (source.get("secretRef") or {}).get("name") == name:
            return True
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("secretKeyRef") or {}
        if reference.get("name") == name:
            return True
    return False
