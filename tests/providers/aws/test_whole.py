"""From the leak to the end, one stage after the other, as the pipeline calls them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from remediate.model import Credential
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.aws.local import RunningAws
from remediate_providers.aws.provider import AwsProvider
from remediate_providers.aws.secrets_manager import SecretsManagerStore
from remediate_providers.aws.ssm import SsmStore
from tests.providers.aws.conftest import Leak, keys_of, secret_of

PAGE = Path(__file__).resolve().parents[3] / "docs" / "providers" / "aws.md"


def test_killed_replaced_investigated_deleted(
    aws: RunningAws, leak: Leak, context: Callable[..., VendorContext]
) -> None:
    provider, store, held = AwsProvider(), SecretsManagerStore(), leak.held
    before = secret_of(aws, leak.place)
    vendor = context()
    known = {**provider.describe(held, vendor).known, **provider.preserve(held, vendor).known}
    vendor = context(known=known)

    assert provider.revoke([held], vendor)[held.id].status is Status.DONE
    assert provider.triage(held, None, vendor).known["footholds"] == []
    made = provider.reissue(held, vendor)
    assert made.outcome.status is Status.DONE
    new = Held(
        Credential(f"aws:{made.public_id}", "aws", held.credential.kind, {}, made.public_id),
        made.values,
    )
    target = Target(
        "aws-secrets-manager",
        leak.place,
        (("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")),
        f"aws-secrets-manager:{leak.place}#AWS_ACCESS_KEY_ID=id,AWS_SECRET_ACCESS_KEY=secret",
    )
    put = store.put(target, made.values, vendor)
    assert put.status is Status.DONE
    assert provider.confirm(replace(new), vendor).alive is True
    assert provider.check(held, vendor).alive is False
    investigated = provider.investigate(held, None, vendor)
    assert investigated.known["suspicious"] == 0

    # The leaked key inactive, one new key, both parts in the secret beside its other keys.
    assert keys_of(aws, leak.user) == {leak.key_id: "Inactive", made.public_id: "Active"}
    after = secret_of(aws, leak.place)
    texts = {part: value.reveal_text() for part, value in made.values.items()}
    assert after == {
        **before,
        "AWS_ACCESS_KEY_ID": texts["id"],
        "AWS_SECRET_ACCESS_KEY": texts["secret"],
    }
    # And nowhere else.
    client = aws.client("secretsmanager")
    for row in client.list_secrets()["SecretList"]:
        if row["Name"] == leak.place:
            continue
        other = client.get_secret_value(SecretId=row["Name"])
        assert texts["secret"] not in json.dumps(other, default=str)
    told = repr([put, made, investigated, known])
    assert texts["secret"] not in told
    assert held.values["secret"].reveal_text() not in told

    assert provider.delete(held, vendor).status is Status.DONE
    assert keys_of(aws, leak.user) == {made.public_id: "Active"}
    assert provider.check(held, vendor).alive is False


@pytest.mark.skipif(not PAGE.exists(), reason="needs the source tree, not the wheel")
def test_the_documented_policy_is_enough_and_nothing_in_it_is_idle(
    aws: RunningAws, leak: Leak, context: Callable[..., VendorContext]
) -> None:
    block = PAGE.read_text("utf-8").split("```json\n")[1].split("```")[0]
    policy = json.loads(block)
    mine = aws.environment_of(aws.user("by-the-book", policy))
    aws.client("iam").create_group(GroupName="book-club")
    aws.client("iam").add_user_to_group(GroupName="book-club", UserName=leak.user)
    aws.client("ssm").put_parameter(Name="/book/app", Value="{}", Type="SecureString")
    aws.client("secretsmanager").create_secret(Name="book/partner", SecretString="old")
    aws.gate.calls.clear()
    provider, held = AwsProvider(), leak.held
    described = provider.describe(held, context(mine))
    preserved = provider.preserve(held, context(mine))
    assert not described.unknown
    assert not preserved.unknown
    assert provider.revoke([held], context(mine))[held.id].status is Status.DONE
    assert provider.revoke([held], context(mine))[held.id].status is Status.UNCHANGED
    made = provider.reissue(held, context(mine))
    assert made.outcome.status is Status.DONE
    for store, spec in (
        (SecretsManagerStore(), f"aws-secrets-manager:{leak.place}"),
        (SsmStore(), "aws-ssm:/book/app"),
    ):
        scheme, place = spec.split(":")
        target = Target(scheme, place, (("ID", "id"), ("KEY", "secret")), spec)
        assert store.put(target, made.values, context(mine)).status is Status.DONE
    aws.gate.rotations.set("book/partner", lambda text: f"{text} no more")
    partner = Target("aws-secrets-manager", "book/partner", (), "aws-secrets-manager:book/partner")
    leaked = Held(held.credential, {"value": Secret("old")})
    before = SecretsManagerStore().before_rotation(partner, context(mine))
    turned = SecretsManagerStore().rotate(partner, leaked, before, context(mine))
    assert turned.outcome.status is Status.DONE
    triaged = provider.triage(held, "2026-01-02T03:04:05Z", context(mine))
    assert "regions" not in triaged.unknown
    assert {"new_users", "new_roles"} <= set(triaged.known)
    assert "events" in provider.investigate(held, None, context(mine)).known
    assert provider.delete(held, context(mine)).status is Status.DONE

    allowed = {action for part in policy["Statement"] for action in part["Action"]}
    needless = {"sts:GetCallerIdentity"}
    assert set(aws.gate.calls) - needless == allowed
