"""Whose a key is, whether it lives, and what dies with it."""

from __future__ import annotations

import pytest

from remediate.plugins.outcome import Status
from remediate.plugins.provider import (
    Accepts,
    Checks,
    ConfirmsNew,
    Deletes,
    Describes,
    Held,
    Investigates,
    NamesResponder,
    Preserves,
    Reissues,
    Revokes,
    Triages,
)
from remediate.secret import Secret
from remediate_providers.loopback import Fault
from remediate_providers.stripe.local import PERMISSIONS
from remediate_providers.stripe.provider import StripeProvider

PROVIDER = StripeProvider()
WEBHOOK = Secret("whsec_" + "aB3" * 12)


def test_it_can_do_what_it_says() -> None:
    able = (
        Describes, Checks, Preserves, Revokes, Reissues, Accepts, ConfirmsNew, Triages,
        Investigates, NamesResponder,
    )  # fmt: skip
    assert all(isinstance(PROVIDER, protocol) for protocol in able)
    assert not isinstance(PROVIDER, Deletes), "an expired key is gone"


def test_a_key_tells_its_account_and_the_list_its_rights(stripe, around, hold) -> None:
    value = stripe.plant().values["value"]
    facts = PROVIDER.describe(hold(value), around(stripe.environment()))
    assert facts.known["owner"] == stripe.state.account
    assert facts.known["owner_name"] == "Acme Shop"
    assert facts.known["scopes"] == list(PERMISSIONS)
    assert facts.known["key_name"] == "shop backend"
    assert str(facts.known["key_id"]).startswith("mk_")
    assert not facts.unknown
    assert value.reveal_text()[-4:] not in repr(facts)


def test_what_can_not_be_learned_has_its_reason(start, around, hold) -> None:
    stripe = start(managed=False)
    key = stripe.state.issue(managed=False, permissions=("a",), reads_account=False)
    facts = PROVIDER.describe(hold(key.token), around({"STRIPE_API_BASE": stripe.url}))
    assert facts.known == {}
    assert "may not read its account" in facts.unknown["owner"]
    assert "no STRIPE_API_KEY" in facts.unknown["scopes"]


def test_the_webhook_endpoints_are_preserved_without_their_secrets(stripe, around, hold) -> None:
    stripe.state.burgle(1.7e9)
    facts = PROVIDER.preserve(hold(stripe.plant().values["value"]), around(stripe.environment()))
    urls = [one["url"] for one in facts.known["webhook_endpoints"]]
    assert urls == ["https://collect.example/in", "https://shop.example/hooks"]


@pytest.mark.parametrize("value", [WEBHOOK, Secret("pk_live_" + "aB3" * 12)], ids=["whsec", "pk"])
def test_what_has_no_call_is_not_asked(stripe, around, hold, value) -> None:
    held, vendor = hold(value), around(stripe.environment())
    assert PROVIDER.check(held, vendor).alive is None
    assert PROVIDER.check(held, vendor).reason
    assert "owner" in PROVIDER.describe(held, vendor).unknown
    assert stripe.requests == []


def test_without_its_value_nothing_is_asked(stripe, around, hold) -> None:
    held = Held(hold(stripe.plant().values["value"]).credential, {})
    vendor = around(stripe.environment())
    assert PROVIDER.check(held, vendor).alive is None
    assert "not at hand" in PROVIDER.describe(held, vendor).unknown["owner"]
    assert PROVIDER.revoke([held], vendor)[held.id].status is Status.MANUAL
    assert PROVIDER.reissue(held, vendor).outcome.status is Status.MANUAL


# -- alive, dead, or nothing proven ----------------------------------------------------------------


