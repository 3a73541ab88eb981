"""Describe, preserve, check, revoke, delete: against moto's server, over sockets."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from remediate.errors import UsageError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Outcome, Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.providers import well_told
from remediate.testing.surroundings import found, nowhere, surroundings
from remediate_providers.aws.local import LocalAws, RunningAws
from remediate_providers.aws.local_keys import key_id
from remediate_providers.aws.provider import AwsProvider
from remediate_providers.aws.sessions import POLICY, denial
from tests.providers.aws.conftest import Leak, allow, hold, keys_of

aws_provider = AwsProvider()
Context = Callable[..., VendorContext]
Responder = Callable[..., Mapping[str, str]]


def revoke(held: Held, vendor: VendorContext) -> Outcome:
    return aws_provider.revoke([held], vendor)[held.id]


def test_describe_says_whose_it_is_and_what_it_may_do(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    facts = aws_provider.describe(leak.held, context())
    assert facts.known["account"] == aws.account
    assert facts.known["arn"] == f"arn:aws:iam::{aws.account}:user/{leak.user}"
    assert (facts.known["principal"], facts.known["user"]) == ("user", leak.user)
    assert facts.known["ours"] is True
    assert facts.known["quarantined"] is False
    assert facts.known["policies"] == {"attached": [], "inline": ["work"]}
    assert "s3:GetObject" in facts.known["reach"]
    assert "iam:CreateUser" not in facts.known["reach"]
    assert not facts.unknown


def test_the_last_use_is_asked_before_the_key_is_tried(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    facts = aws_provider.describe(leak.held, context())
    assert facts.known["last_used"] == {"at": None, "service": "N/A", "region": "N/A"}
    used = aws.client("iam").get_access_key_last_used(AccessKeyId=leak.key_id)
    assert used["AccessKeyLastUsed"]["ServiceName"] == "sts"
    preserved = aws_provider.preserve(leak.held, context(known=facts.known)).known
    assert "last_used" not in preserved, "our own attempt is no last use"
    assert preserved["user"] == leak.user


def test_describe_without_a_permission_says_what_is_missing(
    leak: Leak, context: Context, responder: Responder
) -> None:
    facts = aws_provider.describe(leak.held, context(responder("iam:GetAccessKeyLastUsed")))
    assert facts.known["user"] == leak.user
    assert "iam:ListAccessKeys" in facts.unknown["keys"]
    assert "iam:GetUser" in facts.unknown["reach"]


def test_describe_leaves_the_leaked_key_alone_where_told(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    aws.gate.calls.clear()
    facts = aws_provider.describe(leak.held, context(use_leaked=False))
    assert facts.known["user"] == leak.user
    assert "use_leaked" in facts.unknown["identity"]
    assert aws.gate.calls.count("sts:GetCallerIdentity") == 1  # the responder's own


def test_preserve_writes_down_what_dies(aws: RunningAws, leak: Leak, context: Context) -> None:
    iam = aws.client("iam")
    iam.create_group(GroupName=f"g-{leak.user}")
    iam.add_user_to_group(GroupName=f"g-{leak.user}", UserName=leak.user)
    iam.create_login_profile(UserName=leak.user, Password="long enough " + "x" * 9)
    facts = aws_provider.preserve(leak.held, context())
    assert facts.known["groups"] == [f"g-{leak.user}"]
    assert facts.known["mfa"] == []
    assert str(facts.known["console_password_since"]).startswith("20")
    assert [key["id"] for key in facts.known["keys"]] == [leak.key_id]
    json.dumps(dict(facts.known))


def test_a_live_key_is_made_inactive_and_the_list_is_the_witness(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    assert aws_provider.check(leak.held, context()).alive is True
    outcome = revoke(leak.held, context())
    assert outcome.status is Status.DONE, outcome
    assert [e.probe for e in outcome.evidence][:2] == [
        "iam:ListAccessKeys",
        "sts:GetCallerIdentity",
    ]
    assert "Inactive" in outcome.evidence[0].saw
    assert "403 InvalidClientTokenId" in outcome.evidence[1].saw
    assert keys_of(aws, leak.user) == {leak.key_id: "Inactive"}
    assert aws.is_dead(leak.held.values)
    dead = aws_provider.check(leak.held, context())
    assert dead.alive is False
    assert dead.evidence[0].probe == "iam:ListAccessKeys"


def test_revoking_again_changes_nothing(aws: RunningAws, leak: Leak, context: Context) -> None:
    revoke(leak.held, context())
    first = aws.client("iam").get_user_policy(UserName=leak.user, PolicyName=POLICY)
    again = revoke(leak.held, context())
    assert again.status is Status.UNCHANGED, again
    now = aws.client("iam").get_user_policy(UserName=leak.user, PolicyName=POLICY)
    assert now["PolicyDocument"] == first["PolicyDocument"]


def test_the_list_decides_while_the_key_is_still_accepted(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    aws.client("iam").update_access_key(
        UserName=leak.user, AccessKeyId=leak.key_id, Status="Inactive"
    )
    aws.gate.keys._changed[leak.key_id] = (float("inf"), True)  # a change that never spreads
    try:
        check = aws_provider.check(leak.held, context())
    finally:
        del aws.gate.keys._changed[leak.key_id]
    assert check.alive is False
    assert "for now" in check.evidence[1].saw


def test_a_session_made_from_the_key_outlives_it_and_is_denied(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    session = session_of(aws, leak.held.values)
    assert may_write(aws, session)
    aws.client("iam").update_access_key(
        UserName=leak.user, AccessKeyId=leak.key_id, Status="Inactive"
    )
    assert may_write(aws, session), "inactive alone does not end it"
    outcome = revoke(leak.held, context())
    assert outcome.data["sessions"] == "denied"
    assert not may_write(aws, session)
    assert may_write(aws, aws.key(leak.user)), "a long-term key of the user is not hit"


def test_an_older_denial_does_not_stand_for_a_newer_session(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    """A policy of the same name, left by an incident of the user's other key, ends nothing of this one."""
    aws.client("iam").put_user_policy(
        UserName=leak.user,
        PolicyName=POLICY,
        PolicyDocument=denial(datetime(2026, 1, 2, tzinfo=UTC), "AKIA" + "Q" * 16),
    )
    session = session_of(aws, leak.held.values)
    aws.client("iam").update_access_key(
        UserName=leak.user, AccessKeyId=leak.key_id, Status="Inactive"
    )
    assert may_write(aws, session)
    assert revoke(leak.held, context()).data["sessions"] == "denied"
    assert not may_write(aws, session)
    aws.gate.calls.clear()
    assert revoke(leak.held, context()).data["sessions"] == "denied"
    assert "iam:PutUserPolicy" not in aws.gate.calls, (
        "again would hit the application's new sessions"
    )


