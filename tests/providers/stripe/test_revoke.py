"""Ending keys: expired by call and seen dead, or a person's to roll and then seen dead."""

from __future__ import annotations

import pytest

from remediate.plugins.outcome import Status
from remediate.secret import Secret
from remediate_providers.loopback import Fault
from remediate_providers.stripe.provider import StripeProvider

PROVIDER = StripeProvider()
EXPIRE = "/v2/iam/api_keys/*/expire"


def planted(stripe):
    return stripe.plant().values["value"]


def test_a_managed_key_is_expired_and_seen_refused(stripe, around, hold) -> None:
    value = planted(stripe)
    told: list[str] = []
    held = hold(value)
    outcome = PROVIDER.revoke([held], around(stripe.environment(), told=told))[held.id]
    assert outcome.status is Status.DONE
    assert [seen.saw for seen in outcome.evidence] == ["200", "401 api_key_expired"]
    assert stripe.is_dead({"value": value})
    assert outcome.data["scopes"] == ["charge_write", "customer_read", "payment_intent_write"]
    assert told, "the person who waits is told that Stripe lags"
    assert value.reveal_text() not in repr((outcome, told))


def test_what_is_dead_is_left_alone(stripe, around, hold) -> None:
    held = hold(planted(stripe))
    PROVIDER.revoke([held], around(stripe.environment()))
    before = len(stripe.requests)
    outcome = PROVIDER.revoke([held], around(stripe.environment()))[held.id]
    assert outcome.status is Status.UNCHANGED
    assert stripe.requests[before:] == ["GET /v1/account"]


def test_a_key_that_still_works_while_it_dies_is_not_expired_twice(start, around, hold) -> None:
    stripe = start(lag=0.12)
    value = planted(stripe)
    stripe.state.end(stripe.state.holder(value.reveal_text()))
    held = hold(value)
    outcome = PROVIDER.revoke([held], around(stripe.environment()))[held.id]
    assert outcome.status is Status.DONE
    assert not [line for line in stripe.requests if line.startswith("POST")]


def test_patience_that_ends_before_the_key_does_is_said(start, around, hold) -> None:
    stripe = start(lag=60)
    held = hold(planted(stripe))
    outcome = PROVIDER.revoke([held], around(stripe.environment(), seconds=0.6))[held.id]
    assert outcome.status is Status.UNKNOWN
    assert outcome.reason == "it still accepts the key"


def test_two_keys_that_end_alike_are_a_persons_to_tell_apart(stripe, around, hold) -> None:
    value = planted(stripe)
    twin = stripe.state.issue(name="twin")
    twin.token = Secret(twin.token.reveal_text()[:-4] + value.reveal_text()[-4:])
    held = hold(value)
    outcome = PROVIDER.revoke([held], around(stripe.environment()))[held.id]
    assert outcome.status is Status.MANUAL
    assert "exactly one" in outcome.reason
    assert not stripe.is_dead({"value": value})
    assert not [line for line in stripe.requests if line.startswith("POST")]


def test_in_test_mode_the_plain_token_decides(start, around, hold) -> None:
    stripe = start(live=False)
    value = planted(stripe)
    twin = stripe.state.issue(name="twin")
    twin.token = Secret(twin.token.reveal_text()[:-4] + value.reveal_text()[-4:])
    held = hold(value)
    outcome = PROVIDER.revoke([held], around(stripe.environment()))[held.id]
    assert outcome.status is Status.DONE
    assert twin.works


def test_without_managed_keys_a_person_rolls_it_and_the_next_run_sees_it_dead(
    start, around, hold
) -> None:
    stripe = start(managed=False)
    value = planted(stripe)
    held = hold(value)
    vendor = around(stripe.environment())
    first = PROVIDER.revoke([held], vendor)[held.id]
    assert first.status is Status.MANUAL
    assert first.manual is not None
    assert first.manual.url == f"{stripe.url}/apikeys"
    assert any("Roll key" in line and "now" in line for line in first.manual.instructions)
    assert not first.manual.takes_value
    assert stripe.person(first.manual) is None
    vendor.sleep(0.1), vendor.sleep(0.1), vendor.sleep(0.1), vendor.sleep(0.1)
    second = PROVIDER.revoke([held], vendor)[held.id]
    assert second.status is Status.UNCHANGED
    assert second.evidence[0].saw == "401 api_key_expired"


@pytest.mark.parametrize(
    ("missing", "says"),
    [("STRIPE_API_KEY", "no STRIPE_API_KEY"), ("STRIPE_CONTEXT", "no STRIPE_C")],
)
def test_without_a_platforms_key_it_is_manual(stripe, around, hold, missing, says) -> None:
    environment = {k: v for k, v in stripe.environment().items() if k != missing}
    held = hold(planted(stripe))
    outcome = PROVIDER.revoke([held], around(environment))[held.id]
    assert outcome.status is Status.MANUAL
    assert says in outcome.reason
    assert "GET /v2/iam/api_keys" not in stripe.requests


def test_a_responders_key_of_the_other_mode_is_said(start, around, hold) -> None:
    stripe = start(live=False)
    value = planted(stripe)
    live = start()
    environment = {
        **stripe.environment(),
        "STRIPE_API_KEY": live.environment()["STRIPE_API_KEY"],
    }
    held = hold(value)
    outcome = PROVIDER.revoke([held], around(environment))[held.id]
    assert outcome.status is Status.MANUAL
    assert "live key and the leaked one a test key" in outcome.reason
    assert outcome.manual is not None
    assert outcome.manual.url == f"{stripe.url}/test/apikeys"


