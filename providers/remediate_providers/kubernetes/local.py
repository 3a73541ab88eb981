"""A stand-in API server on loopback, with the shapes and quirks of the real one that matter here.

- An update whose resourceVersion is not the current one is 409 Conflict; a name taken twice is 409 AlreadyExists.
- RBAC's refusals name user, verb, resource and namespace in one sentence.
- Errors are Status objects; an immutable Secret is 422.
- stringData goes into data; data is base64; managedFields tell who wrote.
- A token that was accepted is remembered for a while (``--authentication-token-webhook-cache-ttl`` and the service account
  authenticator's cache): a deleted one is accepted until that is over.
- The controllers are slow: a token appears in its Secret, and an ExternalSecret is synchronised, a moment later.
- A version of a group that is not served is a plain page, 404, after the rights were looked at. Of what is served in
  several, each is the same object.
- ExternalSecrets tell of a success in whole seconds, and of a failure by their condition alone; with an immutable target, and
  where they are to fetch once, they are left alone for good.

Sources: https://kubernetes.io/docs/reference/using-api/api-concepts/, k8s.io/apimachinery/pkg/api/errors.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import tempfile
import time
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remediate.clock import utc_now
from remediate.secret import Secret
from remediate_providers.loopback import Loopback, Reply, Request

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+))?/(?P<kind>[a-z]+)(?:/(?P<name>[^/]+))?"
)
_VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}
_JSON = {"Content-Type": "application/json"}
TOKEN = "kubernetes.io/service-account-token"  # noqa: S105 - a type's name


@dataclass
class State:
    """The cluster. Kept under the server's own lock: one request at a time."""

    lag: float
    objects: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    """(plural, namespace, name) to object."""
    users: dict[str, frozenset[str] | None] = field(default_factory=dict)
    """Token to what it may (``verb plural``); None for everything."""
    backend: dict[str, bytes] = field(default_factory=dict)
    """The store that ExternalSecrets read, by remote key."""
    served: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {"external-secrets.io": ("v1",)}
    )
    """Versions by group, where not every one is."""
    due: dict[tuple[str, str], float] = field(default_factory=dict)
    """ExternalSecrets to be synchronised, and when."""
    accepted: dict[str, float] = field(default_factory=dict)
    """Tokens that were accepted, and until when they are remembered."""
    versions: Any = field(default_factory=lambda: itertools.count(100))

    def put(self, plural: str, namespace: str, name: str, **what: Any) -> dict[str, Any]:
        """An object as a person or another program makes it."""
        metadata = {
            "name": name,
            "namespace": namespace,
            "uid": str(uuid.uuid4()),
            "resourceVersion": str(next(self.versions)),
            "creationTimestamp": utc_now(),
            **what.pop("metadata", {}),
        }
        made = {"metadata": metadata, **what}
        self.objects[plural, namespace, name] = made
        return made

    def secret(self, namespace: str, name: str, data: Mapping[str, bytes], **more: Any) -> Any:
        """A Secret."""
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        kind = more.pop("type", "Opaque")
        return self.put("secrets", namespace, name, type=kind, data=encoded, **more)

    def account(self, namespace: str, name: str) -> Any:
        """A service account."""
        return self.put("serviceaccounts", namespace, name)

    def lasting(self, namespace: str, account: str, name: str) -> Secret:
        """A token of the old kind, in a Secret of its own."""
        uid = self.objects["serviceaccounts", namespace, account]["metadata"]["uid"]
        old = "kubernetes.io/serviceaccount/"
        token = _jwt(
            {
                "iss": "kubernetes/serviceaccount",
                f"{old}namespace": namespace,
                f"{old}secret.name": name,
                f"{old}service-account.name": account,
                f"{old}service-account.uid": uid,
                "sub": f"system:serviceaccount:{namespace}:{account}",
            }
        )
        known = self.objects.get(("secrets", namespace, name))
        if known is None:
            annotations = {"kubernetes.io/service-account.name": account}
            self.secret(
                namespace,
                name,
                {"token": token.encode()},
                type=TOKEN,
                metadata={"annotations": annotations},
            )
        else:
            known["data"] = {"token": base64.b64encode(token.encode()).decode()}
            known["metadata"]["resourceVersion"] = str(next(self.versions))
        return Secret(token)

    def bound(self, namespace: str, account: str, kind: str = "", name: str = "") -> Secret:
        """A token from the TokenRequest API."""
        uid = self.objects["serviceaccounts", namespace, account]["metadata"]["uid"]
        inner: dict[str, Any] = {
            "namespace": namespace,
            "serviceaccount": {"name": account, "uid": uid},
        }
        if kind:
            found = self.objects[f"{kind}s", namespace, name]
            inner[kind] = {"name": name, "uid": found["metadata"]["uid"]}
        now = int(time.time())
        claims = {
            "iss": "https://kubernetes.default.svc.cluster.local",
            "aud": ["https://kubernetes.default.svc.cluster.local"],
            "exp": now + 3600,
            "iat": now,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": inner,
            "sub": f"system:serviceaccount:{namespace}:{account}",
        }
        return Secret(_jwt(claims))

    def accepts(self, token: str) -> bool:
        """Whether the token's account and what it is bound to are still there, apart from the cache."""
        try:
            claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        except (ValueError, IndexError):
            return False
        old = "kubernetes.io/serviceaccount/"
        if f"{old}secret.name" in claims:
            where = ("secrets", claims[f"{old}namespace"], claims[f"{old}secret.name"])
            found = self.objects.get(where)
            held = (found or {}).get("data", {}).get("token", "")
            return bool(base64.b64decode(held) == token.encode())
        inner = claims.get("kubernetes.io", {})
        namespace = inner.get("namespace", "")
        account = inner.get("serviceaccount", {})
        wanted = [("serviceaccounts", account)]
        wanted += [(f"{k}s", inner[k]) for k in ("secret", "pod") if k in inner]
        return all(
            self.objects.get((plural, namespace, one["name"]), {}).get("metadata", {}).get("uid")
            == one["uid"]
            for plural, one in wanted
        )

    def controllers(self) -> None:
        """What the controllers have done meanwhile."""
        now = time.monotonic()
        for (plural, namespace, name), found in list(self.objects.items()):
            if plural == "secrets" and found.get("type") == TOKEN and not found.get("data"):
                made = found.setdefault("_made", now)
                if now - made >= self.lag:
                    account = found["metadata"]["annotations"]["kubernetes.io/service-account.name"]
                    self.lasting(namespace, account, name)
        for (namespace, name), at in list(self.due.items()):
            if now >= at:
                del self.due[namespace, name]
                self._synchronise(namespace, name)

    def _synchronise(self, namespace: str, name: str) -> None:
        found = self.objects["externalsecrets", namespace, name]
        spec = found["spec"]
        synced = bool(found.get("status", {}).get("refreshTime"))
        if synced and (
            spec.get("target", {}).get("immutable") or spec.get("refreshPolicy") == "CreatedOnce"
        ):
            return
        missing = [
            row["remoteRef"]["key"]
            for row in spec["data"]
            if row["remoteRef"]["key"] not in self.backend
        ]
        ready = not missing
        if ready:
            target = spec.get("target", {}).get("name", name)
            values = {
                row["secretKey"]: self.backend[row["remoteRef"]["key"]] for row in spec["data"]
            }
            owner = owner_of("ExternalSecret", name)
            self.secret(namespace, target, values, metadata={"ownerReferences": [owner]})
        status = found.setdefault("status", {})
        if ready:
            status["refreshTime"] = f"{utc_now()[:19]}Z"
            annotations = json.dumps(found["metadata"].get("annotations"), sort_keys=True)
            status["syncedResourceVersion"] = f"1-{zlib.crc32(annotations.encode())}"
        status["conditions"] = [
            {
                "type": "Ready",
                "status": "True" if ready else "False",
                "reason": "SecretSynced" if ready else "SecretSyncedError",
            }
        ]


