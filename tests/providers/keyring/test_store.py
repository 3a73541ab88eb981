"""The keyring store: read back after writing, all or nothing, unsafe back ends refused."""

from __future__ import annotations

import keyring.core
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyring.backends import null

from remediate.errors import UsageError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.surroundings import surroundings
from remediate_providers.keyring.store import KeyringStore


@pytest.fixture
def vendor() -> VendorContext:
    return surroundings({})


def target(*keys: tuple[str, str | None], place: str = "billing") -> Target:
    spec = f"keyring:{place}#" + ",".join(k if p is None else f"{k}={p}" for k, p in keys)
    return Target("keyring", place, keys, spec)


PAIR = target(("id", "id"), ("key", "secret"))
NEW = {"id": Secret("new-id"), "secret": Secret("new-secret")}


def test_a_value_is_written_and_read_back(store, ring, vendor) -> None:
    outcome = store.put(target(("deploy", None)), {"value": Secret("s3cr€t")}, vendor)
    assert outcome.status is Status.DONE
    assert ring.get_password("billing", "deploy") == "s3cr€t"
    assert outcome.evidence[0].saw == "read back, equal"
    assert "s3cr" not in repr(outcome)
    assert store.holds(target(("deploy", None)), {"value": Secret("s3cr€t")}, vendor) is True
    assert store.holds(target(("deploy", None)), {"value": Secret("other")}, vendor) is False


def test_writing_the_same_again_changes_nothing(store, ring, vendor) -> None:
    store.put(PAIR, NEW, vendor)
    writes = ring.writes
    assert store.put(PAIR, NEW, vendor).status is Status.UNCHANGED
    assert ring.writes == writes


def test_a_keyring_that_loses_values_is_found_out(store, ring, vendor) -> None:
    ring.loses = True
    outcome = store.put(PAIR, NEW, vendor)
    assert outcome.status is Status.REFUSED
    assert "gave back another" in outcome.reason


def test_half_a_pair_is_put_back(store, ring, vendor) -> None:
    ring.set_password("billing", "id", "old-id")
    ring.refuses = {"key"}
    outcome = store.put(PAIR, NEW, vendor)
    assert outcome.status is Status.REFUSED
    assert ring.get_password("billing", "id") == "old-id"
    assert "new-secret" not in outcome.reason, "a back end's own words are not repeated"
    assert "RuntimeError" in outcome.reason


def test_what_was_not_there_before_is_taken_out_again(store, ring, vendor) -> None:
    ring.refuses = {"key"}
    store.put(PAIR, NEW, vendor)
    assert ring.get_password("billing", "id") is None


def test_a_part_that_is_missing_is_named(store, vendor) -> None:
    outcome = store.put(PAIR, {"value": Secret("x")}, vendor)
    assert outcome.status is Status.REFUSED
    assert "'id'" in outcome.reason


def test_a_value_that_is_no_text_is_refused(store, vendor) -> None:
    outcome = store.put(target(("deploy", None)), {"value": Secret(b"\xff\xfe")}, vendor)
    assert outcome.status is Status.REFUSED
    assert "UTF-8" in outcome.reason


@pytest.mark.parametrize("bad", [target(), target(("", None)), target(("u", None), place="")])
def test_a_target_without_service_or_user_is_refused(store, bad) -> None:
    with pytest.raises(UsageError) as caught:
        store.validate(bad)
    assert "keyring:SERVICE#USER" in caught.value.hint


def test_an_unsafe_keyring_is_refused_before_and_during(monkeypatch, vendor) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", null.Keyring())
    store = KeyringStore()
    with pytest.raises(UsageError, match="keeps none"):
        store.validate(target(("deploy", None)))
    outcome = store.put(target(("deploy", None)), {"value": Secret("v")}, vendor)
    assert outcome.status is Status.REFUSED
    assert store.holds(target(("deploy", None)), {"value": Secret("v")}, vendor) is None


def test_no_variable_lets_the_test_back_end_in(ring, vendor) -> None:
    assert KeyringStore().put(PAIR, NEW, vendor).status is Status.REFUSED
    assert ring.writes == 0


@given(value=st.text(min_size=1, max_size=60).filter(lambda t: t.isprintable()))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_comes_back_as_it_was(store, ring, vendor, value) -> None:
    where = target(("deploy", None))
    assert store.put(where, {"value": Secret(value)}, vendor).status.settled
    assert store.holds(where, {"value": Secret(value)}, vendor) is True
