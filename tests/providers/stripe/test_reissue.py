"""A new key with the rights of the old one: one in the end, whatever is lost on the way."""

from __future__ import annotations

import json

import pytest

from remediate.plugins.outcome import Status
from remediate.secret import Secret
from remediate_providers.loopback import Fault
from remediate_providers.stripe.local import PERMISSIONS
from remediate_providers.stripe.provider import StripeProvider

PROVIDER = StripeProvider()
KEYS = "/v2/iam/api_keys"
LOST = Fault(None, after=True)


def planted(stripe):
    return stripe.plant().values["value"]


def living(stripe):
    """Ids of the keys that are neither expired nor the planted one."""
    return [k.id for k in stripe.state.keys.values() if not k.ended and k.name != "shop backend"]


@pytest.mark.parametrize("live", [True, False], ids=["live", "test"])
def test_the_new_key_has_the_old_ones_rights_and_works(start, around, hold, live) -> None:
    stripe = start(live=live)
    held = hold(planted(stripe))
    vendor = around(stripe.environment())
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.DONE
    (key_id,) = living(stripe)
    key = stripe.state.keys[key_id]
    assert made.public_id == key_id
    assert made.values == {"value": key.token}
    assert key.permissions == PERMISSIONS
    assert key.token.reveal_text().startswith("rk_")
    assert key.token.reveal_text() not in repr(made)
    new = hold(made.values["value"])
    assert PROVIDER.confirm(new, vendor).alive is True


def test_connect_permissions_are_copied_too(stripe, around, hold) -> None:
    key = stripe.state.issue(permissions=("a",), connect_permissions=("b",))
    made = PROVIDER.reissue(hold(key.token), around(stripe.environment()))
    new = stripe.state.keys[made.public_id]
    assert (new.permissions, new.connect_permissions) == (("a",), ("b",))


@pytest.mark.parametrize("preserved", [True, False], ids=["preserved", "from-the-expired-list"])
def test_rights_outlive_the_old_key(stripe, around, hold, preserved) -> None:
    held = hold(planted(stripe))
    vendor = around(stripe.environment())
    known = PROVIDER.preserve(held, vendor).known
    assert PROVIDER.revoke([held], vendor)[held.id].status is Status.DONE
    after = around(stripe.environment(), known=known if preserved else {})
    made = PROVIDER.reissue(held, after)
    assert made.outcome.status is Status.DONE
    assert stripe.state.keys[made.public_id].permissions == PERMISSIONS


def test_an_end_that_was_set_is_kept_and_an_address_list_is_named(stripe, around, hold) -> None:
    end = "2999-01-01T00:00:00.000Z"
    key = stripe.state.issue(permissions=("a",), expires_at=end, ip_allowlist=("198.51.100.7",))
    made = PROVIDER.reissue(hold(key.token), around(stripe.environment()))
    assert stripe.state.keys[made.public_id].expires_at == end
    assert made.outcome.data["not_copied"] == {"ip_allowlist": ["198.51.100.7"]}
    assert "allowed addresses" in made.outcome.summary


def test_the_end_of_a_key_that_has_ended_is_not_copied(stripe, around, hold) -> None:
    key = stripe.state.issue(permissions=("a",), expires_at="2999-01-01T00:00:00.000Z")
    held, vendor = hold(key.token), around(stripe.environment())
    PROVIDER.revoke([held], vendor)
    made = PROVIDER.reissue(held, vendor)
    assert stripe.state.keys[made.public_id].expires_at is None


def test_rights_that_stripe_does_not_tell_are_not_guessed(stripe, around, hold) -> None:
    key = stripe.state.issue(permissions=())
    made = PROVIDER.reissue(hold(key.token), around(stripe.environment()))
    assert made.outcome.status is Status.MANUAL
    assert "does not tell" in made.outcome.reason
    assert f"POST {KEYS}" not in stripe.requests