class RunningKubernetes:
    """One that is up."""

    name = "kubernetes"

    def __init__(self, lag: float) -> None:
        self.state = State(lag)
        self.token = "admin-" + uuid.uuid4().hex
        self.state.users[self.token] = None
        self.server = Loopback(self._answer, "kube-apiserver")
        self._folder = tempfile.TemporaryDirectory(prefix="remediate-kubernetes-")

    def environment(self, token: str | None = None) -> dict[str, str]:
        """A kubeconfig of the responder's."""
        file = Path(self._folder.name) / f"config-{uuid.uuid4().hex}"
        file.write_text(kubeconfig(self.server.url, token or self.token))
        file.chmod(0o600)
        return {"KUBECONFIG": str(file)}

    def user(self, *may: str) -> str:
        """The token of somebody who may do that alone, ``get secrets``."""
        token = "user-" + uuid.uuid4().hex
        self.state.users[token] = frozenset(may)
        return token

    def is_dead(self, values: Mapping[str, Secret]) -> bool:
        """Whether the leaked token is refused, once the cache has forgotten it."""
        return not self.state.accepts(values["value"].reveal_text())

    def close(self) -> None:
        """Stop."""
        self.server.close()
        self._folder.cleanup()

    def _answer(self, request: Request) -> Reply:
        self.state.controllers()
        authorization = request.headers.get("Authorization", "")
        token = authorization.removeprefix("Bearer ")
        if token not in self.state.users and not self._remembered(token):
            return _status(401, "Unauthorized", "Unauthorized")
        match = _PATH.fullmatch(request.path)
        if match is None:
            return _status(404, "NotFound", "the server could not find the requested resource")
        namespace, plural, name = match["namespace"] or "", match["kind"], match["name"]
        verb = _VERBS.get(request.method, "get" if name else "list")
        may = self.state.users.get(token, frozenset())
        if may is not None and f"{verb} {plural}" not in may:
            group = match["group"] or ""
            place = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
            named = f' "{name}"' if name else ""
            return _status(
                403,
                "Forbidden",
                f'{plural}{named} is forbidden: User "user" cannot {verb} resource "{plural}" in API '
                f'group "{group}"{place}',
            )
        served = self.state.served.get(match["group"] or "")
        if served is not None and match["version"] not in served:
            return Reply(
                404, b"404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"}
            )
        if plural == "tokenreviews":
            return self._review(request)
        return self._objects(request, verb, plural, namespace, name)

    def _review(self, request: Request) -> Reply:
        asked = request.json()
        token = asked["spec"]["token"]
        status: dict[str, Any] = {"authenticated": self._remembered(token)}
        if not status["authenticated"]:
            status["error"] = "[invalid bearer token, service account token has been invalidated]"
        shown = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status}
        return Reply(201, {**shown, "spec": asked["spec"], "metadata": {}}, _JSON)

    def _remembered(self, token: str) -> bool:
        now = time.monotonic()
        if self.state.accepts(token):
            self.state.accepted[token] = now + self.state.lag
            return True
        return self.state.accepted.get(token, 0) > now

    def _objects(
        self, request: Request, verb: str, plural: str, namespace: str, name: str | None
    ) -> Reply:
        objects = self.state.objects
        if verb == "list":
            items = [
                _shown(found)
                for (kind, at, _name), found in objects.items()
                if kind == plural and namespace in ("", at)
            ]
            return Reply(200, {"kind": "List", "metadata": {}, "items": items}, _JSON)
        if verb == "create":
            return self._create(request, plural, namespace)
        found = objects.get((plural, namespace, name or ""))
        if found is None:
            return _status(404, "NotFound", f'{plural} "{name}" not found')
        if verb == "delete":
            del objects[plural, namespace, name or ""]
            return Reply(200, {"kind": "Status", "status": "Success", "metadata": {}}, _JSON)
        if verb == "patch":
            return self._patch(request, plural, namespace, found)
        return Reply(200, _shown(found), _JSON)

    def _create(self, request: Request, plural: str, namespace: str) -> Reply:
        wanted = request.json()
        name = wanted["metadata"]["name"]
        if (plural, namespace, name) in self.state.objects:
            return _status(409, "AlreadyExists", f'{plural} "{name}" already exists')
        wanted.pop("apiVersion", None)
        wanted.pop("kind", None)
        metadata = {
            k: v for k, v in wanted.pop("metadata").items() if k in ("labels", "annotations")
        }
        made = self.state.put(plural, namespace, name, **wanted, metadata=metadata)
        _written_by(made, request)
        return Reply(201, _shown(made), _JSON)

    def _patch(self, request: Request, plural: str, namespace: str, found: dict[str, Any]) -> Reply:
        patch = request.json()
        name = found["metadata"]["name"]
        wanted = (patch.get("metadata") or {}).pop("resourceVersion", None)
        if wanted is not None and wanted != found["metadata"]["resourceVersion"]:
            return _status(
                409,
                "Conflict",
                f'Operation cannot be fulfilled on {plural} "{name}": the object has been modified; '
                "please apply your changes to the latest version and try again",
            )
        if found.get("immutable") and ("data" in patch or "stringData" in patch):
            return _status(
                422,
                "Invalid",
                f'Secret "{name}" is invalid: data: Forbidden: field is immutable when `immutable` is '
                "set",
            )
        for key, value in (patch.pop("stringData", None) or {}).items():
            patch.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
        _merge(found, patch)
        found["metadata"]["resourceVersion"] = str(next(self.state.versions))
        _written_by(found, request)
        if plural == "externalsecrets" and "annotations" in (patch.get("metadata") or {}):
            self.state.due[namespace, name] = time.monotonic() + self.state.lag
        return Reply(200, _shown(found), _JSON)