def test_a_session_outlives_a_key_that_was_deleted_too(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    known = aws_provider.preserve(leak.held, context()).known
    session = session_of(aws, leak.held.values)
    aws.client("iam").delete_access_key(UserName=leak.user, AccessKeyId=leak.key_id)
    assert may_write(aws, session)
    outcome = revoke(leak.held, context(known=known))
    assert outcome.status is Status.UNCHANGED
    assert "deleted before" in outcome.summary
    assert not may_write(aws, session)


def session_of(aws: RunningAws, values: Mapping[str, Secret]) -> dict[str, Secret]:
    made = client_as(aws, "sts", values).get_session_token()["Credentials"]
    return {
        "id": Secret(made["AccessKeyId"]),
        "secret": Secret(made["SecretAccessKey"]),
        "token": Secret(made["SessionToken"]),
    }


@functools.cache
def core() -> Any:
    import botocore.session

    return botocore.session.Session()


def client_as(aws: RunningAws, service: str, values: Mapping[str, Secret]) -> Any:
    return core().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=aws.url,
        aws_access_key_id=values["id"].reveal_text(),
        aws_secret_access_key=values["secret"].reveal_text(),
        aws_session_token=values["token"].reveal_text() if "token" in values else None,
    )


def may_write(aws: RunningAws, values: Mapping[str, Secret]) -> bool:
    """Whether the key passes the gate for what its user may do (moto's S3 is not installed)."""
    from botocore.exceptions import ClientError

    try:
        client_as(aws, "iam", values).list_users()
    except ClientError as error:
        assert "not authorized to perform: iam:ListUsers" in str(error)
    who = aws.gate.keys.find(
        values["id"].reveal_text(), values["token"].reveal_text() if "token" in values else None
    )
    assert who is not None
    from remediate_providers.aws.local_policy import decide

    context = {"aws:TokenIssueTime": who.issued} if who.issued else {}
    return decide(aws.gate.keys.policies(who), "s3:PutObject", context=context) == "allowed"