def test_the_private_half_of_the_envelope_stays_here(stripe, around, hold) -> None:
    PROVIDER.reissue(hold(planted(stripe)), around(stripe.environment()))
    (request,) = [r for r in stripe._server.requests if (r.method, r.path) == ("POST", KEYS)]
    body = json.loads(request.body)
    assert body["public_key"]["pem_key"]["algorithm"] == "RSA"
    assert b"PRIVATE" not in request.body
    assert request.headers["idempotency-key"]
    assert request.headers["stripe-version"].endswith(".preview")
    assert request.headers["stripe-context"] == stripe.state.account
    assert body["name"].startswith("remediate-")


def test_without_managed_keys_a_person_brings_the_new_one(start, around, hold) -> None:
    stripe = start(managed=False)
    value = planted(stripe)
    held = hold(value)
    vendor = around(stripe.environment())
    assert PROVIDER.before_reissue(held, vendor)["managed"] is False
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.MANUAL
    step = made.outcome.manual
    assert step is not None
    assert step.takes_value
    assert step.url == f"{stripe.url}/apikeys"
    assert any(f"--value {step.id}" in line for line in step.instructions)
    new = stripe.person(step)
    assert new is not None
    assert stripe.person(step) == new, "rolled once, whatever is asked"
    taken = PROVIDER.accept(held, new, vendor)
    assert taken.outcome.status is Status.DONE
    assert PROVIDER.confirm(hold(new), vendor).alive is True


def test_a_webhook_secret_is_a_persons_and_a_publishable_key_nobodys(stripe, around, hold) -> None:
    vendor = around(stripe.environment())
    webhook = PROVIDER.reissue(hold(Secret("whsec_" + "aB3" * 12)), vendor).outcome
    assert (webhook.status, webhook.manual.takes_value) == (Status.MANUAL, True)
    public = PROVIDER.reissue(hold(Secret("pk_live_" + "aB3" * 12)), vendor).outcome
    assert public.status is Status.SKIPPED


# -- what is lost on the way -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(429)],
        [Fault(429, headers={"Retry-After": "1"})],
        [Fault(500)] * 3,
        [Fault(None)],
        [LOST],
        [Fault(500, after=True)],
        [LOST] * 2,
    ],
    ids=["429", "429-retry-after", "500x3", "broken", "lost", "500-after", "lost-twice"],
)
@pytest.mark.parametrize("replays", [True, False], ids=["replayed", "not-replayed"])
def test_after_a_fault_at_creating_there_is_one_new_key(
    stripe, around, hold, faults, replays
) -> None:
    stripe.state.replays_secret = replays
    stripe.fail("POST", KEYS, *faults)
    made = PROVIDER.reissue(hold(planted(stripe)), around(stripe.environment()))
    assert made.outcome.status is Status.DONE
    assert living(stripe) == [made.public_id]
    assert made.values == {"value": stripe.state.keys[made.public_id].token}


def test_a_stripe_that_makes_two_for_one_idempotency_key_is_tidied(stripe, around, hold) -> None:
    stripe.fail("POST", KEYS, LOST)
    forgets = stripe.state.made
    stripe.state.made = type("Forgets", (dict,), {"get": lambda self, *_: None})(forgets)
    made = PROVIDER.reissue(hold(planted(stripe)), around(stripe.environment()))
    assert made.outcome.status is Status.DONE
    assert living(stripe) == [made.public_id]
    assert len(made.outcome.data["deleted"]) == 1


def test_a_create_whose_answers_never_come_leaves_no_key(stripe, around, hold) -> None:
    stripe.fail("POST", KEYS, *[LOST] * 12)
    made = PROVIDER.reissue(hold(planted(stripe)), around(stripe.environment()))
    assert made.outcome.status is Status.UNREACHABLE
    assert made.values == {}
    assert living(stripe) == []
    assert len(made.outcome.data["deleted"]) == 1


def test_what_can_not_be_found_out_is_said_with_the_name_to_look_for(stripe, around, hold) -> None:
    stripe.fail("POST", KEYS, *[LOST] * 12)
    held = hold(planted(stripe))
    vendor = around(stripe.environment())
    known = PROVIDER.preserve(held, vendor).known
    stripe.fail("GET", KEYS, *[Fault(500)] * 12)
    made = PROVIDER.reissue(held, around(stripe.environment(), known=known))
    assert made.outcome.status is Status.UNKNOWN
    assert made.outcome.manual is not None
    assert made.outcome.data["key_name"] in made.outcome.manual.title