def test_a_key_lives_a_narrow_one_too_and_a_dead_one_is_dead(stripe, around, hold) -> None:
    vendor = around(stripe.environment())
    value = stripe.plant().values["value"]
    assert PROVIDER.check(hold(value), vendor).alive is True
    narrow = stripe.state.issue(permissions=("a",), reads_account=False)
    check = PROVIDER.check(hold(narrow.token), vendor)
    assert (check.alive, check.evidence[0].saw) == (True, "403 invalid_request_error")
    stripe.state.end(narrow, 0)
    check = PROVIDER.check(hold(narrow.token), vendor)
    assert (check.alive, check.evidence[0].saw) == (False, "401 api_key_expired")
    assert check.evidence[0].probe.startswith("GET /v1/account at 127.0.0.1:")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(401, b"<html>a proxy's own page</html>"),
        Fault(401, b'{"error": {"code": "secret_key_required"}}'),
        Fault(403, b"forbidden"),
        Fault(403, b'{"error": {"message": "slow down"}}', {"Retry-After": "1000"}),
        Fault(404, b'{"error": {"message": "no"}}'),
        Fault(200, b'{"object": "something else"}'),
        Fault(200, b"[]"),
        Fault(302, b"", {"Location": "https://elsewhere.example/"}),
    ],
    ids=["401-page", "401-other", "403-page", "403-limit", "404", "200-odd", "200-list", "302"],
)
def test_what_proves_nothing(stripe, around, hold, fault) -> None:
    value = stripe.plant().values["value"]
    stripe.fail("GET", "/v1/account", fault)
    check = PROVIDER.check(hold(value), around(stripe.environment()))
    assert check.alive is None
    assert check.reason


def test_policy_can_forbid_the_leaked_key(stripe, around, hold) -> None:
    vendor = around(stripe.environment(), use_leaked=False)
    check = PROVIDER.check(hold(stripe.plant().values["value"]), vendor)
    assert (check.alive, "use_leaked" in check.reason) == (None, True)
    assert stripe.requests == []


def test_the_responders_key_is_named(stripe, around) -> None:
    vendor = around(stripe.environment())
    assert PROVIDER.responder_values(vendor) == (stripe.state.platform,)
    assert PROVIDER.responder_values(around({})) == ()


# -- a value that a person brings ------------------------------------------------------------------


def test_a_good_value_is_taken_and_its_newline_is_not(stripe, around, hold) -> None:
    held = hold(stripe.plant().values["value"])
    new = stripe.state.issue().token
    brought = Secret(new.reveal() + b"\n")
    vendor = around(stripe.environment(), known={"owner": stripe.state.account})
    taken = PROVIDER.accept(held, brought, vendor)
    assert taken.outcome.status is Status.DONE
    assert taken.values == {"value": new}
    assert [seen.saw for seen in taken.outcome.evidence] == ["stripe-restricted-key", "200"]


def test_wrong_values_are_refused_with_what_is_wrong(stripe, around, hold) -> None:
    value = stripe.plant().values["value"]
    held = hold(value)
    vendor = around(stripe.environment(), known={"owner": stripe.state.account})
    dead = stripe.state.issue()
    stripe.state.end(dead, 0)
    wrong = {
        "leaked value itself": value,
        "does not look like": Secret("ghp_" + "a" * 36),
        "publishable": Secret("pk_live_" + "aB3" * 12),
        "no a secret or restricted key": WEBHOOK,
        "a test key": Secret("rk_test_" + "aB3" * 12),
        "Stripe refuses it": dead.token,
        "of account": stripe.state.platform,
    }
    for says, brought in wrong.items():
        refused = PROVIDER.accept(held, brought, vendor)
        assert refused.outcome.status is Status.REFUSED, says
        assert says in refused.outcome.reason
        assert refused.values == {}


def test_a_webhook_secret_is_taken_by_its_form(stripe, around, hold) -> None:
    vendor = around(stripe.environment())
    new = Secret("whsec_" + "cD4" * 12)
    assert PROVIDER.accept(hold(WEBHOOK), new, vendor).outcome.status is Status.DONE
    assert PROVIDER.confirm(hold(new), vendor).alive is None
    assert stripe.requests == []


def test_without_a_network_the_form_is_looked_at(around, hold) -> None:
    vendor = around({"STRIPE_API_BASE": "http://127.0.0.1:9"}, seconds=2)
    held = hold(Secret("rk_live_" + "aB3" * 20))
    taken = PROVIDER.accept(held, Secret("rk_live_" + "cD4" * 20), vendor)
    assert taken.outcome.status is Status.DONE
    assert [seen.probe for seen in taken.outcome.evidence] == ["the value's form"]


def test_a_new_key_that_is_not_known_yet_is_asked_again(stripe, around, hold) -> None:
    new = stripe.state.issue().token
    stripe.fail("GET", "/v1/account", Fault(401, b'{"error": {"type": "invalid_request_error"}}'))
    assert PROVIDER.confirm(hold(new), around(stripe.environment())).alive is True
