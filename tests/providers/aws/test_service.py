"""CodeCommit's and Keyspaces' passwords: known by their user name, ended, replaced; every call gone wrong."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Found, Held
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults, Scene, hold
from remediate.testing.providers import ProviderContract
from remediate.testing.proxy import FaultyLine
from remediate.testing.surroundings import Answers, found
from remediate_providers.aws.local import RunningAws
from remediate_providers.aws.service import AwsServiceProvider
from remediate_providers.aws.service_keys import CLONE_URL, CODECOMMIT, PASSWORD, URL, USER
from tests.providers.aws.conftest import allow
from tests.providers.aws.test_contract import environment

PROVIDER = AwsServiceProvider()
KEYSPACES = "cassandra.amazonaws.com"
PAGE = Path(__file__).parents[3] / "docs/providers/aws-service.md"
Context = Callable[..., VendorContext]
_count = itertools.count(1)


def password(seed: int = 1) -> str:
    return base64.b64encode(bytes((seed + n) % 256 for n in range(32))).decode()


def clone_url(name: str, secret: str) -> str:
    user, word = quote(name, safe=""), quote(secret, safe="")
    return f"https://{user}:{word}@git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop"


def pair(aws: RunningAws, user: str = "", service: str = CODECOMMIT) -> Held:
    name = user or f"developer-{next(_count)}"
    if not user:
        aws.user(name, allow("codecommit:*"))
    made = aws.gate.services.make(name, service)
    row = list(aws.gate.services.rows.values())[-1]
    return hold(PROVIDER, {USER: Secret(row["ServiceUserName"]), PASSWORD: made})


def status(aws: RunningAws, held: Held) -> str:
    return aws.gate.services.status(held.credential.public_id or "")


def test_a_name_tells_user_and_account() -> None:
    held = hold(PROVIDER, {USER: Secret("jane+1-at-123456789012"), PASSWORD: Secret(password())})
    assert held.credential.public_id == "jane+1-at-123456789012"
    assert held.credential.account == "123456789012"
    assert held.credential.labels["user"] == "jane"


def test_a_clone_url_is_one_value(aws: RunningAws, context: Context) -> None:
    old = pair(aws)
    text = clone_url(old.values[USER].reveal_text(), old.values[PASSWORD].reveal_text())
    held = hold(PROVIDER, {URL: Secret(text)})
    assert held.credential.kind == CLONE_URL.name
    assert PROVIDER.revoke([held], context())[held.id].status is Status.DONE
    assert status(aws, old) == "Inactive"
    made = PROVIDER.reissue(held, context())
    assert made.outcome.status is Status.DONE, made.outcome
    new = made.values[URL].reveal_text()
    assert new.endswith("@git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop")
    assert made.public_id == (held.credential.public_id or "").replace("-at-", "+1-at-")
    assert PROVIDER.confirm(Held(held.credential, dict(made.values)), context()).alive is True


@pytest.mark.parametrize(
    "texts",
    [
        ["jane-at-123456789012"],
        [password()],
        ["jane-at-123456789012", "not a password of theirs"],
        ["jane-at-12345", password()],
        ["https://jane-at-123456789012:secret@git-codecommit.eu-west-1.amazonaws.com/v1/repos/x"],
        [clone_url("jane-at-123456789012", password()).replace("amazonaws.com", "example.com")],
    ],
)
def test_half_of_it_is_nobodys(texts: list[str]) -> None:
    assert PROVIDER.identify([found(text, groups=frozenset([1])) for text in texts]) == []


def test_ended_replaced_and_deleted_and_nobody_else_s(aws: RunningAws, context: Context) -> None:
    held = pair(aws)
    other = pair(aws)
    known = PROVIDER.describe(held, context()).known
    assert known["service"] == CODECOMMIT
    outcome = PROVIDER.revoke([held], context(known=known))[held.id]
    assert outcome.status is Status.DONE, outcome.reason
    assert status(aws, held) == "Inactive"
    made = PROVIDER.reissue(held, context(known=known))
    assert made.outcome.status is Status.DONE, made.outcome
    assert set(made.values) == {USER, PASSWORD}
    assert made.values[PASSWORD] != held.values[PASSWORD]
    assert PROVIDER.delete(held, context(known=known)).status is Status.DONE
    assert status(aws, held) == "deleted"
    assert PROVIDER.confirm(Held(held.credential, dict(made.values)), context()).alive is True
    assert status(aws, other) == "Active"


def test_two_services_with_one_name_are_a_persons_to_tell(
    aws: RunningAws, context: Context
) -> None:
    """CodeCommit and Keyspaces both call a user's first one NAME-at-ACCOUNT."""
    held = pair(aws)
    pair(aws, held.credential.labels["user"], KEYSPACES)
    outcome = PROVIDER.revoke([held], context())[held.id]
    assert outcome.status is Status.MANUAL
    assert KEYSPACES in outcome.reason
    assert CODECOMMIT in outcome.reason
    assert status(aws, held) == "Active"
    url = hold(PROVIDER, {URL: Secret(clone_url(
        held.values[USER].reveal_text(), held.values[PASSWORD].reveal_text()))})  # fmt: skip
    assert PROVIDER.revoke([url], context())[url.id].status is Status.DONE, "a URL tells"