def test_where_sessions_cannot_be_denied_a_person_is_told(
    aws: RunningAws, leak: Leak, context: Context, responder: Responder
) -> None:
    mine = responder("iam:GetAccessKeyLastUsed", "iam:ListAccessKeys", "iam:UpdateAccessKey")
    outcome = revoke(leak.held, context(mine))
    assert aws.is_dead(leak.held.values)
    assert outcome.status is Status.MANUAL
    assert "iam:PutUserPolicy" in outcome.reason
    assert outcome.manual is not None
    well_told(outcome.manual)
    assert revoke(leak.held, context()).status is Status.UNCHANGED


def test_a_missing_permission_is_named_and_nothing_is_done(
    aws: RunningAws, leak: Leak, context: Context, responder: Responder
) -> None:
    mine = responder("iam:GetAccessKeyLastUsed", "iam:ListAccessKeys")
    outcome = revoke(leak.held, context(mine))
    assert outcome.status is Status.REFUSED
    assert "iam:UpdateAccessKey" in outcome.reason
    assert "nor can the key do it itself" in outcome.reason
    assert outcome.manual is not None
    assert outcome.manual.url == (
        "https://console.aws.amazon.com/iam/home#/users/details/"
        f"{leak.user}?section=security_credentials"
    )
    well_told(outcome.manual)
    assert keys_of(aws, leak.user) == {leak.key_id: "Active"}


def test_a_key_that_may_deactivates_itself(aws: RunningAws, context: Context) -> None:
    held = hold(aws.user("self-service", allow("iam:UpdateAccessKey")))
    outcome = revoke(held, context({"AWS_ENDPOINT_URL": aws.url}))
    assert outcome.status is Status.MANUAL  # the sessions are left
    assert "deactivated itself" in outcome.summary
    assert keys_of(aws, "self-service") == {held.credential.public_id: "Inactive"}
    assert outcome.data["sessions"] == "not denied"


def test_a_key_does_not_deactivate_itself_where_told(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    outcome = revoke(leak.held, context({"AWS_ENDPOINT_URL": aws.url}, use_leaked=False))
    assert outcome.status is Status.REFUSED
    assert "use_leaked" in outcome.reason
    assert "AWS_PROFILE" in outcome.reason
    assert not aws.is_dead(leak.held.values)


def test_a_quarantined_user_is_said_and_needs_the_responder(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    iam = aws.client("iam")
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": ["iam:UpdateAccessKey"], "Resource": ["*"]}],
    }
    name = f"AWSCompromisedKeyQuarantineV3-{leak.user}"
    made = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))["Policy"]
    iam.attach_user_policy(UserName=leak.user, PolicyArn=made["Arn"])
    iam.put_user_policy(
        UserName=leak.user, PolicyName="own", PolicyDocument=json.dumps(allow("iam:*"))
    )
    assert aws_provider.describe(leak.held, context()).known["quarantined"] is True
    alone = revoke(leak.held, context({"AWS_ENDPOINT_URL": aws.url}))
    assert alone.status is Status.REFUSED
    assert "quarantined" in alone.reason
    assert revoke(leak.held, context()).status is Status.DONE


