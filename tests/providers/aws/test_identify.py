from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.model import Location
from remediate.plugins.provider import Found
from remediate.testing.surroundings import found
from remediate_providers.aws.identify import NEAR, identify
from remediate_providers.aws.local_keys import key_id

ACCOUNT = "210987654321"
COMMIT = "c0ffee" * 6 + "c0ff"


def an_id() -> str:
    return key_id("AKIA", ACCOUNT)


def a_secret(seed: int = 0) -> str:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/+"
    return "aB" + "".join(random.Random(seed).choices(letters, k=38))


def at(line: int | None, path: str | None = "config/settings.py", commit: str = COMMIT) -> Location:
    return Location(commit=commit, path=path, start_line=line)


def pairs(values: Sequence[Found]) -> dict[str, str | None]:
    """Key id to the text of its secret."""
    texts = {value.fingerprint: value.value.reveal_text() for value in values}
    return {
        one.credential.public_id or "": texts.get(one.credential.parts.get("secret", ""))
        for one in identify(values)
    }


def test_a_pair_in_one_file_is_one_credential() -> None:
    one, secret = an_id(), a_secret()
    made = identify([found(one, at(3)), found(secret, at(4))])
    assert len(made) == 1
    credential = made[0].credential
    assert credential.id == f"aws:{one}"
    assert credential.kind == "aws-access-key-id"
    assert (credential.public_id, credential.account) == (one, ACCOUNT)
    assert set(credential.parts) == {"id", "secret"}
    assert set(made[0].kinds.values()) == {"aws-access-key-id", "aws-secret-access-key"}


def test_the_nearest_line_wins_and_each_is_used_once() -> None:
    ids, secrets = [an_id(), an_id()], [a_secret(1), a_secret(2)]
    values = [
        found(ids[0], at(10)),
        found(secrets[0], at(11)),
        found(ids[1], at(12)),
        found(secrets[1], at(13)),
    ]
    for order in (values, values[::-1]):
        assert pairs(order) == {ids[0]: secrets[0], ids[1]: secrets[1]}


def test_a_group_of_the_report_comes_before_nearness() -> None:
    one, near, grouped = an_id(), a_secret(1), a_secret(2)
    values = [
        found(one, at(1), groups=frozenset([7])),
        found(near, at(2)),
        found(grouped, at(9, "other.py"), groups=frozenset([7])),
    ]
    assert pairs(values) == {one: grouped}


def test_another_file_another_commit_or_too_far_is_no_pair() -> None:
    for place in (at(2, "other.py"), at(2, commit="b" * 40), at(3 + NEAR)):
        one = an_id()
        assert pairs([found(one, at(2)), found(a_secret(), place)]) == {one: None}


def test_a_commit_message_and_an_issue_are_places_too() -> None:
    one, secret = an_id(), a_secret()
    assert pairs([found(one, at(None, None)), found(secret, at(None, None))]) == {one: secret}
    issue = Location(url="https://github.com/acme/app/issues/1")
    assert pairs([found(one, issue), found(secret, issue)]) == {one: secret}


def test_where_no_place_is_told_only_one_of_each_is_a_pair() -> None:
    one, secret = an_id(), a_secret()
    assert pairs([found(secret), found(one)]) == {one: secret}
    assert pairs([found(secret, Location()), found(one, Location())]) == {one: secret}
    other = an_id()
    assert pairs([found(one), found(other), found(secret)]) == {one: None, other: None}
    assert pairs([found(one), found(secret), found(a_secret(9))]) == {one: None}


def test_a_secret_without_an_id_is_not_ours() -> None:
    assert identify([found(a_secret(), at(1))]) == []
    assert identify([found("da39a3ee5e6b4b0d3255bfef95601890afd80709", at(1))]) == []


def test_a_hash_beside_an_id_is_not_its_secret() -> None:
    one = an_id()
    values = [found(one, at(1)), found("da39a3ee5e6b4b0d3255bfef95601890afd80709", at(1))]
    assert pairs(values) == {one: None}


def test_other_kinds_of_ids_and_canaries_are_named() -> None:
    kinds = {
        prefix: identify([found(key_id(prefix, ACCOUNT))])[0].credential.kind
        for prefix in ("ASIA", "ABIA", "ACCA")
    }
    assert kinds == {
        "ASIA": "aws-temporary-access-key-id",
        "ABIA": "aws-bearer-token-id",
        "ACCA": "aws-context-credential-id",
    }
    canary = identify([found(key_id("AKIA", "052310077262"))])[0].credential
    assert canary.labels["canary"]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_order_of_a_report_decides_nothing(count: int, chance: random.Random) -> None:
    values = []
    for number in range(count):
        line = chance.randint(1, 60)
        values.append(found(an_id(), at(line)))
        values.append(found(a_secret(number), at(line + chance.randint(0, 5))))
    first = pairs(values)
    chance.shuffle(values)
    assert pairs(values) == first
    taken = [secret for secret in first.values() if secret is not None]
    assert len(taken) == len(set(taken))