def test_replaced_first_and_then_ended_is_the_old_one(aws: RunningAws, context: Context) -> None:
    held = pair(aws)
    made = PROVIDER.reissue(held, context())
    assert PROVIDER.revoke([held], context())[held.id].status is Status.DONE
    assert PROVIDER.confirm(Held(held.credential, dict(made.values)), context()).alive is True


def test_without_room_nothing_is_deleted_unasked(aws: RunningAws, context: Context) -> None:
    held = pair(aws)
    pair(aws, held.credential.labels["user"])
    PROVIDER.revoke([held], context())
    made = PROVIDER.reissue(held, context())
    assert made.outcome.status is Status.MANUAL
    assert status(aws, held) == "Inactive"
    made = PROVIDER.reissue(held, context(asks=Answers(yes=True)))
    assert made.outcome.status is Status.DONE, made.outcome


def test_one_made_by_hand_is_taken_in_only_if_it_fits(aws: RunningAws, context: Context) -> None:
    held = pair(aws)
    new = pair(aws, held.credential.labels["user"])
    line = f"{new.values[USER].reveal_text()} {new.values[PASSWORD].reveal_text()}"
    taken = PROVIDER.accept(held, Secret(line), context())
    assert taken.outcome.status is Status.DONE, taken.outcome
    assert taken.values == new.values
    for wrong in (
        line.split()[1],
        f"{held.values[USER].reveal_text()} {held.values[PASSWORD].reveal_text()}",
        f"jane-at-111122223333 {password()}",
        f"never-made-at-{aws.account} {password()}",
    ):
        refused = PROVIDER.accept(held, Secret(wrong), context())
        assert refused.outcome.status is Status.REFUSED
        assert not refused.values


def test_a_right_that_is_missing_is_named_and_a_person_can_do_it(
    aws: RunningAws, context: Context, responder: Callable[..., Mapping[str, str]]
) -> None:
    held = pair(aws)
    mine = context(responder("iam:ListServiceSpecificCredentials"))
    outcome = PROVIDER.revoke([held], mine)[held.id]
    assert outcome.status is Status.REFUSED
    assert "iam:UpdateServiceSpecificCredential" in outcome.reason
    assert outcome.manual is not None
    made = PROVIDER.reissue(held, mine)
    assert "iam:CreateServiceSpecificCredential" in made.outcome.reason
    assert made.outcome.manual is not None
    assert made.outcome.manual.takes_value


def test_pushes_with_it_are_told_as_far_as_the_trail_tells(
    aws: RunningAws, context: Context
) -> None:
    held = pair(aws)
    user = held.credential.labels["user"]
    identity = {"type": "IAMUser", "userName": user, "arn": f"arn:aws:iam::{aws.account}:user/x"}
    aws.gate.history.add(
        service="codecommit",
        operation="GitPush",
        region="eu-west-1",
        identity=identity,
        address="198.51.100.7",
        agent="git/2.40",
        asked={},
    )
    facts = PROVIDER.investigate(held, None, context())
    assert [event["what"] for event in facts.known["events"]] == ["codecommit:GitPush"]
    assert "reflog" in facts.unknown["what was read"]


class TestService(ProviderContract):
    make = AwsServiceProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        group = frozenset([1])
        return [
            [
                found("jane-at-210987654321", groups=group),
                found(password(1), groups=group),
            ],
            [found(clone_url("jim-at-210987654321", password(2)))],
            [
                found("jo-at-052310077262", groups=frozenset([2])),
                found(password(3), groups=frozenset([2])),
            ],
        ]

    def foreign(self) -> Sequence[Found]:
        return [found("ghp_" + "aB3x" * 9), found("jane-at-210987654321"), found(password())]

    def environment(self, base: str) -> Mapping[str, str]:
        return environment(base)


class TestServiceFaults(ProviderFaults):
    make = AwsServiceProvider
    each_once = True

    @pytest.fixture(autouse=True)
    def account(self, aws: RunningAws, line: FaultyLine) -> None:
        self.aws, self.line = aws, line

    @contextlib.contextmanager
    def scene(self) -> Iterator[Scene]:
        self.leaked_one = pair(self.aws)
        yield Scene(AwsServiceProvider(), self.aws, self.line, self.leaked_one, self.context)
        self.line.arm(None)

    def dead(self, running: Any, held: Held) -> bool:
        return status(running, held) != "Active"

    def living(self, running: Any) -> int:
        mine = self.leaked_one.credential
        return sum(
            row["UserName"] == mine.labels["user"] and row["ServiceUserName"] != mine.public_id
            for row in list(running.gate.services.rows.values())
            if "ServiceUserName" in row
        )


@pytest.mark.skipif(not PAGE.exists(), reason="needs the source tree, not the wheel")
def test_the_policy_on_the_page_is_enough(
    aws: RunningAws, context: Context, responder: Callable[..., Mapping[str, str]]
) -> None:
    text = PAGE.read_text().split("```json")[1].split("```")[0]
    held = pair(aws)
    vendor = context(responder(*json.loads(text)["Action"]))
    assert not PROVIDER.preserve(held, vendor).unknown
    assert PROVIDER.revoke([held], vendor)[held.id].status is Status.DONE
    assert PROVIDER.reissue(held, vendor).outcome.status is Status.DONE
    assert "events" in PROVIDER.investigate(held, None, vendor).known
    assert PROVIDER.delete(held, vendor).status is Status.DONE
