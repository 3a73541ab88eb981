"""Calls to AWS, signed with a responder's credentials or with a given key. The only user of botocore.

The responder's credentials come from where AWS's own tools look for them (environment, profile, shared
files, single sign-on, container and instance roles), out of the given environment and not behind its
back. botocore is imported at the first call, for it takes a quarter of a second.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import remediate
from remediate.clock import parse
from remediate.errors import UsageError
from remediate.http import Patience, backoff, base_url, is_loopback
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.aws.failures import AwsError, explain, malformed

REGION = "us-east-1"
"""Where nothing names a Region: where IAM's own events are."""
CONNECT_TIMEOUT = 5
READ_TIMEOUT = 20
ATTEMPTS = 4
"""Sendings of one call, where repeating is harmless."""


@dataclass(frozen=True)
class Identity:
    """Who a key is: ``sts:GetCallerIdentity``."""

    account: str
    arn: str

    @property
    def principal(self) -> str:
        """``user``, ``root``, ``assumed-role`` or ``federated-user``."""
        return self.arn.rsplit(":", 1)[-1].split("/", 1)[0]

    @property
    def user(self) -> str | None:
        """The IAM user's name, None for anything else."""
        return self.arn.rsplit("/", 1)[-1] if self.principal == "user" else None


class Aws:
    """Calls as one identity. Safe to share between threads."""

    def __init__(self, vendor: VendorContext, core: Any, who: str, key: _Key | None = None) -> None:
        self._vendor = vendor
        self._core = core
        self._who = who
        self._key = key
        self._clients = _clients_of(core) if key is None else {}
        self._down: dict[tuple[str, str], AwsError] = {}
        self._lock = threading.Lock()
        self._answered = ("", 0.0)
        self.region = _region(vendor.environment, core)

    @classmethod
    def responder(cls, vendor: VendorContext) -> Aws:
        """Calls as the responder. Raises `UsageError` for a base address that is not https."""
        return cls(vendor, _shared_core(vendor.environment), "your AWS credentials")

    def as_key(self, held: Held) -> Aws:
        """Calls as the key that is *held*, at the same addresses. KeyError where a part is missing."""
        key = _Key(held.values["id"], held.values["secret"])
        return Aws(self._vendor, self._core, f"the key {held.credential.public_id}", key)

    def call(
        self, service: str, operation: str, *, region: str = "", once: bool = False, **given: Any
    ) -> dict[str, Any]:
        """One call; its answer. Raises `AwsError`.

        Asked again, with growing pauses, while AWS is out of order or says that it was too often.
        *once*: never sent a second time, for a call that makes something anew each time.
        """
        where = (service, region or self.region)
        # What does not answer is not waited for again and again by everything that asks it.
        if where in self._down:
            raise self._down[where]
        patience = Patience.of(self._vendor)
        for tried in range(1, ATTEMPTS + 1):
            try:
                return self._send(where, operation, given)
            except AwsError as error:
                failure = error
            if failure.status is not Status.UNREACHABLE or (once and failure.sent):
                raise failure
            if tried < ATTEMPTS and not patience.wait(backoff(tried)):
                break
        if not failure.code:
            self._down[where] = failure
        raise failure

    def _send(
        self, where: tuple[str, str], operation: str, given: Mapping[str, Any]
    ) -> dict[str, Any]:
        action = f"{where[0]}:{operation}"
        try:
            method = getattr(self._client(*where), _method(operation))
            answer = method(**{name: value for name, value in given.items() if value is not None})
        except UsageError:
            raise
        except Exception as error:
            # "from None": botocore's exceptions hold the request, headers and all.
            raise self._explained(error, action) from None
        if not isinstance(answer, dict):
            raise malformed(action)
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        self._answered = (str(headers.get("date", "")), monotonic())
        return answer

    def time(self) -> datetime:
        """Now by AWS's own clock, rounded up to a second: this machine's may be wrong."""
        date, since = self._answered
        try:
            then = parsedate_to_datetime(date).astimezone(UTC)
        except (TypeError, ValueError):
            then, since = parse(self._vendor.now()), monotonic()
        return then + timedelta(seconds=ceil(monotonic() - since) + 1)

    def identity(self) -> Identity:
        """Who this is. Needs no permission. Raises `AwsError`."""
        answer = self.call("sts", "GetCallerIdentity")
        if not answer.get("Arn") or not answer.get("Account"):
            raise malformed("sts:GetCallerIdentity")
        return Identity(str(answer["Account"]), str(answer["Arn"]))

    @functools.cached_property
    def me(self) -> Identity:
        """`identity`, asked once."""
        return self.identity()

    def key_id(self) -> str | None:
        """The access key id that calls are signed with, None where there is none. May ask SSO or IMDS."""
        if self._key is not None:
            return self._key.id.reveal_text()
        try:
            credentials = self._core.get_credentials()
            return None if credentials is None else str(credentials.access_key)
        except Exception as error:
            raise self._explained(error, "sts:GetCallerIdentity") from None

    def _explained(self, error: Exception, action: str) -> AwsError:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        if isinstance(error, BotoCoreError | ClientError | ResponseParserError):
            return explain(error, action, self._who, self._vendor.redact)
        if isinstance(error, AttributeError | TypeError | KeyError | ValueError | OSError):
            return AwsError(
                action,
                f"{action} could not be asked ({type(error).__name__})",
                status=Status.UNREACHABLE,
                code="Local",
            )
        raise error

    def _client(self, service: str, region: str) -> Any:
        where = (service, region)
        with self._lock:
            client = self._clients.get(where)
            if client is None:
                # Of two that are made at the same time, the first is kept.
                client = self._clients.setdefault(where, self._make(service, region))
        return client

    def _make(self, service: str, region: str) -> Any:
        from botocore.config import Config

        endpoint = _endpoint(service, self._vendor.environment, self._core)
        options: dict[str, Any] = {
            "connect_timeout": CONNECT_TIMEOUT,
            "read_timeout": READ_TIMEOUT,
            "retries": {"mode": "standard", "total_max_attempts": 1},
            "user_agent_extra": f"remediate/{remediate.__version__}",
            "ignore_configured_endpoint_urls": True,
        }
        if endpoint is not None and is_loopback(urlsplit(endpoint).hostname):
            options["proxies"] = {}
        with _MAKING:
            return self._core.create_client(
                service,
                region_name=region,
                endpoint_url=endpoint,
                config=Config(**options),
                aws_access_key_id=self._key and self._key.id.reveal_text(),
                aws_secret_access_key=self._key and self._key.secret.reveal_text(),
            )


