"""Temporary keys: the sessions of whoever CloudTrail says signed with them are denied."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.surroundings import found
from remediate_providers.aws.local import RunningAws
from remediate_providers.aws.local_keys import key_id
from remediate_providers.aws.provider import AwsProvider
from remediate_providers.aws.sessions import POLICY
from tests.providers.aws.conftest import ALLOW_ALL

PROVIDER = AwsProvider()
_count = itertools.count(1)


def temporary(aws: RunningAws) -> Held:
    value = Secret(key_id("ASIA", aws.account))
    (one,) = PROVIDER.identify([found(value)])
    return Held(one.credential, {"id": value})


def signed(
    aws: RunningAws, held: Held, identity: Mapping[str, Any], region: str = "us-east-1"
) -> None:
    """CloudTrail has an event that the key signed."""
    aws.gate.history.add(
        service="s3",
        operation="ListBuckets",
        region=region,
        identity={**identity, "accessKeyId": held.credential.public_id},
        address="203.0.113.9",
        agent="aws-cli",
        asked={},
    )


def of_role(aws: RunningAws, name: str, path: str = "/") -> dict[str, Any]:
    arn = f"arn:aws:iam::{aws.account}:role{path}{name}"
    issuer = {"type": "Role", "arn": arn, "userName": name}
    return {"type": "AssumedRole", "sessionContext": {"sessionIssuer": issuer}}


def role(aws: RunningAws) -> str:
    name = f"deployer-{next(_count)}"
    aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(ALLOW_ALL))
    return name


def test_a_living_temporary_key_is_not_called_dead(
    aws: RunningAws, context: Callable[..., VendorContext]
) -> None:
    """AWS refuses it without its token, and knows it in no list: neither proves anything."""
    user = aws.user(f"living-{next(_count)}", ALLOW_ALL)
    parts = aws.gate.keys.find(user["id"].reveal_text(), None)
    assert parts is not None
    session, _ = aws.gate.keys.session(parts, 3600)
    values = {"id": Secret(session.key_id), "secret": Secret(session.secret)}
    group = frozenset([1])
    (one,) = PROVIDER.identify([found(value, groups=group) for value in values.values()])
    held = Held(one.credential, values)
    aws.gate.calls.clear()
    check = PROVIDER.check(held, context())
    assert check.alive is None
    assert "token" in check.reason
    described = PROVIDER.describe(held, context())
    assert "accepted" not in described.known
    assert described.known["ours"] is True
    assert set(described.unknown) == {"identity", "last_used", "user", "reach"}
    assert PROVIDER.preserve(held, context()).unknown["user"]
    assert set(aws.gate.calls) == {"sts:GetCallerIdentity"}, "who we are, and nothing of the key"
    assert aws.gate.calls.count("sts:GetCallerIdentity") == 1


def test_a_role_s_sessions_begun_before_are_denied(
    aws: RunningAws, context: Callable[..., VendorContext]
) -> None:
    held, name = temporary(aws), role(aws)
    signed(aws, held, of_role(aws, name))
    outcome = PROVIDER.revoke([held], context())[held.id]
    assert outcome.status is Status.DONE, outcome.reason
    made = aws.client("iam").get_role_policy(RoleName=name, PolicyName=POLICY)["PolicyDocument"]
    (statement,) = made["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Action"] == statement["Resource"] == ["*"]
    moment = statement["Condition"]["DateLessThan"]["aws:TokenIssueTime"]
    assert moment in outcome.evidence[0].saw
    assert outcome.data["role"] == name


def test_a_user_s_own_session_is_refused_afterwards(
    aws: RunningAws, context: Callable[..., VendorContext]
) -> None:
    """From sts:GetSessionToken: the real thing, used before and after."""
    name = f"session-{next(_count)}"
    values = aws.user(name, ALLOW_ALL)
    parent = aws.gate.keys.find(values["id"].reveal_text(), None)
    assert parent is not None
    session, _ = aws.gate.keys.session(parent, 3600)
    value = Secret(session.key_id)
    (one,) = PROVIDER.identify([found(value)])
    held = Held(one.credential, {"id": value})
    arn = f"arn:aws:iam::{aws.account}:user/{name}"
    signed(aws, held, {"type": "IAMUser", "userName": name, "arn": arn})
    outcome = PROVIDER.revoke([held], context())[held.id]
    assert outcome.status is Status.DONE, outcome.reason
    assert outcome.data["user"] == name
    aws.client("iam").get_user_policy(UserName=name, PolicyName=POLICY)
    again = PROVIDER.revoke([held], context())[held.id]
    assert again.status is Status.DONE, "safe to repeat"


@pytest.mark.parametrize(
    ("name", "path", "why"),
    [
        ("AWSServiceRoleForSupport", "/aws-service-role/support.amazonaws.com/", "service-linked"),
        ("AWSReservedSSO_Admin_1a2b", "/aws-reserved/sso.amazonaws.com/", "Identity Center"),
    ],
)
def test_a_role_that_can_not_be_edited_is_a_step(
    aws: RunningAws, context: Callable[..., VendorContext], name: str, path: str, why: str
) -> None:
    held = temporary(aws)
    signed(aws, held, of_role(aws, name, path))
    outcome = PROVIDER.revoke([held], context())[held.id]
    assert outcome.status is Status.MANUAL
    assert why in outcome.reason
    assert outcome.manual is not None
    assert name in outcome.manual.title


def test_root_and_strange_events_are_steps(
    aws: RunningAws, context: Callable[..., VendorContext]
) -> None:
    for identity in ({"type": "Root", "arn": "arn:root"}, {"type": "AWSService"}, {}):
        held = temporary(aws)
        signed(aws, held, identity)
        assert PROVIDER.revoke([held], context())[held.id].status is Status.MANUAL


def test_one_that_signed_nothing_is_a_step(
    aws: RunningAws, context: Callable[..., VendorContext]
) -> None:
    held = temporary(aws)
    outcome = PROVIDER.revoke([held], context())[held.id]
    assert outcome.status is Status.MANUAL
    assert "no event" in outcome.reason


def test_one_that_signed_in_a_far_region_alone_is_found(
    aws: RunningAws, context: Callable[..., VendorContext]
) -> None:
    """The caller's Region is us-east-1; the account has another enabled."""
    held, name = temporary(aws), role(aws)
    signed(aws, held, of_role(aws, name), "eu-west-1")
    aws.gate.calls.clear()
    outcome = PROVIDER.revoke([held], context())[held.id]
    assert outcome.status is Status.DONE, outcome.reason
    assert outcome.data["role"] == name
    assert aws.gate.calls.count("cloudtrail:LookupEvents") == 2, "each Region once"