def test_root_is_told_and_done_by_hand(aws: RunningAws, context: Context) -> None:
    root = aws.gate.keys.root
    held = hold({"id": Secret(root.key_id), "secret": Secret(root.secret)})
    facts = aws_provider.describe(held, context())
    assert facts.known["principal"] == "root"
    assert aws_provider.check(held, context()).alive is True
    outcome = revoke(held, context())
    assert outcome.status is Status.MANUAL
    assert outcome.manual is not None
    assert outcome.manual.url == "https://console.aws.amazon.com/iam/home#/security_credentials"
    well_told(outcome.manual)


@pytest.mark.parametrize("prefix", ["ASIA", "ABIA", "ACCA"])
def test_temporary_keys_are_done_by_hand(aws: RunningAws, context: Context, prefix: str) -> None:
    value = found(key_id(prefix, aws.account))
    held = Held(aws_provider.identify([value])[0].credential, {"id": value.value})
    outcome = revoke(held, context())
    assert outcome.status is Status.MANUAL
    assert outcome.manual is not None
    well_told(outcome.manual)
    assert aws_provider.delete(held, context()).status is Status.UNCHANGED
    assert aws_provider.reissue(held, context()).outcome.status is Status.SKIPPED


def test_a_canary_is_never_touched(aws: RunningAws, context: Context) -> None:
    held = hold({"id": Secret(key_id("AKIA", "052310077262")), "secret": Secret("aB3/" * 10)})
    aws.gate.calls.clear()
    vendor = context()
    assert aws_provider.describe(held, vendor).known["canary"] is True
    assert aws_provider.check(held, vendor).alive is None
    outcomes = [revoke(held, vendor), aws_provider.delete(held, vendor)]
    outcomes.append(aws_provider.reissue(held, vendor).outcome)
    for outcome in outcomes:
        assert outcome.status is Status.SKIPPED
        assert "canary" in outcome.reason
    aws_provider.preserve(held, vendor)
    aws_provider.triage(held, None, vendor)
    aws_provider.investigate(held, None, vendor)
    assert aws.gate.calls == []


def test_a_key_of_another_account_is_left_to_its_owner(aws: RunningAws, context: Context) -> None:
    other = LocalAws(lag=0, throttle=False).start()
    try:
        held = hold(other.plant().values)
        # One base address for both: as at AWS, where the key tells the account.
        facts = aws_provider.describe(held, context())
        assert facts.known["ours"] is False
        outcome = revoke(held, context())
        assert outcome.status is Status.MANUAL
        assert other.account in outcome.reason
        assert aws.account in outcome.reason
        assert not other.is_dead(held.values)
    finally:
        other.close()


def test_a_secret_that_is_not_the_ids_own_is_said(leak: Leak, context: Context) -> None:
    wrong = Held(leak.held.credential, {**leak.held.values, "secret": Secret("aB3/" * 10)})
    facts = aws_provider.describe(wrong, context())
    assert "no pair" in facts.unknown["identity"]
    assert aws_provider.check(wrong, context()).alive is True  # by the list
    assert revoke(wrong, context()).status is Status.DONE  # the id alone suffices


def test_an_id_alone_can_be_killed(aws: RunningAws, leak: Leak, context: Context) -> None:
    alone = Held(leak.held.credential, {"id": leak.held.values["id"]})
    assert aws_provider.check(alone, context()).alive is True
    outcome = revoke(alone, context())
    assert outcome.status is Status.DONE
    assert aws.is_dead(leak.held.values)


