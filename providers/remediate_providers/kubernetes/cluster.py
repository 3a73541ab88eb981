"""Which cluster is meant, and asking it, through lightkube.

lightkube and not plain HTTP: a kubeconfig may hold client certificates, a program that makes tokens, a cluster's own
authority. And not the official client: it is 126 MB, and its dependencies exclude the ones of boto3.
It is imported when a cluster is asked, and is an extra.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from remediate.http import ATTEMPTS, Patience, backoff, is_loopback
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.secret import Secret

if TYPE_CHECKING:
    from lightkube import Client
    from lightkube.config.kubeconfig import SingleConfig

T = TypeVar("T")

SECONDS = 15.0
"""For one request and its answer."""
LACKING = "the Kubernetes client is not installed: pip install 'remediate[kubernetes]'"
HOW = "set KUBECONFIG, or sign in so that kubectl works here"
_OUT_OF_ORDER = frozenset({429, 500, 502, 503, 504})


class ClusterError(Exception):
    """A call that came to nothing: how that is told, and why, fit for the record."""

    def __init__(
        self, status: Status, reason: str, code: int = 0, *, sent: bool = False, words: str = ""
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.code = code
        """The HTTP status; 0 where there was no answer."""
        self.sent = sent
        """Whether it may have had its effect."""
        self.words = words
        """The server's own, in its Status; empty where it sent none."""


class Cluster:
    """One piece of work's conversation with one cluster. Raises `ClusterError` where none is named."""

    def __init__(
        self, vendor: VendorContext, context: str | None = None, token: Secret | None = None
    ) -> None:
        self.vendor = vendor
        self.patience = Patience.of(vendor)
        self._config = configuration(vendor.environment, context)
        parts = urlsplit(self._config.cluster.server)
        if parts.scheme != "https" and not is_loopback(parts.hostname):
            raise ClusterError(
                Status.REFUSED,
                "the cluster's address is not https; a credential would travel in the clear",
            )
        if parts.scheme == "http":
            # No certificate to look at: reading those of the machine would take 25 ms each time.
            self._config.cluster.insecure = True
        self.host = parts.netloc
        self.context = self._config.context_name
        self._client = _client(self._config, token)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._client.close()

    def ask(self, call: Callable[[Client], T], what: str, *, repeat: bool = True) -> T:
        """What *call* gives. Repeated while the server is out of order, where *repeat* says it is harmless.

        Raises `ClusterError`; *what* says what was asked, for it.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return call(self._client)
            except Exception as error:  # lightkube passes its transport's errors on as they are
                failed = self._failure(error, what)
            again = failed.code in _OUT_OF_ORDER or (failed.code == 0 and failed.sent)
            never = failed.code == 0 and not failed.sent
            limited = failed.code == 429
            retry = limited or never or (repeat and again)
            if not retry or attempt == ATTEMPTS or not self.patience.wait(backoff(attempt)):
                raise failed from None

    def _failure(self, error: Exception, what: str) -> ClusterError:
        """*error* as what it means. Its own text may hold a URL: only the server's words are taken."""
        name, module = type(error).__name__, type(error).__module__
        if name == "ConfigError":
            return ClusterError(Status.REFUSED, f"the kubeconfig does not do: {self._said(error)}")
        response = getattr(error, "response", None)
        if response is not None:
            return self._refusal(error, response, what)
        if name in ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"):
            return ClusterError(Status.UNREACHABLE, f"{self.host}: no connection")
        if module.startswith(("httpx", "httpcore")):
            reason = f"{self.host}: no answer, or one that is not HTTP ({name})"
            return ClusterError(Status.UNREACHABLE, reason, sent=True)
        reason = f"{self.host} answered with something that is not its own format"
        return ClusterError(Status.UNREACHABLE, reason, sent=True)

    def _refusal(self, error: Exception, response: Any, what: str) -> ClusterError:
        code = int(response.status_code)
        words = self._said(getattr(error, "status", None))
        quoted = f' ("{words}")' if words else ""
        if code == 401:
            reason = f"{self.host} does not know who asks (401){quoted}: {HOW}"
        elif code == 403:
            # RBAC's own words name the user, the verb, the resource and the namespace.
            reason = f"{self.host} does not let you {what}{quoted}"
        elif code in _OUT_OF_ORDER:
            return ClusterError(
                Status.UNREACHABLE,
                f"{self.host} is out of order, or asked too often: {code}{quoted}",
                code,
                sent=code != 429,
            )
        elif code < 400:
            return ClusterError(
                Status.UNREACHABLE,
                f"{self.host} answered with something that is not its own format",
                sent=True,
            )
        else:
            reason = f"{self.host} answered {code} to: {what}{quoted}"
        return ClusterError(Status.REFUSED, reason, code, words=words)

    def _said(self, status: object) -> str:
        words = status if isinstance(status, Exception) else getattr(status, "message", "")
        return self.vendor.redact(" ".join(str(words or "").split()))[:300]