def test_where_the_leaked_key_may_not_be_used_the_list_is_the_witness(stripe, around, hold) -> None:
    value = planted(stripe)
    held = hold(value)
    vendor = around(stripe.environment(), use_leaked=False)
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    assert outcome.status is Status.DONE
    assert outcome.evidence[-1].probe.startswith("GET /v2/iam/api_keys/mk_")
    assert "lists it as ended" in outcome.summary, "nobody saw it refused"
    assert "GET /v1/account" not in stripe.requests
    # Again, as after a crash: the list of what has ended knows it.
    assert PROVIDER.revoke([held], vendor)[held.id].status is Status.DONE


def test_a_webhook_secret_and_a_publishable_key_are_told_apart(stripe, around, hold) -> None:
    webhook = hold(Secret("whsec_" + "aB3" * 12))
    public = hold(Secret("pk_live_" + "aB3" * 12))
    outcomes = PROVIDER.revoke([webhook, public], around(stripe.environment()))
    assert outcomes[webhook.id].status is Status.MANUAL
    assert outcomes[webhook.id].manual.url == f"{stripe.url}/webhooks"
    assert outcomes[public.id].status is Status.SKIPPED
    assert stripe.requests == []


def test_a_batch_is_listed_once_and_each_has_its_outcome(stripe, around, hold) -> None:
    helds = [hold(stripe.state.issue(name=f"k{n}", permissions=("a",)).token) for n in range(5)]
    foreign = hold(Secret("rk_live_" + "zZ9" * 30))
    outcomes = PROVIDER.revoke([*helds, foreign], around(stripe.environment()))
    assert [outcomes[held.id].status for held in helds] == [Status.DONE] * 5
    assert outcomes[foreign.id].status is Status.UNCHANGED, "a key nobody knows is refused"
    assert stripe.requests.count("GET /v2/iam/api_keys") == 1


# -- faults ----------------------------------------------------------------------------------------

SLOW = Fault(429)
ASKED = Fault(429, headers={"Retry-After": "1"})
DOWN = Fault(500)
GONE = Fault(None)
LOST = Fault(None, after=True)
JUNK = Fault(200, b"<html>")


@pytest.mark.parametrize(
    "faults",
    [[SLOW], [ASKED], [DOWN] * 3, [GONE], [LOST], [Fault(500, after=True)]],
    ids=["429", "429-retry-after", "500x3", "broken", "lost", "500-after"],
)
@pytest.mark.parametrize("where", ["list", "expire"])
def test_a_fault_that_passes_ends_well(stripe, around, hold, where, faults) -> None:
    value = planted(stripe)
    method, path = ("GET", "/v2/iam/api_keys") if where == "list" else ("POST", EXPIRE)
    stripe.fail(method, path, *faults)
    held = hold(value)
    outcome = PROVIDER.revoke([held], around(stripe.environment()))[held.id]
    assert outcome.status is Status.DONE
    assert stripe.is_dead({"value": value})


@pytest.mark.parametrize("fault", [SLOW, DOWN, GONE, LOST, JUNK], ids=str)
def test_a_probe_that_fails_proves_nothing_and_delays_nothing(stripe, around, hold, fault) -> None:
    value = planted(stripe)
    stripe.fail("GET", "/v1/account", fault)
    held = hold(value)
    outcome = PROVIDER.revoke([held], around(stripe.environment()))[held.id]
    assert outcome.status is Status.DONE


@pytest.mark.parametrize("fault", [DOWN, GONE, JUNK], ids=str)
def test_a_list_that_stays_away_is_said_with_the_way_by_hand(stripe, around, hold, fault) -> None:
    value = planted(stripe)
    stripe.fail("GET", "/v2/iam/api_keys", *[fault] * 12)
    held = hold(value)
    outcome = PROVIDER.revoke([held], around(stripe.environment()))[held.id]
    assert outcome.status is Status.UNREACHABLE
    assert outcome.manual is not None
    assert not stripe.is_dead({"value": value})


def test_an_expire_whose_answers_are_all_lost_is_seen_by_its_effect(stripe, around, hold) -> None:
    value = planted(stripe)
    stripe.state.lag = 0
    stripe.fail("POST", EXPIRE, *[LOST] * 12)
    held = hold(value)
    outcome = PROVIDER.revoke([held], around(stripe.environment()))[held.id]
    assert outcome.status is Status.DONE
    assert outcome.evidence[-1].saw == "401 api_key_expired"


def test_nobody_at_home_is_no_death(around, hold) -> None:
    held = hold(Secret("rk_live_" + "aB3" * 20))
    environment = {
        "STRIPE_API_BASE": "http://127.0.0.1:9",
        "STRIPE_API_KEY": "sk_live_" + "cD4" * 20,
        "STRIPE_CONTEXT": "acct_1",
    }
    vendor = around(environment, seconds=3)
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    assert outcome.status is Status.UNREACHABLE
    assert "refused the connection" in outcome.reason
    assert PROVIDER.check(held, vendor).alive is None


@pytest.mark.parametrize("status", [400, 403, 404])
def test_an_account_without_managed_keys_is_manual(stripe, around, hold, status) -> None:
    stripe.fail("GET", "/v2/iam/api_keys", Fault(status, b'{"error": {"message": "not here"}}'))
    held = hold(planted(stripe))
    outcome = PROVIDER.revoke([held], around(stripe.environment()))[held.id]
    assert outcome.status is Status.MANUAL
    assert "not here" in outcome.reason