def test_many_keys_are_dealt_with_in_one_go(aws: RunningAws, context: Context) -> None:
    batch = [hold(aws.user(f"many-{number}", allow("s3:*"))) for number in range(12)]
    outcomes = aws_provider.revoke(batch, context())
    assert set(outcomes) == {held.id for held in batch}
    assert {outcome.status for outcome in outcomes.values()} == {Status.DONE}
    assert all(aws.is_dead(held.values) for held in batch)


def test_what_is_known_of_one_key_is_not_taken_for_another(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    other = hold(aws.user(f"other-of-{leak.user}", allow("s3:*")))
    known = aws_provider.describe(leak.held, context()).known
    outcomes = aws_provider.revoke([leak.held, other], context(known=known))
    assert {outcome.status for outcome in outcomes.values()} == {Status.DONE}
    assert aws.is_dead(other.values)


def test_a_deleted_key_is_dead_and_nothing_more_to_do(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    known = aws_provider.describe(leak.held, context()).known
    revoke(leak.held, context())
    deleted = aws_provider.delete(leak.held, context())
    assert deleted.status is Status.DONE, deleted
    assert keys_of(aws, leak.user) == {}
    for vendor in (context(), context(known=known), context(use_leaked=False)):
        assert aws_provider.delete(leak.held, vendor).status is Status.UNCHANGED
        assert aws_provider.check(leak.held, vendor).alive is False
        assert revoke(leak.held, vendor).status is Status.UNCHANGED


def test_an_active_key_is_not_deleted(aws: RunningAws, leak: Leak, context: Context) -> None:
    outcome = aws_provider.delete(leak.held, context())
    assert outcome.status is Status.REFUSED
    assert "active" in outcome.reason
    assert keys_of(aws, leak.user) == {leak.key_id: "Active"}


def test_deleting_without_permission_is_named(
    leak: Leak, context: Context, responder: Responder
) -> None:
    revoke(leak.held, context())
    mine = responder("iam:GetAccessKeyLastUsed", "iam:ListAccessKeys")
    outcome = aws_provider.delete(leak.held, context(mine))
    assert outcome.status is Status.REFUSED
    assert "iam:DeleteAccessKey" in outcome.reason


def test_a_base_address_that_is_not_https_is_refused(leak: Leak) -> None:
    vendor = surroundings(
        {
            "AWS_ENDPOINT_URL": "http://aws.example.com",
            "AWS_ACCESS_KEY_ID": "AKIA" + "Q" * 16,
            "AWS_SECRET_ACCESS_KEY": "x",
        }
    )
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL"):
        aws_provider.check(leak.held, vendor)


def test_aws_that_does_not_answer_is_unreachable(leak: Leak, aws: RunningAws) -> None:
    environment = {**aws.environment(), "AWS_ENDPOINT_URL": nowhere()}
    outcome = revoke(leak.held, surroundings(environment, longest=0))
    assert outcome.status is Status.UNREACHABLE
    assert "no connection to AWS" in outcome.reason
    assert not aws.is_dead(leak.held.values)


@pytest.mark.parametrize("fault", ["500", "throttle", "drop-before", "drop-after", "malformed"])
@pytest.mark.parametrize(
    "action", ["iam:UpdateAccessKey", "iam:ListAccessKeys", "iam:GetAccessKeyLastUsed"]
)
def test_a_passing_fault_is_ridden_out(
    aws: RunningAws, leak: Leak, context: Context, action: str, fault: str
) -> None:
    aws.gate.faults[action] = [fault]
    outcome = revoke(leak.held, context())
    aws.gate.faults.clear()
    assert outcome.status in (Status.DONE, Status.UNCHANGED), outcome
    assert aws.is_dead(leak.held.values)


def test_a_lasting_fault_is_told_in_plain_words(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    aws.gate.faults["iam:UpdateAccessKey"] = ["500"] * 20
    outcome = revoke(leak.held, context())
    aws.gate.faults.clear()
    assert outcome.status is Status.UNREACHABLE
    assert "out of order" in outcome.reason
    assert revoke(leak.held, context()).status is Status.DONE