def test_a_near_one_costs_no_look_at_the_others(
    aws: RunningAws, context: Callable[..., VendorContext]
) -> None:
    held, name = temporary(aws), role(aws)
    signed(aws, held, of_role(aws, name))
    aws.gate.calls.clear()
    assert PROVIDER.revoke([held], context())[held.id].status is Status.DONE
    assert aws.gate.calls.count("cloudtrail:LookupEvents") == 1
    assert "account:ListRegions" not in aws.gate.calls


def test_where_regions_are_not_told_those_of_every_account_are_asked(
    aws: RunningAws,
    context: Callable[..., VendorContext],
    responder: Callable[..., Mapping[str, str]],
) -> None:
    held, name = temporary(aws), role(aws)
    signed(aws, held, of_role(aws, name), "sa-east-1")
    may = responder("cloudtrail:LookupEvents", "iam:PutRolePolicy", "iam:GetRolePolicy")
    outcome = PROVIDER.revoke([held], context(may))[held.id]
    assert outcome.status is Status.DONE, outcome.reason
    nowhere = temporary(aws)
    outcome = PROVIDER.revoke([nowhere], context(may))[nowhere.id]
    assert outcome.status is Status.MANUAL
    assert "account:ListRegions" in outcome.reason
    assert "no event" in outcome.reason


def test_a_region_that_could_not_be_read_is_told(
    aws: RunningAws, context: Callable[..., VendorContext]
) -> None:
    """Nothing found is not nothing there: the gap is named."""
    held = temporary(aws)
    aws.gate.faults["cloudtrail:LookupEvents"] = ["malformed"]
    outcome = PROVIDER.revoke([held], context())[held.id]
    aws.gate.faults.clear()
    assert outcome.status is Status.MANUAL
    assert "could not be read everywhere" in outcome.reason
    assert "us-east-1" in outcome.reason


def test_a_missing_right_is_named(
    aws: RunningAws,
    context: Callable[..., VendorContext],
    responder: Callable[..., Mapping[str, str]],
) -> None:
    held, name = temporary(aws), role(aws)
    signed(aws, held, of_role(aws, name))
    outcome = PROVIDER.revoke([held], context(responder("cloudtrail:*", "sts:*")))[held.id]
    assert outcome.status is Status.MANUAL
    assert "iam:PutRolePolicy" in outcome.reason


def test_another_account_s_is_left_alone(
    aws: RunningAws, context: Callable[..., VendorContext]
) -> None:
    value = Secret(key_id("ASIA", "111122223333"))
    (one,) = PROVIDER.identify([found(value)])
    outcome = PROVIDER.revoke([Held(one.credential, {"id": value})], context())[one.credential.id]
    assert outcome.status is Status.MANUAL
    assert "111122223333" in repr(outcome)


def test_many_at_once_keep_to_cloudtrails_rate(
    aws: RunningAws, context: Callable[..., VendorContext]
) -> None:
    """Two calls a second in a Region are all there is: none is sent to be turned away."""
    batch = [temporary(aws) for _ in range(5)]
    for held in batch:
        signed(aws, held, of_role(aws, role(aws)))
    aws.gate.history._lookups.clear()
    aws.gate.history.throttle = True
    aws.gate.calls.clear()
    try:
        outcomes = PROVIDER.revoke(batch, context(longest=1.0))
    finally:
        aws.gate.history.throttle = False
    assert {outcome.status for outcome in outcomes.values()} == {Status.DONE}
    assert aws.gate.calls.count("cloudtrail:LookupEvents") == len(batch)
