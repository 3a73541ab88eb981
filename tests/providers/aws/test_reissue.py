"""A new key for the same user: one, not two; none lost; none in use deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from remediate.errors import MissingOptionError
from remediate.model import Credential
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate.testing.providers import well_told
from remediate.testing.surroundings import Answers
from remediate_providers.aws.local import RunningAws
from remediate_providers.aws.provider import AwsProvider
from tests.providers.aws.conftest import Leak, allow, keys_of

aws_provider = AwsProvider()
Context = Callable[..., VendorContext]
Responder = Callable[..., Mapping[str, str]]


@pytest.fixture
def dead(leak: Leak, context: Context) -> Leak:
    """The leaked key, revoked."""
    assert aws_provider.revoke([leak.held], context())[leak.held.id].status is Status.DONE
    return leak


def as_held(made: Reissued) -> Held:
    credential = Credential(
        f"aws:{made.public_id}", "aws", "aws-access-key-id", {}, public_id=made.public_id
    )
    return Held(credential, made.values)


def test_one_new_key_that_works(aws: RunningAws, dead: Leak, context: Context) -> None:
    made = aws_provider.reissue(dead.held, context())
    assert made.outcome.status is Status.DONE
    assert set(made.values) == {"id", "secret"}
    assert made.public_id == made.values["id"].reveal_text() != dead.key_id
    assert keys_of(aws, dead.user) == {dead.key_id: "Inactive", made.public_id: "Active"}
    assert made.values["secret"].reveal_text() not in repr(made)
    # Refused at first, for it has not spread yet; then taken.
    confirmed = aws_provider.confirm(as_held(made), context())
    assert confirmed.alive is True
    assert f":user/{dead.user}" in confirmed.evidence[0].saw


def test_a_new_key_that_never_works_is_told(dead: Leak, context: Context) -> None:
    gone = Held(dead.held.credential, dead.held.values)
    confirmed = aws_provider.confirm(gone, context())
    assert confirmed.alive is False
    assert confirmed.evidence[0].saw == "403 InvalidClientTokenId"


def test_a_key_made_and_lost_in_a_crash_is_found_and_deleted(
    aws: RunningAws, dead: Leak, context: Context
) -> None:
    before = aws_provider.before_reissue(dead.held, context())
    assert before["keys"] == [dead.key_id]
    lost = aws_provider.reissue(dead.held, context())  # and then the machine dies
    found = aws_provider.reconcile_reissue(dead.held, before, context())
    assert found.status is Status.DONE
    assert found.data["deleted"] == lost.public_id
    made = aws_provider.reissue(dead.held, context())
    assert keys_of(aws, dead.user) == {dead.key_id: "Inactive", made.public_id: "Active"}


def test_where_nothing_was_made_nothing_is_deleted(
    aws: RunningAws, dead: Leak, context: Context
) -> None:
    before = aws_provider.before_reissue(dead.held, context())
    found = aws_provider.reconcile_reissue(dead.held, before, context())
    assert found.status is Status.UNCHANGED
    assert keys_of(aws, dead.user) == {dead.key_id: "Inactive"}


def test_a_new_key_that_somebody_uses_is_not_taken_for_the_lost_one(
    aws: RunningAws, dead: Leak, context: Context
) -> None:
    before = aws_provider.before_reissue(dead.held, context())
    theirs = aws.key(dead.user)
    aws_provider.confirm(Held(dead.held.credential, theirs), context())  # in use
    found = aws_provider.reconcile_reissue(dead.held, before, context())
    assert found.status is Status.MANUAL
    assert found.manual is not None
    well_told(found.manual)
    assert len(keys_of(aws, dead.user)) == 2


def test_without_a_snapshot_nothing_is_guessed(
    aws: RunningAws, dead: Leak, context: Context
) -> None:
    before = {"at": "2026-01-02T03:04:05Z", "problem": "no connection"}
    assert aws_provider.reconcile_reissue(dead.held, before, context()).status is Status.UNCHANGED
    aws.key(dead.user)
    found = aws_provider.reconcile_reissue(dead.held, before, context())
    assert found.status is Status.MANUAL
    assert len(keys_of(aws, dead.user)) == 2


def test_a_lost_answer_leaves_no_key_behind(aws: RunningAws, dead: Leak, context: Context) -> None:
    aws.gate.calls.clear()
    aws.gate.faults["iam:CreateAccessKey"] = ["drop-after"]
    made = aws_provider.reissue(dead.held, context())
    assert aws.gate.calls.count("iam:CreateAccessKey") == 1, "never sent twice"
    assert made.outcome.status is Status.UNREACHABLE
    assert not made.values
    assert keys_of(aws, dead.user) == {dead.key_id: "Inactive"}
    again = aws_provider.reissue(dead.held, context())
    assert again.outcome.status is Status.DONE
    assert len(keys_of(aws, dead.user)) == 2


@pytest.mark.parametrize("fault", ["500", "drop-before", "malformed"])
def test_a_doubtful_answer_never_makes_two(
    aws: RunningAws, dead: Leak, context: Context, fault: str
) -> None:
    aws.gate.faults["iam:CreateAccessKey"] = [fault]
    made = aws_provider.reissue(dead.held, context())
    assert made.outcome.status in (Status.UNREACHABLE, Status.UNKNOWN)
    assert keys_of(aws, dead.user) == {dead.key_id: "Inactive"}


def test_a_throttled_creation_is_asked_again(aws: RunningAws, dead: Leak, context: Context) -> None:
    aws.gate.faults["iam:CreateAccessKey"] = ["throttle"]
    assert aws_provider.reissue(dead.held, context()).outcome.status is Status.DONE
    assert len(keys_of(aws, dead.user)) == 2


def test_a_full_quota_is_explained_and_yes_deletes_nothing_that_was_used(
    aws: RunningAws, dead: Leak, context: Context
) -> None:
    other = aws.key(dead.user)
    other_id = other["id"].reveal_text()
    asks = Answers()  # as --yes: the defaults
    made = aws_provider.reissue(dead.held, context(asks=asks))
    assert made.outcome.status is Status.MANUAL
    assert len(asks.asked) == 1
    for told in (asks.asked[0], made.outcome.reason):
        assert f"{dead.key_id} (leaked, Inactive, last used" in told
        assert f"{other_id} (Active, never used" in told
    assert f"Delete {dead.key_id}" in asks.asked[0]
    assert made.outcome.manual is not None
    well_told(made.outcome.manual)
    assert keys_of(aws, dead.user) == {dead.key_id: "Inactive", other_id: "Active"}


def test_who_says_yes_gets_room_at_the_leaked_keys_cost(
    aws: RunningAws, dead: Leak, context: Context
) -> None:
    known = aws_provider.preserve(dead.held, context()).known
    other_id = aws.key(dead.user)["id"].reveal_text()
    before = aws_provider.before_reissue(dead.held, context(known=known))
    made = aws_provider.reissue(dead.held, context(asks=Answers(yes=True), known=known))
    assert made.outcome.status is Status.DONE, made
    assert keys_of(aws, dead.user) == {other_id: "Active", made.public_id: "Active"}
    # Lost in a crash after that: the user is known still, though the leaked key is gone.
    found = aws_provider.reconcile_reissue(dead.held, before, context(known=known))
    assert found.data["deleted"] == made.public_id
    again = aws_provider.reissue(dead.held, context(known={**known, "keys": known["keys"]}))
    assert again.outcome.status is Status.DONE
    assert aws_provider.delete(dead.held, context(known=known)).status is Status.UNCHANGED


def test_an_inactive_key_never_used_makes_room_by_itself(
    aws: RunningAws, dead: Leak, context: Context
) -> None:
    spare = aws.key(dead.user)["id"].reveal_text()
    aws.client("iam").update_access_key(UserName=dead.user, AccessKeyId=spare, Status="Inactive")
    made = aws_provider.reissue(dead.held, context(asks=Answers()))
    assert made.outcome.status is Status.DONE
    assert keys_of(aws, dead.user) == {dead.key_id: "Inactive", made.public_id: "Active"}


def test_of_two_inactive_keys_the_leaked_one_is_proposed(
    aws: RunningAws, dead: Leak, context: Context
) -> None:
    other = aws.key(dead.user)
    aws_provider.confirm(Held(dead.held.credential, other), context())  # it was used once
    other_id = other["id"].reveal_text()
    aws.client("iam").update_access_key(UserName=dead.user, AccessKeyId=other_id, Status="Inactive")
    asks = Answers()
    made = aws_provider.reissue(dead.held, context(asks=asks))
    assert made.outcome.status is Status.MANUAL
    assert f"Delete {dead.key_id}" in asks.asked[0]


def test_a_policy_that_keeps_keys_is_not_asked_about_the_leaked_one(
    aws: RunningAws, dead: Leak, context: Context
) -> None:
    aws.key(dead.user)
    asks = Answers(yes=True)
    made = aws_provider.reissue(dead.held, context(asks=asks, settings={"delete": "never"}))
    assert made.outcome.status is Status.MANUAL
    assert asks.asked == []
    assert len(keys_of(aws, dead.user)) == 2


def test_two_active_keys_are_both_kept(aws: RunningAws, leak: Leak, context: Context) -> None:
    aws.key(leak.user)
    asks = Answers(yes=True)
    made = aws_provider.reissue(leak.held, context(asks=asks))  # replace-first
    assert made.outcome.status is Status.MANUAL
    assert asks.asked == []
    assert set(keys_of(aws, leak.user).values()) == {"Active"}


def test_with_nobody_to_ask_nothing_is_deleted(
    aws: RunningAws, dead: Leak, context: Context
) -> None:
    class Nobody(Answers):
        def confirm(
            self, question: str, *, option: str, default: bool, why: str = "", typed: str = ""
        ) -> bool:
            raise MissingOptionError(question, option)

    aws.key(dead.user)
    with pytest.raises(MissingOptionError):
        aws_provider.reissue(dead.held, context(asks=Nobody()))
    assert len(keys_of(aws, dead.user)) == 2


def test_a_missing_permission_is_named_with_a_way_out(
    aws: RunningAws, dead: Leak, context: Context, responder: Responder
) -> None:
    mine = responder("iam:GetAccessKeyLastUsed", "iam:ListAccessKeys")
    made = aws_provider.reissue(dead.held, context(mine))
    assert made.outcome.status is Status.REFUSED
    assert "iam:CreateAccessKey" in made.outcome.reason
    assert made.outcome.manual is not None
    assert made.outcome.manual.takes_value
    well_told(made.outcome.manual)
    assert keys_of(aws, dead.user) == {dead.key_id: "Inactive"}


def test_a_quarantined_user_is_told_of(aws: RunningAws, dead: Leak, context: Context) -> None:
    iam = aws.client("iam")
    document = json.dumps(allow("sts:GetCallerIdentity"))
    name = f"AWSCompromisedKeyQuarantineV2-{dead.user}"
    made = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]
    iam.attach_user_policy(UserName=dead.user, PolicyArn=made["Arn"])
    outcome = aws_provider.reissue(dead.held, context()).outcome
    assert outcome.data["quarantined"] == name
    assert "limits the new key too" in outcome.summary


@pytest.mark.parametrize("form", ["{id} {secret}", "{id}:{secret}\n", "id,secret\n{id},{secret}"])
def test_a_pair_made_by_hand_is_taken(
    aws: RunningAws, dead: Leak, context: Context, form: str
) -> None:
    by_hand = aws.key(dead.user)
    text = form.format(**{part: value.reveal_text() for part, value in by_hand.items()})
    made = aws_provider.accept(dead.held, Secret(text), context())
    assert made.outcome.status is Status.DONE
    assert made.values == by_hand
    assert made.public_id == by_hand["id"].reveal_text()


def test_what_is_no_new_pair_is_declined(aws: RunningAws, dead: Leak, context: Context) -> None:
    old = {part: value.reveal_text() for part, value in dead.held.values.items()}
    by_hand = {part: value.reveal_text() for part, value in aws.key(dead.user).items()}
    from remediate_providers.aws.local_keys import key_id

    for text, why in (
        (f"{old['id']} {old['secret']}", "leaked"),
        (f"{by_hand['id']} {old['secret']}", "leaked"),
        (by_hand["secret"], "one access key id"),
        (by_hand["id"], "one access key id"),
        ("", "one access key id"),
        ("ghp_" + "aB3x" * 9, "one access key id"),
        (f"{key_id('AKIA', '111122223333')} {by_hand['secret']}", "account"),
        (f"{by_hand['id']} {'aB3/' * 10}", "does not belong"),
    ):
        made = aws_provider.accept(dead.held, Secret(text), context())
        assert made.outcome.status is Status.REFUSED
        assert why in made.outcome.reason
        assert not made.values
        assert not text or text not in repr(made)