def configuration(environment: Mapping[str, str], context: str | None = None) -> SingleConfig:
    """The context that is meant: *context*, else the current one. Raises `ClusterError`.

    Of the files in ``KUBECONFIG`` the first that has a name is believed, as kubectl does it.
    https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
    """
    try:
        from lightkube.config.kubeconfig import KubeConfig
    except ImportError:
        raise ClusterError(Status.REFUSED, LACKING) from None
    named = [Path(p) for p in environment.get("KUBECONFIG", "").split(os.pathsep) if p]
    home = environment.get("HOME", "")
    files = named or ([Path(home) / ".kube" / "config"] if home else [])
    loaded = []
    for file in files:
        if file.is_file():
            try:
                loaded.append(KubeConfig.from_file(file))
            except Exception:  # YAML that is none, a field of another type: told without its text
                reason = f"{file} is no kubeconfig that can be read"
                raise ClusterError(Status.REFUSED, reason) from None
    if not loaded:
        raise ClusterError(Status.REFUSED, f"no kubeconfig was found: {HOW}")
    merged = KubeConfig(
        clusters={k: v for one in reversed(loaded) for k, v in one.clusters.items()},
        contexts={k: v for one in reversed(loaded) for k, v in one.contexts.items()},
        users={k: v for one in reversed(loaded) for k, v in one.users.items()},
        current_context=next((o.current_context for o in loaded if o.current_context), None),
        fname=loaded[0].fname,
    )
    name = context or merged.current_context
    if name is None or name not in merged.contexts:
        known = ", ".join(sorted(merged.contexts)) or "none"
        reason = f"the kubeconfig has no context {name or 'that is current'}; it has: {known}"
        raise ClusterError(Status.REFUSED, reason)
    try:
        found = merged.get(name)
    except Exception:
        raise ClusterError(
            Status.REFUSED, f"the context {name} names a cluster or user that is not there"
        ) from None
    if found is None:
        raise ClusterError(Status.REFUSED, f"the context {name} can't be used")
    return found


def own_tokens(environment: Mapping[str, str]) -> list[Secret]:
    """The tokens that the kubeconfig holds, for comparing with the leaked ones."""
    try:
        user = configuration(environment).user
    except ClusterError:
        return []
    found = []
    if user is not None and user.token:
        found.append(Secret(user.token))
    if user is not None and user.token_file:
        try:
            found.append(Secret(Path(user.token_file).read_bytes().strip()))
        except OSError:
            return found
    return found


def _client(config: SingleConfig, token: Secret | None) -> Client:
    from lightkube import Client
    from lightkube.config.models import User

    if token is not None:
        config = config._replace(user=User(token=token.reveal_text()))
    elif config.user is None:
        config = config._replace(user=User())
    else:
        _newer_program(config)
    try:
        return Client(config, timeout=cast("Any", SECONDS), field_manager="remediate")
    except Exception as error:  # certificates that are not there, an authority that can't be read
        reason = f"the context {config.context_name} can't be used: {type(error).__name__}"
        raise ClusterError(Status.REFUSED, reason) from None


def _newer_program(config: SingleConfig) -> None:
    """Let lightkube 1.0 run a program of the protocol's version 1, which differs in what it is told alone.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
    """
    from lightkube.config.models import NameValue

    program = config.user.exec if config.user is not None else None
    version = "client.authentication.k8s.io/v1"
    if program is None or program.apiVersion != version:
        return
    told = f'{{"apiVersion":"{version}","kind":"ExecCredential","spec":{{"interactive":false}}}}'
    program.apiVersion = f"{version}beta1"
    program.env = [*(program.env or []), NameValue("KUBERNETES_EXEC_INFO", told)]
