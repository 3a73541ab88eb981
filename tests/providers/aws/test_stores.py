"""Secrets Manager and SSM beyond the contract: what stays, what is refused, what races."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.aws import document
from remediate_providers.aws.local import RunningAws
from remediate_providers.aws.secrets_manager import SecretsManagerStore
from remediate_providers.aws.ssm import SsmStore
from tests.providers.aws.conftest import Leak, secret_of

Context = Callable[..., VendorContext]
Responder = Callable[..., Mapping[str, str]]
PARTS = (("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret"))
NEW = {"id": Secret("AKIA" + "NEW7" * 4), "secret": Secret("new/" * 10)}
OTHER = {"id": Secret("AKIA" + "OTH7" * 4), "secret": Secret("oth/" * 10)}
manager = SecretsManagerStore()
parameters = SsmStore()


def secret(place: str, keys: tuple[tuple[str, str | None], ...] = PARTS) -> Target:
    return Target("aws-secrets-manager", place, keys, f"aws-secrets-manager:{place}#…")


def parameter(name: str, keys: tuple[tuple[str, str | None], ...] = ()) -> Target:
    return Target("aws-ssm", name, keys, f"aws-ssm:{name}")


def test_both_parts_change_at_once_beside_the_other_keys(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    before = secret_of(aws, leak.place)
    aws.gate.calls.clear()
    outcome = manager.put(secret(leak.place), NEW, context())
    assert outcome.status is Status.DONE
    assert aws.gate.calls.count("secretsmanager:PutSecretValue") == 1
    now = secret_of(aws, leak.place)
    assert now["AWS_ACCESS_KEY_ID"] == NEW["id"].reveal_text()
    assert now["AWS_SECRET_ACCESS_KEY"] == NEW["secret"].reveal_text()
    assert list(now) == list(before), "the order of the keys stays"
    for key in ("DATABASE_HOST", "FEATURE_FLAGS"):
        assert now[key] == before[key]
    client = aws.client("secretsmanager")
    old = client.get_secret_value(SecretId=leak.place, VersionStage="AWSPREVIOUS")
    assert json.loads(old["SecretString"]) == before
    assert old["VersionId"] == outcome.data["previous"]
    assert "AWSPREVIOUS" in outcome.summary


def test_an_arn_names_the_secret_and_its_region(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    arn = aws.client("secretsmanager").describe_secret(SecretId=leak.place)["ARN"]
    elsewhere = {**aws.environment(), "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    assert manager.put(secret(arn), NEW, context(elsewhere)).status is Status.DONE
    assert manager.holds(secret(leak.place), NEW, context()) is True


def test_a_secret_that_is_not_there_is_not_made(aws: RunningAws, context: Context) -> None:
    outcome = manager.put(secret("no/such"), NEW, context())
    assert outcome.status is Status.REFUSED
    assert "no secret no/such in us-east-1" in outcome.reason
    assert "create-secret" in outcome.reason
    assert manager.holds(secret("no/such"), NEW, context()) is None
    missing = parameters.put(parameter("/no/such"), {"value": NEW["secret"]}, context())
    assert missing.status is Status.REFUSED
    assert "no parameter /no/such" in missing.reason


@pytest.mark.parametrize("held", ["plain text", "[1, 2]", '"text"', "", "{", "9" * 5000])
def test_what_has_no_keys_is_left_as_it_is(
    aws: RunningAws, leak: Leak, context: Context, held: str
) -> None:
    client = aws.client("secretsmanager")
    client.put_secret_value(SecretId=leak.place, SecretString=held or " ")
    outcome = manager.put(secret(leak.place), NEW, context())
    assert outcome.status is Status.REFUSED
    assert "not a JSON object" in outcome.reason
    assert client.get_secret_value(SecretId=leak.place)["SecretString"] == (held or " ")


def test_bytes_are_left_as_they_are(aws: RunningAws, leak: Leak, context: Context) -> None:
    client = aws.client("secretsmanager")
    client.put_secret_value(SecretId=leak.place, SecretBinary=b"\x00\x01")
    outcome = manager.put(secret(leak.place), NEW, context())
    assert outcome.status is Status.REFUSED
    assert "bytes" in outcome.reason
    assert manager.holds(secret(leak.place), NEW, context()) is None


def test_parts_that_do_not_fit_are_refused(leak: Leak, context: Context) -> None:
    whole = manager.put(secret(leak.place, ()), NEW, context())
    assert whole.status is Status.REFUSED
    assert "name a key for each" in whole.reason
    missing = manager.put(secret(leak.place), {"value": NEW["secret"]}, context())
    assert missing.status is Status.REFUSED
    assert "no part 'id'" in missing.reason
    not_text = {"id": NEW["id"], "secret": Secret(b"\xff\xfe")}
    assert "not text" in manager.put(secret(leak.place), not_text, context()).reason


@pytest.mark.parametrize("action", ["GetSecretValue", "PutSecretValue"])
def test_a_missing_permission_of_secrets_manager_is_named(
    aws: RunningAws, leak: Leak, context: Context, responder: Responder, action: str
) -> None:
    before = secret_of(aws, leak.place)
    others = {"GetSecretValue", "PutSecretValue"} - {action}
    mine = responder(*(f"secretsmanager:{other}" for other in others))
    outcome = manager.put(secret(leak.place), NEW, context(mine))
    assert outcome.status is Status.REFUSED
    assert f"secretsmanager:{action}" in outcome.reason
    assert secret_of(aws, leak.place) == before


def test_a_lost_answer_is_found_to_have_written(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    aws.gate.faults["secretsmanager:PutSecretValue"] = ["drop-after"]
    outcome = manager.put(secret(leak.place), NEW, context())
    assert outcome.status is Status.DONE, outcome
    versions = aws.client("secretsmanager").list_secret_version_ids(SecretId=leak.place)["Versions"]
    assert len(versions) == 2, "asked twice with one token: one change"


def test_a_version_taken_back_can_be_written_again(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    client = aws.client("secretsmanager")
    first = client.get_secret_value(SecretId=leak.place)["VersionId"]
    put = manager.put(secret(leak.place), NEW, context())
    client.update_secret_version_stage(
        SecretId=leak.place,
        VersionStage="AWSCURRENT",
        MoveToVersionId=first,
        RemoveFromVersionId=str(put.data["version"]),
    )
    again = manager.put(secret(leak.place), OTHER, context())
    assert again.status is Status.DONE, again
    assert manager.holds(secret(leak.place), OTHER, context()) is True


def test_nothing_is_put_while_a_rotation_is_under_way(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    before = secret_of(aws, leak.place)
    aws.gate.rotations.set(leak.place, lambda _text: None)
    token = str(uuid.uuid4())
    aws.gate.rotations.begin(leak.place, token)
    outcome = manager.put(secret(leak.place), NEW, context())
    assert outcome.status is Status.REFUSED, outcome
    assert "rotating it" in outcome.reason
    assert f"--remove-from-version-id {token}" in outcome.reason, "and how to give it up"
    assert "secretsmanager:PutSecretValue" not in aws.gate.calls[-3:]
    assert secret_of(aws, leak.place) == before
    # As the reason says; then it goes on.
    aws.client("secretsmanager").update_secret_version_stage(
        SecretId=leak.place, VersionStage="AWSPENDING", RemoveFromVersionId=token
    )
    done = manager.put(secret(leak.place), NEW, context())
    assert done.status is Status.DONE, done
    assert "Lambda rotate-" in str(done.data["rotated_by"])


def test_a_rotation_that_ends_in_time_is_waited_for_and_written_over(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    rotated = {**secret_of(aws, leak.place), "DATABASE_HOST": "db-2.internal"}
    aws.gate.rotations.set(leak.place, lambda _text: json.dumps(rotated), seconds=0.15)
    aws.gate.rotations.begin(leak.place, str(uuid.uuid4()))
    outcome = manager.put(secret(leak.place), NEW, context())
    assert outcome.status is Status.DONE, outcome
    assert aws.gate.rotations.runs(leak.place) == 1
    now = secret_of(aws, leak.place)
    assert now["DATABASE_HOST"] == "db-2.internal", "what the rotation changed is kept"
    assert now["AWS_ACCESS_KEY_ID"] == NEW["id"].reveal_text()


def test_a_label_that_a_rotation_long_switched_off_left_behind_is_in_nobodys_way(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    aws.client("secretsmanager").put_secret_value(
        SecretId=leak.place, SecretString="{}", VersionStages=["AWSPENDING"]
    )
    assert manager.put(secret(leak.place), NEW, context()).status is Status.DONE


def test_who_may_not_look_at_the_rotation_writes_and_says_so(
    aws: RunningAws, leak: Leak, context: Context, responder: Responder
) -> None:
    mine = responder("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue")
    outcome = manager.put(secret(leak.place), NEW, context(mine))
    assert outcome.status is Status.DONE
    assert "DescribeSecret" in str(outcome.data["rotation"])


def test_a_parameter_keeps_its_type_and_its_encryption_key(
    aws: RunningAws, context: Context
) -> None:
    client = aws.client("ssm")
    client.put_parameter(
        Name="/kept/one",
        Value="old",
        Type="SecureString",
        KeyId="alias/app",
        Description="the deployer's",
        AllowedPattern="^[a-z/]+$",
    )
    outcome = parameters.put(parameter("/kept/one"), {"value": NEW["secret"]}, context())
    assert outcome.status is Status.DONE, outcome
    rows = client.describe_parameters(
        ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": ["/kept/one"]}]
    )["Parameters"]
    assert rows[0]["KeyId"] == "alias/app"
    assert rows[0]["Type"] == "SecureString"
    assert rows[0]["Description"] == "the deployer's"
    assert rows[0]["Version"] == outcome.data["version"] == 2
    assert outcome.data["still_there"]
    # moto keeps the encryption key by itself; AWS takes its own one unless it is told again.
    attribute = {"AttributeKey": "EventName", "AttributeValue": "PutParameter"}
    newest = aws.gate.history.lookup({"LookupAttributes": [attribute]}, "us-east-1")["Events"][0]
    sent = json.loads(newest["CloudTrailEvent"])["requestParameters"]
    assert (sent["keyId"], sent["allowedPattern"]) == ("alias/app", "^[a-z/]+$")
    assert "not encrypted" not in outcome.summary


def test_a_plain_parameter_is_written_and_said(aws: RunningAws, context: Context) -> None:
    aws.client("ssm").put_parameter(Name="/plain/one", Value="old", Type="String")
    outcome = parameters.put(parameter("/plain/one"), {"value": NEW["secret"]}, context())
    assert outcome.status is Status.DONE
    assert "not encrypted" in outcome.summary


def test_a_list_of_strings_is_left_as_it_is(aws: RunningAws, context: Context) -> None:
    aws.client("ssm").put_parameter(Name="/list/one", Value="a,b", Type="StringList")
    outcome = parameters.put(parameter("/list/one"), {"value": NEW["secret"]}, context())
    assert outcome.status is Status.REFUSED
    assert parameters.holds(parameter("/list/one"), {"value": Secret("a,b")}, context()) is True


@pytest.mark.parametrize("action", ["GetParameter", "DescribeParameters", "PutParameter"])
def test_a_missing_permission_of_ssm_is_named(
    aws: RunningAws, context: Context, responder: Responder, action: str
) -> None:
    name = f"/denied/{action}"
    aws.client("ssm").put_parameter(Name=name, Value="old", Type="SecureString")
    others = {"GetParameter", "DescribeParameters", "PutParameter"} - {action}
    mine = responder(*(f"ssm:{other}" for other in others))
    outcome = parameters.put(parameter(name), {"value": NEW["secret"]}, context(mine))
    assert outcome.status is Status.REFUSED
    assert f"ssm:{action}" in outcome.reason
    assert parameters.holds(parameter(name), {"value": Secret("old")}, context()) is True


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(_text, _json, max_size=5), _text, _text, st.sampled_from([None, 1, 4]))
def test_merging_changes_our_keys_and_no_other(
    held: dict[str, Any], one: str, other: str, indent: int | None
) -> None:
    current = json.dumps(held, indent=indent)
    target = secret("x")
    new = {"id": Secret(one.encode()), "secret": Secret(other.encode())}
    text = document.merged(target, current, new)
    now = json.loads(text)
    assert now.pop("AWS_ACCESS_KEY_ID") == one
    assert now.pop("AWS_SECRET_ACCESS_KEY") == other
    kept = {
        k: v for k, v in held.items() if k not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    }
    assert now == kept
    assert document.holds(target, text, new)
    assert ("\n" in text) == ("\n" in current)