def test_an_answer_that_is_not_stripes_leaves_no_key(stripe, around, hold) -> None:
    stripe.fail("POST", KEYS, Fault(200, b"<html>", after=True))
    made = PROVIDER.reissue(hold(planted(stripe)), around(stripe.environment()))
    assert made.outcome.status is Status.UNREACHABLE
    assert living(stripe) == []


def test_a_key_that_can_not_be_read_is_expired(stripe, around, hold) -> None:
    stripe.state.sealed = lambda key, pem: "not.a.jwe.at.all"  # type: ignore[method-assign]
    made = PROVIDER.reissue(hold(planted(stripe)), around(stripe.environment()))
    assert made.outcome.status is Status.REFUSED
    assert living(stripe) == []
    assert len(made.outcome.data["deleted"]) == 2


def test_a_refusal_to_make_one_is_manual(stripe, around, hold) -> None:
    stripe.fail("POST", KEYS, Fault(403, b'{"error": {"message": "not yours to make"}}'))
    made = PROVIDER.reissue(hold(planted(stripe)), around(stripe.environment()))
    assert made.outcome.status is Status.MANUAL
    assert "not yours to make" in made.outcome.reason


# -- after a crash ---------------------------------------------------------------------------------


def crash_after_create(stripe, around, hold):
    """The journal's intent, and a key that was made and whose value nobody has."""
    held = hold(planted(stripe))
    vendor = around(stripe.environment())
    before = PROVIDER.before_reissue(held, vendor)
    lost = PROVIDER.reissue(held, vendor).public_id
    return held, vendor, before, lost


def test_a_key_that_was_lost_in_a_crash_is_found_and_expired(stripe, around, hold) -> None:
    held, vendor, before, lost = crash_after_create(stripe, around, hold)
    outcome = PROVIDER.reconcile_reissue(held, before, vendor)
    assert outcome.status is Status.DONE
    assert outcome.data["deleted"] == [lost]
    made = PROVIDER.reissue(held, vendor)
    assert living(stripe) == [made.public_id], "one new key in the end"


def test_where_nothing_was_made_nothing_is_touched(stripe, around, hold) -> None:
    other = stripe.state.issue(name="another team's")
    held = hold(planted(stripe))
    vendor = around(stripe.environment())
    before = PROVIDER.before_reissue(held, vendor)
    stripe.state.issue(name="made meanwhile by others")
    outcome = PROVIDER.reconcile_reissue(held, before, vendor)
    assert outcome.status is Status.UNCHANGED
    assert other.id in living(stripe)
    assert len(living(stripe)) == 2


def test_a_successor_that_was_there_before_is_not_taken_for_a_lost_one(
    stripe, around, hold
) -> None:
    held = hold(planted(stripe))
    vendor = around(stripe.environment())
    earlier = PROVIDER.reissue(held, vendor).public_id
    before = PROVIDER.before_reissue(held, vendor)
    assert PROVIDER.reconcile_reissue(held, before, vendor).status is Status.UNCHANGED
    assert living(stripe) == [earlier]


def test_a_list_that_stays_away_is_not_taken_for_an_empty_one(stripe, around, hold) -> None:
    held, vendor, before, _lost = crash_after_create(stripe, around, hold)
    stripe.fail("GET", KEYS, *[Fault(500)] * 12)
    outcome = PROVIDER.reconcile_reissue(held, before, vendor)
    assert outcome.status is Status.UNREACHABLE
    assert not outcome.status.settled


def test_what_was_to_be_done_by_hand_left_nothing_behind(start, around, hold) -> None:
    stripe = start(managed=False)
    held = hold(planted(stripe))
    vendor = around(stripe.environment())
    before = PROVIDER.before_reissue(held, vendor)
    assert PROVIDER.reconcile_reissue(held, before, vendor).status is Status.UNCHANGED