class LocalKubernetes:
    """Starts one. *lag*: seconds for its controllers and its memory of tokens."""

    name = "kubernetes"

    def __init__(self, lag: float = 0.2) -> None:
        self._lag = lag

    def start(self) -> RunningKubernetes:
        """Up and answering when this returns."""
        return RunningKubernetes(self._lag)


def kubeconfig(url: str, token: str, context: str = "local") -> str:
    """A kubeconfig's text, as ``kubectl config`` writes it."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": context, "cluster": {"server": url}}],
            "users": [{"name": context, "user": {"token": token}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        }
    )


def owner_of(kind: str, name: str) -> dict[str, Any]:
    """An owner reference, as an operator writes it."""
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": kind,
        "name": name,
        "uid": str(uuid.uuid4()),
        "controller": True,
    }


def _jwt(claims: Mapping[str, Any]) -> str:
    parts = [json.dumps({"alg": "RS256", "kid": "local"}).encode(), json.dumps(claims).encode()]
    encoded = [base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in (*parts, os.urandom(64))]
    return ".".join(encoded)


def _merge(into: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """A JSON merge patch (RFC 7396)."""
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _written_by(found: dict[str, Any], request: Request) -> None:
    manager = request.first("fieldManager", "unknown")
    fields = found["metadata"].setdefault("managedFields", [])
    if manager not in [entry["manager"] for entry in fields]:
        fields.append({"manager": manager, "operation": "Update", "apiVersion": "v1"})


def _shown(found: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if not key.startswith("_")}


def _status(code: int, reason: str, message: str) -> Reply:
    return Reply(
        code,
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        },
        _JSON,
    )
