"""Every call of writing to Secrets Manager and to SSM, gone wrong in every way."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from remediate.model import Credential
from remediate.plugins.provider import Held
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.faults import StoreFaults
from remediate_providers.aws.local import LocalAws, RunningAws
from remediate_providers.aws.secrets_manager import SecretsManagerStore
from remediate_providers.aws.ssm import SsmStore

_count = itertools.count(1)


class Shared:
    """One account for all cases, each with a place of its own."""

    aws: ClassVar[RunningAws]

    def __init__(self) -> None:
        self.name = f"faulty-{next(_count)}"

    def environment(self) -> Mapping[str, str]:
        return self.aws.environment()

    def close(self) -> None:
        """The next case goes on with it."""


@pytest.fixture(scope="module", autouse=True)
def account() -> Iterator[None]:
    Shared.aws = LocalAws(lag=0.0, throttle=False).start()
    yield
    Shared.aws.close()


class _Store(StoreFaults):
    def start(self) -> Shared:
        return Shared()


class TestSecretsManagerFaults(_Store):
    make = SecretsManagerStore

    def target(self, running: Any) -> Target:
        name = f"prod/{running.name}"
        Shared.aws.client("secretsmanager").create_secret(Name=name, SecretString="before")
        return Target("aws-secrets-manager", name, (), f"aws-secrets-manager:{name}")

    def stored(self, running: Any) -> dict[str, Secret]:
        client = Shared.aws.client("secretsmanager")
        now = client.get_secret_value(SecretId=f"prod/{running.name}")
        return {"value": Secret(now["SecretString"])}

    def rotating(self, running: Any) -> tuple[Target, Held]:
        target = self.target(running)
        Shared.aws.gate.rotations.set(target.place, lambda text: f"{text} and after", 0.01)
        leaked = Secret("before")
        credential = Credential("secret:before", None, "secret", {"value": "f" * 64})
        return target, Held(credential, {"value": leaked})

    def rotations(self, running: Any) -> int:
        return Shared.aws.gate.rotations.runs(f"prod/{running.name}")


class TestSsmFaults(_Store):
    make = SsmStore

    def target(self, running: Any) -> Target:
        name = f"/prod/{running.name}"
        Shared.aws.client("ssm").put_parameter(Name=name, Value="before", Type="SecureString")
        return Target("aws-ssm", name, (), f"aws-ssm:{name}")

    def stored(self, running: Any) -> dict[str, Secret]:
        client = Shared.aws.client("ssm")
        now = client.get_parameter(Name=f"/prod/{running.name}", WithDecryption=True)
        return {"value": Secret(now["Parameter"]["Value"])}
