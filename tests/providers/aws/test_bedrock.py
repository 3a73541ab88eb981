"""Bedrock's API keys: whose they are, ended and seen to be, never on a guess; every call gone wrong."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.clock import parse
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Found, Held
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults, Scene
from remediate.testing.providers import ProviderContract
from remediate.testing.proxy import FaultyLine
from remediate.testing.surroundings import Answers, found
from remediate_providers.aws import bedrock_keys, local_services
from remediate_providers.aws.bedrock import BedrockProvider
from remediate_providers.aws.bedrock_keys import LONG, PART, SHORT
from remediate_providers.aws.local import RunningAws
from remediate_providers.aws.local_keys import key_id
from tests.providers.aws.conftest import allow
from tests.providers.aws.test_contract import environment
from tests.providers.aws.test_sessions import of_role, role

PROVIDER = BedrockProvider()
PAGE = Path(__file__).parents[3] / "docs/providers/aws-bedrock.md"
Context = Callable[..., VendorContext]
_count = itertools.count(1)


def long_term(alias: str) -> str:
    inner = f"{alias}:{base64.b64encode(b'q' * 48).decode()}"
    return "ABSK" + base64.b64encode(inner.encode()).decode()


def short_term(signer: str) -> str:
    address = (
        "bedrock.amazonaws.com/?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256"
        f"&X-Amz-Credential={signer}%2F20260102%2Fus-east-1%2Fbedrock%2Faws4_request&X-Amz-Expires=43200"
    )
    return "bedrock-api-key-" + base64.b64encode(address.encode()).decode()


def hold(value: str | Secret) -> Held:
    value = value if isinstance(value, Secret) else Secret(value)
    (one,) = PROVIDER.identify([found(value)])
    return Held(one.credential, {PART: value})


def leaked(aws: RunningAws, user: str = "") -> Held:
    name = user or f"BedrockAPIKey-{next(_count)}"
    if not user:
        aws.user(name, allow("bedrock:*"))
    return hold(aws.gate.services.make(name))


def status(aws: RunningAws, held: Held) -> str:
    return aws.gate.services.status(held.credential.public_id or "")


def test_a_long_term_key_tells_user_and_account() -> None:
    credential = hold(long_term("BedrockAPIKey-ab1c-at-123456789012")).credential
    assert credential.kind == LONG.name
    assert credential.public_id == "BedrockAPIKey-ab1c-at-123456789012"
    assert credential.account == "123456789012"
    assert credential.labels["user"] == "BedrockAPIKey-ab1c"
    assert hold(long_term("ci+1-at-123456789012")).credential.labels["user"] == "ci"


def test_a_short_term_key_tells_who_signed_it() -> None:
    signer = key_id("ASIA", "123456789012")
    credential = hold(short_term(signer)).credential
    assert (credential.kind, credential.public_id) == (SHORT.name, signer)
    assert credential.account == "123456789012"


@pytest.mark.parametrize(
    "text",
    [
        "ABSK" + "A" * 60,
        "ABSK" + base64.b64encode(b"\xff\xfe" * 40).decode(),
        "ABSK" + base64.b64encode(b"no alias at all:" + b"x" * 60).decode(),
        "bedrock-api-key-" + base64.b64encode(b"bedrock.amazonaws.com/?" + b"x" * 60).decode(),
        "bedrock-api-key-" + base64.b64encode(b"[" * 80).decode(),
        "bedrock-api-key-" + "A" * 61,
    ],
)
def test_what_does_not_decode_is_left_to_others(text: str) -> None:
    assert PROVIDER.identify([found(text)]) == []


@given(st.text(max_size=80), st.sampled_from(["ABSK", "bedrock-api-key-"]))
def test_no_text_makes_it_fall(inner: str, prefix: str) -> None:
    for text in (inner, prefix + inner, prefix + base64.b64encode(inner.encode()).decode()):
        owner = bedrock_keys.owner_of(text)
        assert owner is None or owner.public_id


def test_it_is_inactive_and_nobody_else_s_is(aws: RunningAws, context: Context) -> None:
    held = leaked(aws)
    other = leaked(aws, held.credential.labels["user"])
    outcome = PROVIDER.revoke([held], context())[held.id]
    assert outcome.status is Status.DONE, outcome.reason
    assert status(aws, held) == "Inactive"
    assert status(aws, other) == "Active", "the same user's other key is not touched"
    assert "Inactive" in outcome.evidence[-1].saw
    assert PROVIDER.check(held, context()).alive is False
    assert PROVIDER.check(other, context()).alive is True
    assert PROVIDER.revoke([held], context())[held.id].status is Status.UNCHANGED


def test_one_of_a_renamed_user_is_found_in_the_whole_account(
    aws: RunningAws, context: Context
) -> None:
    """The user is read out of the alias, which keeps the name that it was made under."""
    held = leaked(aws)
    (row,) = (
        row
        for row in aws.gate.services.rows.values()
        if row.get("ServiceCredentialAlias") == held.credential.public_id
    )
    row["UserName"] = f"renamed-{next(_count)}"
    assert PROVIDER.describe(held, context()).known["owner"] == row["UserName"]
    outcome = PROVIDER.revoke([held], context())[held.id]
    assert outcome.status is Status.DONE, outcome.reason
    assert row["Status"] == "Inactive"


def test_another_account_s_is_never_called_dead(aws: RunningAws, context: Context) -> None:
    """Our own list does not show it, which proves nothing."""
    held = hold(long_term("BedrockAPIKey-zz9z-at-111122223333"))
    assert PROVIDER.check(held, context()).alive is None
    outcome = PROVIDER.revoke([held], context())[held.id]
    assert outcome.status is Status.MANUAL
    assert "111122223333" in outcome.reason
    assert PROVIDER.delete(held, context()).status is Status.MANUAL
    assert "iam:ListServiceSpecificCredentials" not in aws.gate.calls[-3:]


def test_a_canary_is_left_alone(aws: RunningAws, context: Context) -> None:
    held = hold(long_term("BedrockAPIKey-zz9z-at-052310077262"))
    aws.gate.calls.clear()
    assert PROVIDER.revoke([held], context())[held.id].status is Status.SKIPPED
    assert PROVIDER.check(held, context()).alive is None
    assert PROVIDER.delete(held, context()).status is Status.UNCHANGED
    assert not aws.gate.calls


@pytest.mark.parametrize("missing", ["List", "Update"])
def test_a_missing_right_is_named(
    aws: RunningAws,
    context: Context,
    responder: Callable[..., Mapping[str, str]],
    missing: str,
) -> None:
    held = leaked(aws)
    actions = {
        "List": "ListServiceSpecificCredentials",
        "Update": "UpdateServiceSpecificCredential",
    }
    denied = f"iam:{actions.pop(missing)}"
    mine = responder(*(f"iam:{action}" for action in actions.values()))
    outcome = PROVIDER.revoke([held], context(mine))[held.id]
    assert outcome.status is Status.REFUSED
    assert denied in outcome.reason
    assert outcome.manual is not None
    assert status(aws, held) == "Active"


def test_deleted_only_once_it_is_inactive(aws: RunningAws, context: Context) -> None:
    held = leaked(aws)
    assert PROVIDER.delete(held, context()).status is Status.REFUSED
    PROVIDER.revoke([held], context())
    assert PROVIDER.delete(held, context()).status is Status.DONE
    assert status(aws, held) == "deleted"
    assert PROVIDER.delete(held, context()).status is Status.UNCHANGED
    assert PROVIDER.check(held, context()).alive is False


def test_a_new_one_lives_as_long_as_the_leaked_one_would(aws: RunningAws, context: Context) -> None:
    user = f"BedrockAPIKey-{next(_count)}"
    aws.user(user, allow("bedrock:*"))
    held = hold(aws.gate.services.make(user, days=30))
    PROVIDER.revoke([held], context())
    made = PROVIDER.reissue(held, context())
    assert made.outcome.status is Status.DONE, made.outcome
    new = aws.gate.services.rows[str(made.outcome.data["credential"])]
    assert (new["UserName"], new["Status"]) == (user, "Active")
    age = parse(new["ExpirationDate"]) - parse(new["CreateDate"])
    assert age.days == 30
    assert made.public_id == new["ServiceCredentialAlias"]
    assert hold(made.values[PART]).credential.public_id == made.public_id
    assert PROVIDER.confirm(Held(held.credential, dict(made.values)), context()).alive is True
    assert status(aws, held) == "Inactive", "the leaked one stays as evidence"


def test_without_room_nothing_is_deleted_unasked(aws: RunningAws, context: Context) -> None:
    held = leaked(aws)
    other = leaked(aws, held.credential.labels["user"])
    known = PROVIDER.describe(held, context()).known
    PROVIDER.revoke([held], context(known=known))
    made = PROVIDER.reissue(held, context(known=known))
    assert made.outcome.status is Status.MANUAL
    assert "as many as IAM allows" in made.outcome.reason
    assert status(aws, held) == "Inactive"
    made = PROVIDER.reissue(held, context(asks=Answers(yes=True), known=known))
    assert made.outcome.status is Status.DONE, made.outcome
    assert known["credential"] not in aws.gate.services.rows
    assert status(aws, other) == "Active"
    # The new one was given the leaked one's name, and is not taken for it.
    assert made.public_id == held.credential.public_id
    assert PROVIDER.check(held, context(known=known)).alive is False
    assert PROVIDER.delete(held, context(known=known)).status is Status.UNCHANGED
    assert aws.gate.services.rows[str(made.outcome.data["credential"])]["Status"] == "Active"


def test_a_value_in_a_form_that_is_not_known_is_not_handed_out(
    aws: RunningAws, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = leaked(aws)
    before = dict(aws.gate.services.rows)
    monkeypatch.setattr(local_services, "PREFIX", "ABSX")
    made = PROVIDER.reissue(held, context())
    assert made.outcome.status is Status.MANUAL
    assert not made.values
    assert aws.gate.services.rows == before, "nobody could use it: it is deleted again"


def test_a_new_one_is_taken_in_only_if_it_fits(aws: RunningAws, context: Context) -> None:
    held = leaked(aws)
    nobody = aws.environment_of(aws.user(f"bedrock-reader-{next(_count)}", allow(
        "iam:ListServiceSpecificCredentials")))  # fmt: skip
    made = PROVIDER.reissue(held, context(nobody))
    assert "iam:CreateServiceSpecificCredential" in made.outcome.reason
    step = made.outcome.manual
    assert step is not None
    assert step.takes_value
    new = aws.gate.services.make(held.credential.labels["user"])
    taken = PROVIDER.accept(held, new, context())
    assert taken.outcome.status is Status.DONE, taken.outcome.reason
    assert PROVIDER.confirm(Held(held.credential, dict(taken.values)), context()).alive is True
    for wrong in (
        held.values[PART],
        Secret("ABSK" + "A" * 60),
        Secret(long_term("BedrockAPIKey-zz9z-at-111122223333")),
        Secret(long_term(f"never-made-at-{aws.account}")),
    ):
        assert PROVIDER.accept(held, wrong, context()).outcome.status is Status.REFUSED


def test_a_short_term_one_ends_with_its_signer_s_sessions(
    aws: RunningAws, context: Context
) -> None:
    signer, name = key_id("ASIA", aws.account), role(aws)
    held = hold(short_term(signer))
    aws.gate.history.add(
        service="bedrock",
        operation="InvokeModel",
        region="us-east-1",
        identity={**of_role(aws, name), "accessKeyId": signer},
        address="203.0.113.9",
        agent="curl",
        asked={},
    )
    outcome = PROVIDER.revoke([held], context())[held.id]
    assert outcome.status is Status.DONE, outcome.reason
    assert outcome.data["role"] == name
    assert PROVIDER.reissue(held, context()).outcome.status is Status.UNCHANGED


def test_a_short_term_one_of_a_long_lived_signer_is_a_step(
    aws: RunningAws, context: Context
) -> None:
    signer = key_id("AKIA", aws.account)
    held = hold(short_term(signer))
    outcome = PROVIDER.revoke([held], context())[held.id]
    assert outcome.status is Status.MANUAL
    assert signer in outcome.reason


def called(aws: RunningAws, user: str, service: str, operation: str, **other: Any) -> None:
    """A call as CloudTrail has it that was made with a bearer token."""
    identity = {
        "type": "IAMUser",
        "userName": user,
        "arn": f"arn:aws:iam::{aws.account}:user/{user}",
    }
    aws.gate.history.add(
        service=service,
        operation=operation,
        region=other.get("region", "eu-west-1"),
        identity={**identity, **other.get("identity", {})},
        address="198.51.100.7",
        agent="python-requests",
        asked={},
        more=other.get("more"),
    )


def test_what_dies_with_it_is_written_down(aws: RunningAws, context: Context) -> None:
    held = leaked(aws)
    known = PROVIDER.preserve(held, context()).known
    user = held.credential.labels["user"]
    assert known["user"] == user
    assert len(known["keys"]) == 1, "it has an access key, too"
    assert known["policies"]["inline"] == ["work"]
    assert [one["service"] for one in known["service_credentials"]] == ["bedrock.amazonaws.com"]
    assert "console_password_since" in known


def test_calls_with_it_are_found_in_every_region_and_another_credential_s_are_not(
    aws: RunningAws, context: Context
) -> None:
    held = leaked(aws)
    user = held.credential.labels["user"]
    row = next(r for r in aws.gate.services.rows.values() if r["UserName"] == user)
    called(aws, user, "bedrock", "InvokeModel")
    called(aws, user, "bedrock", "Converse", region="us-east-1",
           identity={"credentialId": row["ServiceSpecificCredentialId"]})  # fmt: skip
    called(aws, user, "bedrock", "InvokeModel", identity={"credentialId": "ACCA" + "Z" * 16})
    called(aws, user, "s3", "ListBuckets", identity={"accessKeyId": key_id("AKIA", aws.account)})
    called(aws, user, "bedrock", "ListFoundationModels",
           identity={"accessKeyId": key_id("AKIA", aws.account)})  # fmt: skip
    called(aws, user, "bedrock", "ConverseStream",
           identity={"accessKeyId": key_id("ASIA", aws.account)},
           more={"additionalEventData": {"callWithBearerToken": True}})  # fmt: skip
    facts = PROVIDER.investigate(held, None, context())
    assert sorted(e["what"] for e in facts.known["events"]) == [
        "bedrock:Converse",
        "bedrock:ConverseStream",
        "bedrock:InvokeModel",
    ]
    assert facts.known["other_calls"] == 3
    assert [e["why"] for e in facts.known["events"] if e["suspicious"]]
    assert set(facts.known["regions"]) == {"eu-west-1", "us-east-1"}
    assert "3 other calls" in facts.unknown["which credential made a call"]
    assert "no evidence kept" in facts.unknown["events more than 90 days back"]


def test_no_right_to_read_is_no_evidence_never_no_abuse(
    aws: RunningAws, context: Context, responder: Callable[..., Mapping[str, str]]
) -> None:
    mine = responder("iam:ListServiceSpecificCredentials", "iam:ListAccessKeys")
    held = leaked(aws)
    facts = PROVIDER.investigate(held, None, context(mine))
    assert "events" not in facts.known
    assert "no evidence" in facts.unknown["events"]
    triaged = PROVIDER.triage(held, "2026-01-02T03:04:05Z", context(mine))
    assert "no evidence" in triaged.unknown["footholds"]


def test_what_the_user_made_since_is_a_foothold(aws: RunningAws, context: Context) -> None:
    held = leaked(aws)
    user = held.credential.labels["user"]
    assert PROVIDER.triage(held, "2026-01-02T03:04:05Z", context()).known["footholds"] == []
    called(aws, user, "iam", "CreateAccessKey", region="us-east-1")
    facts = PROVIDER.triage(held, "2026-01-02T03:04:05Z", context())
    (sign,) = facts.known["footholds"]
    assert sign["what"] == "iam:CreateAccessKey"
    assert [one["what"] for one in facts.known["new_credentials"]] == ["access key"]


class TestBedrock(ProviderContract):
    make = BedrockProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        return [
            [found(long_term("BedrockAPIKey-ab1c-at-210987654321"))],
            [found(short_term(key_id("ASIA", "210987654321")))],
            [found(long_term("BedrockAPIKey-ab1c-at-052310077262"))],
        ]

    def foreign(self) -> Sequence[Found]:
        return [found("ghp_" + "aB3x" * 9), found(key_id("AKIA", "210987654321"))]

    def environment(self, base: str) -> Mapping[str, str]:
        return environment(base)


class TestBedrockFaults(ProviderFaults):
    make = BedrockProvider
    each_once = True

    @pytest.fixture(autouse=True)
    def account(self, aws: RunningAws, line: FaultyLine) -> None:
        self.aws, self.line = aws, line

    @contextlib.contextmanager
    def scene(self) -> Iterator[Scene]:
        self.leaked_key = leaked(self.aws)
        yield Scene(BedrockProvider(), self.aws, self.line, self.leaked_key, self.context)
        self.line.arm(None)

    def dead(self, running: Any, held: Held) -> bool:
        return status(running, held) != "Active"

    def living(self, running: Any) -> int:
        mine = self.leaked_key.credential
        return sum(
            row["UserName"] == mine.labels["user"]
            and row["ServiceCredentialAlias"] != mine.public_id
            for row in running.gate.services.rows.values()
        )


@pytest.mark.skipif(not PAGE.exists(), reason="needs the source tree, not the wheel")
def test_the_policy_on_the_page_is_enough(
    aws: RunningAws, context: Context, responder: Callable[..., Mapping[str, str]]
) -> None:
    text = PAGE.read_text().split("```json")[1].split("```")[0]
    held = leaked(aws)
    vendor = context(responder(*json.loads(text)["Action"]))
    assert not PROVIDER.preserve(held, vendor).unknown
    assert "events" in PROVIDER.investigate(held, None, vendor).known
    assert PROVIDER.revoke([held], vendor)[held.id].status is Status.DONE
    assert PROVIDER.reissue(held, vendor).outcome.status is Status.DONE
    assert PROVIDER.delete(held, vendor).status is Status.DONE