@dataclass(frozen=True)
class _Key:
    id: Secret
    secret: Secret


#: botocore's sessions may not make two clients at a time.
_MAKING = threading.Lock()


def responder_values(environment: Mapping[str, str]) -> list[Secret]:
    """Every long-lived value that a responder's credentials come from, without a call.

    For a role, that is the key of the profile that it is assumed from.
    """
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    values = [environment.get(name, "") for name in names]
    if not (values[0] and values[1]):
        profiles = _profiles(_core(environment))
        name, seen = _profile(environment) or "default", set[str]()
        while name in profiles and name not in seen:
            seen.add(name)
            profile = profiles[name]
            values += [str(profile.get(key, "")) for key in map(str.lower, names)]
            name = str(profile.get("source_profile", ""))
    return [Secret(value) for value in values if value]


def _shared_core(environment: Mapping[str, str]) -> Any:
    """`_core`, the same for the same surroundings: a report may hold hundreds of keys."""
    relevant = tuple(
        sorted((n, v) for n, v in environment.items() if n.startswith("AWS_") or n == "HOME")
    )
    return _remembered(relevant, tuple(map(_written, _files(environment).values())))


@functools.lru_cache(maxsize=1)
def _remembered(relevant: tuple[tuple[str, str], ...], _written: tuple[int, ...]) -> Any:
    return _core(dict(relevant))


