"""A secret's own Lambda makes the successor: once, its value read, and nothing taken for new that is not."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Mapping

import pytest

from remediate.model import Credential
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.aws.local import RunningAws
from remediate_providers.aws.secrets_manager import SecretsManagerStore
from remediate_providers.aws.session import ATTEMPTS

from .conftest import secret_of

Context = Callable[..., VendorContext]
store = SecretsManagerStore()
_count = itertools.count(1)
OLD = "old-" + "h7Kq" * 6


@pytest.fixture
def place(aws: RunningAws) -> str:
    name = f"prod/partner-{next(_count)}"
    text = json.dumps({"API_TOKEN": OLD, "API_HOST": "partner.internal"})
    aws.client("secretsmanager").create_secret(Name=name, SecretString=text)
    return name


def target(place: str, keys: tuple[tuple[str, str | None], ...] = (("API_TOKEN", None),)) -> Target:
    return Target("aws-secrets-manager", place, keys, f"aws-secrets-manager:{place}#API_TOKEN")


def leaked(text: str = OLD) -> Held:
    credential = Credential("secret:0123456789ab", None, "secret", {"value": "0" * 64})
    return Held(credential, {"value": Secret(text)})


def anew(text: str) -> str:
    """What a partner's Lambda does: a new token, and the rest as it was."""
    return json.dumps({**json.loads(text), "API_TOKEN": f"new-{uuid.uuid4()}"})


def test_the_lambda_is_asked_once_and_what_it_made_is_read(
    aws: RunningAws, place: str, context: Context
) -> None:
    aws.gate.rotations.set(place, anew, seconds=0.1)
    before = store.before_rotation(target(place), context())
    assert str(before["rotated_by"]).startswith("the Lambda rotate-prod-partner")
    made = store.rotate(target(place), leaked(), before, context())
    assert made.outcome.status is Status.DONE, made.outcome
    now = secret_of(aws, place)
    assert made.values["value"].reveal_text() == now["API_TOKEN"] != OLD
    assert made.outcome.data["previous"] == before["version"], "AWSPREVIOUS is kept, and named"
    client = aws.client("secretsmanager")
    old = client.get_secret_value(SecretId=place, VersionStage="AWSPREVIOUS")
    assert json.loads(old["SecretString"])["API_TOKEN"] == OLD
    # As after a crash: the same again, not another one.
    again = store.rotate(target(place), leaked(), before, context())
    assert again.values == made.values
    assert aws.gate.rotations.runs(place) == 1
    put = store.put(target(place), made.values, context())
    assert put.status is Status.UNCHANGED, "it is there already"


def test_one_whose_answer_is_lost_is_asked_for_by_the_same_name(
    aws: RunningAws, place: str, context: Context
) -> None:
    """AWS has begun it and shows nothing of it yet: what is asked for again must be that one, not another."""
    aws.gate.rotations.set(place, anew, unseen=ATTEMPTS)
    before = store.before_rotation(target(place), context())
    aws.gate.faults["secretsmanager:RotateSecret"] = ["drop-after"] * ATTEMPTS
    lost = store.rotate(target(place), leaked(), before, context())
    assert lost.outcome.status is Status.UNREACHABLE
    assert not lost.values
    made = store.rotate(target(place), leaked(), before, context())
    assert made.outcome.status is Status.DONE, made.outcome
    # Whatever else was begun has ended when anything is asked again.
    now = secret_of(aws, place)
    assert aws.gate.rotations.runs(place) == 1, "a second one ends the first one's value"
    assert made.values["value"].reveal_text() == now["API_TOKEN"] != OLD


def test_a_secret_that_nothing_rotates_is_not_asked(place: str, context: Context) -> None:
    assert store.before_rotation(target(place), context()) == {}


def test_one_that_may_not_be_looked_at_is_not_asked(
    place: str, context: Context, responder: Callable[..., Mapping[str, str]]
) -> None:
    mine = responder("secretsmanager:GetSecretValue")
    assert store.before_rotation(target(place), context(mine)) == {}


def test_a_lambda_that_fails_is_waited_for_and_then_told(
    aws: RunningAws, place: str, context: Context
) -> None:
    works: list[str] = []
    aws.gate.rotations.set(place, lambda text: anew(text) if works else None)
    before = store.before_rotation(target(place), context())
    made = store.rotate(target(place), leaked(), before, context(seconds=3))
    assert made.outcome.status is Status.UNKNOWN
    assert not made.values
    assert "update-secret-version-stage" in made.outcome.reason
    assert secret_of(aws, place)["API_TOKEN"] == OLD
    works.append("mended")
    aws.gate.rotations.begin(place, str(made.outcome.data["pending"]))
    again = store.rotate(target(place), leaked(), before, context())
    assert again.outcome.status is Status.DONE, again.outcome
    assert again.values["value"].reveal_text() == secret_of(aws, place)["API_TOKEN"]


def test_one_by_its_schedule_counts(aws: RunningAws, place: str, context: Context) -> None:
    aws.gate.rotations.set(place, anew, seconds=0.1)
    before = store.before_rotation(target(place), context())
    aws.gate.rotations.begin(place, str(uuid.uuid4()))
    made = store.rotate(target(place), leaked(), before, context())
    assert made.outcome.status is Status.DONE
    assert aws.gate.rotations.runs(place) == 1, "a second one would end the first one's value"


@pytest.mark.parametrize(
    ("makes", "keys", "why"),
    [
        (lambda text: text, (("API_TOKEN", None),), "leaked value still"),
        (lambda _text: "no JSON", (("API_TOKEN", None),), "not a JSON object"),
        (lambda _text: "{}", (("API_TOKEN", None),), "no text at API_TOKEN"),
        (anew, (("API_TOKEN", "other"),), "no key of it is named for the part"),
    ],
)
def test_what_is_no_successor_is_not_taken_for_one(
    aws: RunningAws,
    place: str,
    context: Context,
    makes: Callable[[str], str],
    keys: tuple[tuple[str, str | None], ...],
    why: str,
) -> None:
    aws.gate.rotations.set(place, makes)
    before = store.before_rotation(target(place), context())
    made = store.rotate(target(place, keys), leaked(), before, context())
    assert made.outcome.status is Status.REFUSED
    assert why in made.outcome.reason
    assert not made.values


def test_a_missing_right_is_named(
    aws: RunningAws,
    place: str,
    context: Context,
    responder: Callable[..., Mapping[str, str]],
) -> None:
    aws.gate.rotations.set(place, anew)
    mine = responder("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue")
    before = store.before_rotation(target(place), context(mine))
    made = store.rotate(target(place), leaked(), before, context(mine))
    assert made.outcome.status is Status.REFUSED
    assert "secretsmanager:RotateSecret" in made.outcome.reason
    assert aws.gate.rotations.runs(place) == 0
