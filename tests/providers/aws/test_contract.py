"""The contracts that ship: ours pass them as anyone's have to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Found
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.providers import ProviderContract
from remediate.testing.stores import StoreContract
from remediate.testing.surroundings import found, nowhere, surroundings
from remediate_providers.aws.local import RunningAws
from remediate_providers.aws.local_keys import key_id
from remediate_providers.aws.provider import AwsProvider
from remediate_providers.aws.secrets_manager import SecretsManagerStore
from remediate_providers.aws.ssm import SsmStore

PARTS = (("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret"))
BOTH = "#AWS_ACCESS_KEY_ID=id,AWS_SECRET_ACCESS_KEY=secret"


def environment(base: str) -> Mapping[str, str]:
    return {
        "AWS_ENDPOINT_URL": base,
        "AWS_ACCESS_KEY_ID": key_id("AKIA", "210987654321"),
        "AWS_SECRET_ACCESS_KEY": "aB3/" * 10,
        "AWS_DEFAULT_REGION": "eu-west-1",
    }


class TestAws(ProviderContract):
    make = AwsProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        group = frozenset([1])
        account = "210987654321"
        return [
            [
                found(key_id("AKIA", account), groups=group),
                found("aB3/" * 10, groups=group),
            ],
            [found(key_id("AKIA", account))],
            [found(key_id("ASIA", account))],
            [found(key_id("AKIA", "052310077262"))],
        ]

    def foreign(self) -> Sequence[Found]:
        return [found("ghp_" + "aB3x" * 9), found("aB3/" * 10)]

    def environment(self, base: str) -> Mapping[str, str]:
        return environment(base)


class _AwsStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, aws: RunningAws, request: pytest.FixtureRequest) -> None:
        self.aws = aws
        self.place = f"/contract/{request.node.name}"

    def vendor(self) -> VendorContext:
        return surroundings(self.aws.environment())

    def unreachable(self) -> VendorContext:
        return surroundings(environment(nowhere()), longest=0)


class _Pair(_AwsStore):
    def parts(self, which: int) -> Mapping[str, Secret]:
        return {
            "id": Secret(f"AKIA-{which}-" + "Q" * 12),
            "secret": Secret(f"contract-{which}-" + "a1B2" * 7),
        }


def _bad(scheme: str) -> tuple[Target, ...]:
    return (
        Target(scheme, "", (), f"{scheme}:"),
        Target(scheme, "a", (("K", "id"), ("K", "secret")), f"{scheme}:a#K=id,K=secret"),
        Target(scheme, "a", (("", "id"),), f"{scheme}:a#=id"),
    )


class TestSecretsManager(_Pair):
    make = SecretsManagerStore
    bad = _bad("aws-secrets-manager")

    def target(self) -> Target:
        return Target("aws-secrets-manager", self.place, PARTS, f"aws-secrets-manager:x{BOTH}")

    @pytest.fixture(autouse=True)
    def _secret(self, _place: None) -> None:
        client = self.aws.client("secretsmanager")
        client.create_secret(Name=self.place, SecretString=json.dumps({"other": [1, 2]}))


class TestSecretsManagerWhole(_AwsStore):
    make = SecretsManagerStore

    def target(self) -> Target:
        return Target("aws-secrets-manager", self.place, (), "aws-secrets-manager:x")

    @pytest.fixture(autouse=True)
    def _secret(self, _place: None) -> None:
        client = self.aws.client("secretsmanager")
        client.create_secret(Name=self.place + "-whole", SecretString="old")
        self.place += "-whole"


class TestSsm(_AwsStore):
    make = SsmStore
    bad = (*_bad("aws-ssm"), Target("aws-ssm", "/a:3", (), "aws-ssm:/a:3"))

    def target(self) -> Target:
        return Target("aws-ssm", self.place, (), f"aws-ssm:{self.place}")

    @pytest.fixture(autouse=True)
    def _parameter(self, _place: None) -> None:
        client = self.aws.client("ssm")
        client.put_parameter(Name=self.place, Value="old", Type="SecureString")


class TestSsmObject(_Pair):
    make = SsmStore

    def target(self) -> Target:
        return Target("aws-ssm", self.place, PARTS, f"aws-ssm:{self.place}{BOTH}")

    @pytest.fixture(autouse=True)
    def _parameter(self, _place: None) -> None:
        self.place += "-object"
        client = self.aws.client("ssm")
        client.put_parameter(Name=self.place, Value='{"other": 1}', Type="SecureString")