def _clients_of(core: Any) -> dict[tuple[str, str], Any]:
    """The clients that were made of *core*, kept with it and gone with it."""
    if not hasattr(core, "remediate_clients"):
        core.remediate_clients = {}
    clients: dict[tuple[str, str], Any] = core.remediate_clients
    return clients


def _files(environment: Mapping[str, str]) -> dict[str, Path]:
    """botocore's name of each file that AWS's tools read, and where it is."""
    home = Path(environment.get("HOME") or Path.home()) / ".aws"
    return {
        "config_file": Path(environment.get("AWS_CONFIG_FILE") or home / "config"),
        "credentials_file": Path(
            environment.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials"
        ),
    }


def _written(path: Path) -> int:
    """When a file was last written (nanoseconds), 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _core(environment: Mapping[str, str]) -> Any:
    """A botocore session that looks at *environment*, and at the files that it names."""
    import botocore.session

    # The profile comes out of *environment* below; an empty AWS_PROFILE of the process's own would
    # otherwise be looked up as a profile without a name.
    core = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    core.register_component("data_loader", _loader())
    for name, path in _files(environment).items():
        core.set_config_variable(name, str(path))
    if environment.get("AWS_CA_BUNDLE"):
        core.set_config_variable("ca_bundle", environment["AWS_CA_BUNDLE"])
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    profile = _profile(environment)
    if profile is not None:
        core.set_config_variable("profile", profile)
    if key and secret:
        # As with AWS's own tools, keys in the environment come before a profile.
        core.set_credentials(key, secret, environment.get("AWS_SESSION_TOKEN") or None)
        return core
    from botocore.exceptions import BotoCoreError

    try:
        chain = core.get_component("credential_provider")
    except BotoCoreError:
        return core  # a profile that is not there: its first use says so
    chain.remove("env")
    if not any(name.startswith("AWS_CONTAINER_CREDENTIALS_") for name in environment):
        chain.remove("container-role")
    if environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        chain.remove("iam-role")
    return core


@functools.cache
def _loader() -> Any:
    """The reader of AWS's service descriptions, shared: they are large and never change."""
    import botocore.loaders

    return botocore.loaders.create_loader()


def _profile(environment: Mapping[str, str]) -> str | None:
    return environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE") or None


def _profiles(core: Any) -> Mapping[str, Any]:
    """Every profile of the shared files; none where they can't be read."""
    from botocore.exceptions import BotoCoreError

    try:
        profiles: Mapping[str, Any] = core.full_config.get("profiles", {})
    except BotoCoreError:
        return {}
    return profiles


def _settings(core: Any) -> Mapping[str, Any]:
    """The profile's settings; none where the profile is not there (its use will say so)."""
    from botocore.exceptions import BotoCoreError

    try:
        settings: Mapping[str, Any] = core.get_scoped_config()
    except BotoCoreError:
        return {}
    return settings


def _region(environment: Mapping[str, str], core: Any) -> str:
    return (
        environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        or str(_settings(core).get("region") or REGION)
    )


def _endpoint(service: str, environment: Mapping[str, str], core: Any) -> str | None:
    """Another base address than AWS's own for *service*; None for AWS's own.

    The order is AWS's: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    suffix = {"secretsmanager": "SECRETS_MANAGER"}.get(service, service.upper())
    for variable in (f"AWS_ENDPOINT_URL_{suffix}", "AWS_ENDPOINT_URL"):
        if environment.get(variable):
            return base_url(environment, variable, "")
    configured = _settings(core).get("endpoint_url")
    if configured:
        return base_url({"endpoint_url": str(configured)}, "endpoint_url", "")
    return None


@functools.cache
def _method(operation: str) -> str:
    from botocore import xform_name

    return str(xform_name(operation))
