"""Service-account tokens, told by their claims alone.

A token of the old kind lives in a Secret and does not end by itself; one from the TokenRequest API is bound to a time, an
audience, and often to an object. https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from remediate.clock import rfc3339
from remediate.model import Credential
from remediate.plugins.provider import Found, Held, Identified, Kind
from remediate.secret import Secret

NAME = "kubernetes"
PART = "value"
LASTING = "kubernetes-service-account-token"
BOUND = "kubernetes-bound-token"
KINDS = (
    Kind(LASTING, "Kubernetes service-account token of a Secret", "api", "api", check="api"),
    Kind(BOUND, "Kubernetes service-account token, bound", "api", "none", check="api"),
)

_JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{20,8000}\.[A-Za-z0-9_-]{20,2000}")
_OLD = "kubernetes.io/serviceaccount/"


@dataclass(frozen=True)
class Claims:
    """What a token says of itself. Nothing in it is secret, and nothing proven."""

    namespace: str
    account: str
    uid: str
    """The service account's."""
    issuer: str
    expires: str
    """RFC 3339; empty where it does not end by itself."""
    object_kind: str
    """What it is bound to: ``secret``, ``pod``, ``node``; empty for nothing."""
    object_name: str
    object_uid: str
    lasting: bool


def claims_of(value: Secret | None) -> Claims | None:
    """The claims of a service-account token; None for anything else."""
    raw = value.reveal() if value is not None else b""
    if not _JWT.fullmatch(raw):
        return None
    try:
        middle = raw.split(b".")[1]
        data = json.loads(base64.urlsafe_b64decode(middle + b"=" * (-len(middle) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    return _old(data) if f"{_OLD}service-account.name" in data else _new(data)


def _old(data: Mapping[str, Any]) -> Claims | None:
    namespace = _text(data, f"{_OLD}namespace")
    account = _text(data, f"{_OLD}service-account.name")
    if not namespace or not account:
        return None
    return Claims(
        namespace=namespace,
        account=account,
        uid=_text(data, f"{_OLD}service-account.uid"),
        issuer=_text(data, "iss"),
        expires="",
        object_kind="secret",
        object_name=_text(data, f"{_OLD}secret.name"),
        object_uid="",
        lasting=True,
    )


def _new(data: Mapping[str, Any]) -> Claims | None:
    inner = data.get("kubernetes.io")
    if not isinstance(inner, dict) or not isinstance(inner.get("serviceaccount"), dict):
        return None
    account = inner["serviceaccount"]
    if not _text(inner, "namespace") or not _text(account, "name"):
        return None
    # A token of a pod names its node as well: the pod is what it lives and dies with.
    kind = next((k for k in ("secret", "pod", "node") if isinstance(inner.get(k), dict)), "")
    bound = inner.get(kind) if kind else {}
    return Claims(
        namespace=_text(inner, "namespace"),
        account=_text(account, "name"),
        uid=_text(account, "uid"),
        issuer=_text(data, "iss"),
        expires=_moment(data.get("exp")),
        object_kind=kind,
        object_name=_text(bound, "name"),
        object_uid=_text(bound, "uid"),
        lasting=False,
    )


def identify(found: Sequence[Found]) -> Sequence[Identified]:
    """A credential for each service-account token."""
    made = []
    for one in found:
        claims = claims_of(one.value)
        if claims is None:
            continue
        kind = LASTING if claims.lasting else BOUND
        labels = {"namespace": claims.namespace, "service_account": claims.account}
        if claims.object_name:
            labels[claims.object_kind] = claims.object_name
        if claims.expires:
            labels["expires"] = claims.expires
        made.append(
            Identified(
                Credential(
                    id=f"{NAME}:{one.fingerprint[:12]}",
                    provider=NAME,
                    kind=kind,
                    parts={PART: one.fingerprint},
                    account=claims.issuer or None,
                    labels=labels,
                ),
                {one.fingerprint: kind},
            )
        )
    return made


def token_of(held: Held) -> Secret | None:
    """The token itself, where it is at hand."""
    return held.values.get(PART)


def _text(data: Any, name: str) -> str:
    value = data.get(name) if isinstance(data, Mapping) else None
    return value if isinstance(value, str) and value.isprintable() and len(value) <= 300 else ""


def _moment(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    try:
        return rfc3339(datetime.fromtimestamp(value, UTC))
    except (ValueError, OverflowError, OSError):
        return ""
