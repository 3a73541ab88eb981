"""A local AWS for the whole run, each test with users of its own; nothing here is a mock."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.local import Planted
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.proxy import FaultyLine
from remediate.testing.surroundings import found, surroundings
from remediate_providers.aws.local import LocalAws, RunningAws
from remediate_providers.aws.provider import AwsProvider

_count = itertools.count(1)
ALLOW_ALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}],
}


def allow(*actions: str) -> dict[str, Any]:
    """A policy that allows *actions* on everything."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": ["*"]}
    return {"Version": "2012-10-17", "Statement": [statement]}


def hold(values: Mapping[str, Secret]) -> Held:
    """The credential that the provider makes out of *values*, with them."""
    group = frozenset([1])
    reported = [found(value, groups=group) for value in values.values()]
    credential = AwsProvider().identify(reported)[0].credential
    return Held(credential, dict(values))


@dataclass(frozen=True)
class Leak:
    """A leaked pair and where it came from."""

    held: Held
    user: str
    place: str
    planted: Planted

    @property
    def key_id(self) -> str:
        return self.held.credential.public_id or ""


@pytest.fixture(scope="session")
def aws() -> Iterator[RunningAws]:
    """One account. CloudTrail's throttling is off: a test of its own looks at it."""
    running = LocalAws(lag=0.1, throttle=False).start()
    yield running
    running.close()


@pytest.fixture
def leak(aws: RunningAws) -> Leak:
    """A user's key that leaked, and the secret that the application reads it from."""
    planted = aws.plant()
    store = planted.policy.split('"aws-secrets-manager:')[1].split("#")[0]
    held = hold(planted.values)
    user = aws.gate.keys.find(held.credential.public_id or "", None)
    assert user is not None and user.user is not None
    return Leak(held, user.user, store, planted)


@pytest.fixture
def context(aws: RunningAws) -> Callable[..., VendorContext]:
    """The surroundings of a responder who may do everything, or what is said otherwise."""

    def make(environment: Mapping[str, str] | None = None, **other: Any) -> VendorContext:
        return surroundings(environment or aws.environment(), **other)

    return make


@pytest.fixture
def responder(aws: RunningAws) -> Callable[..., Mapping[str, str]]:
    """The environment of a responder who may do *actions* and no more."""

    def make(*actions: str) -> Mapping[str, str]:
        return aws.environment_of(aws.user(f"responder-{next(_count)}", allow(*actions)))

    return make


def keys_of(aws: RunningAws, user: str) -> dict[str, str]:
    """Key id to status, as IAM has it."""
    rows = aws.client("iam").list_access_keys(UserName=user)["AccessKeyMetadata"]
    return {row["AccessKeyId"]: row["Status"] for row in rows}


def secret_of(aws: RunningAws, place: str) -> Any:
    """A secret's current JSON."""
    found_now = aws.client("secretsmanager").get_secret_value(SecretId=place)
    return json.loads(found_now["SecretString"])


def operation(request: bytes) -> str:
    """AWS's calls all go to one path: the operation stands in the body or in a header."""
    found = re.search(rb"(?:X-Amz-Target: *[\w.]+\.|\bAction=)(\w+)", request, re.IGNORECASE)
    return found[1].decode() if found else ""


@pytest.fixture(scope="module")
def line(aws: RunningAws) -> Iterator[FaultyLine]:
    """One line for all: botocore takes a tenth of a second to speak to a new address."""
    with FaultyLine(aws.url, operation) as made:
        yield made
