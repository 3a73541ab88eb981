"""What was done while the key was out, what was left behind, and what nobody can tell."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from remediate.clock import rfc3339
from remediate.secret import Secret
from remediate_providers.loopback import Fault
from remediate_providers.stripe.local_state import DAY
from remediate_providers.stripe.provider import StripeProvider

PROVIDER = StripeProvider()


def ago(days: float) -> str:
    return rfc3339(datetime.fromtimestamp(time.time() - days * DAY, UTC))


@pytest.fixture
def held(stripe, hold):
    return hold(stripe.plant().values["value"])


def test_a_quiet_account_is_told_as_quiet(stripe, around, held) -> None:
    facts = PROVIDER.investigate(held, ago(5), around(stripe.environment()))
    assert {e["what"] for e in facts.known["events"]} == {"charge.succeeded", "payout.created"}
    assert not [e for e in facts.known["events"] if e["suspicious"]], "a scheduled payout is usual"
    assert facts.known["event_counts"] == {"charge.succeeded": 3, "payout.created": 1}
    assert facts.known["account"] == stripe.state.account
    assert [p["suspicious"] for p in facts.known["payouts"]] == [False]
    assert facts.unknown["from"].endswith(f"{stripe.url}/logs")
    assert "events_before" not in facts.unknown


def test_a_thiefs_work_is_marked_with_why(stripe, around, held) -> None:
    stripe.state.burgle(time.time() - 3600)
    facts = PROVIDER.investigate(held, ago(2), around(stripe.environment()))
    bad = {e["what"]: e for e in facts.known["events"] if e["suspicious"]}
    assert set(bad) == {"account.external_account.created", "payout.created"}
    assert "schedule" in bad["payout.created"]["why"]
    assert bad["payout.created"]["who"].startswith("a request (req_")
    assert len(facts.known["external_accounts"]) == 2
    assert sorted(e["at"] for e in facts.known["events"]) == [
        e["at"] for e in facts.known["events"]
    ]


def test_what_stripe_keeps_no_longer_is_no_evidence_kept(stripe, around, held) -> None:
    facts = PROVIDER.investigate(held, ago(200), around(stripe.environment()))
    assert facts.unknown["events_before"].startswith("no evidence kept")
    (probe,) = [seen.probe for seen in facts.evidence if "/v1/events" in seen.probe]
    assert ago(30)[:10] in probe, "the record says from when on there was anything to see"
    assert {p["status"] for p in facts.known["payouts"]} == {"paid"}
    none = PROVIDER.investigate(held, None, around(stripe.environment()))
    assert "not known since when" in none.unknown["events_before"]


@pytest.mark.parametrize("name", ["payout", "transfer", "refund"])
def test_money_that_moved_before_there_were_events_is_marked_all_the_same(
    stripe, around, held, name
) -> None:
    for days in (60, 5):
        moved = {"id": f"x_{days}", "created": int(time.time() - days * DAY), "amount": 100}
        getattr(stripe.state, f"{name}s").append({"object": name, "currency": "eur", **moved})
    facts = PROVIDER.investigate(held, ago(90), around(stripe.environment()))
    bad = [(e["what"], e["id"]) for e in facts.known["events"] if e["suspicious"]]
    assert bad == [(name, "x_60")], "the other's own event would tell of it"
    assert {one["id"] for one in facts.known[f"{name}s"] if one["suspicious"]} == {"x_60", "x_5"}
    assert facts.unknown["events_before"].startswith("no evidence kept")


def test_many_events_are_counted_and_the_bad_ones_all_told(stripe, around, held) -> None:
    now = time.time()
    for n in range(350):
        stripe.state.event("invoice.paid", {"id": f"in_{n}"}, now - n, by_request=True)
    for n in range(120):
        stripe.state.event("transfer.created", {"id": f"tr_{n}"}, now - n, by_request=True)
    facts = PROVIDER.investigate(held, ago(1.5), around(stripe.environment()))
    told = [e["what"] for e in facts.known["events"]]
    assert told.count("transfer.created") == 120
    assert len(told) == 120 + 100
    assert facts.known["event_counts"]["invoice.paid"] == 350


def test_another_account_is_not_taken_for_the_leaked_keys(stripe, around, held) -> None:
    vendor = around(stripe.environment(), known={"owner": "acct_other"})
    assert "look there" in PROVIDER.investigate(held, ago(1), vendor).unknown["account"]
    same = around(stripe.environment(), known={"owner": stripe.state.account})
    assert "account" not in PROVIDER.investigate(held, ago(1), same).unknown


@pytest.mark.parametrize("ask", [PROVIDER.investigate, PROVIDER.triage])
def test_without_a_key_to_look_with_nothing_is_claimed(stripe, around, held, ask) -> None:
    facts = ask(held, ago(1), around({"STRIPE_API_BASE": stripe.url}))
    assert "no STRIPE_API_KEY" in " ".join(facts.unknown.values())
    assert not facts.known.get("events")
    assert stripe.requests == []


@pytest.mark.parametrize("ask", [PROVIDER.investigate, PROVIDER.triage])
def test_a_key_of_the_other_mode_sees_nothing_and_says_so(start, around, held, ask) -> None:
    other = start(live=False)
    facts = ask(held, ago(1), around(other.environment()))
    assert "other mode" in " ".join(facts.unknown.values())
    assert other.requests == []


def test_a_list_that_breaks_off_is_said(stripe, around, held) -> None:
    stripe.fail("GET", "/v1/events", *[Fault(500)] * 12)
    facts = PROVIDER.investigate(held, ago(1), around(stripe.environment()))
    assert "out of order" in facts.unknown["events"]


# -- footholds -------------------------------------------------------------------------------------


def test_nothing_new_is_no_foothold(stripe, around, held) -> None:
    facts = PROVIDER.triage(held, ago(5), around(stripe.environment()))
    assert facts.known["footholds"] == []
    assert not facts.unknown


def test_what_a_thief_left_is_named_with_why(stripe, around, held) -> None:
    stripe.state.burgle(time.time() - 3600)
    stripe.state.issue(name="backup")
    facts = PROVIDER.triage(held, ago(1), around(stripe.environment()))
    found = {one["what"]: one for one in facts.known["footholds"]}
    assert set(found) == {"webhook endpoint", "account.external_account.created", "API key"}
    assert all(one["why"] and one["at"] and one["id"] for one in found.values())
    assert "k=1" not in str(facts), "an address's query may be a secret"


def test_the_leaked_key_and_our_own_are_no_footholds(stripe, around, hold) -> None:
    value = stripe.state.issue(name="young", permissions=("a",)).token
    vendor = around(stripe.environment())
    held = hold(value)
    PROVIDER.reissue(held, vendor)
    assert PROVIDER.triage(held, ago(1), vendor).known["footholds"] == []


def test_without_a_date_the_last_thirty_days_count(stripe, around, held) -> None:
    stripe.state.burgle(time.time() - 20 * DAY)
    vendor = around(stripe.environment())
    assert len(PROVIDER.triage(held, None, vendor).known["footholds"]) == 2
    assert "not known since when" in PROVIDER.triage(held, None, vendor).unknown["events_before"]


def test_odd_data_is_no_crash(stripe, around, held) -> None:
    junk = (
        b'{"data": [1, null, {}, {"id": 5, "created": "x", "type": ["a"]},'
        b' {"created": 1e99, "data": [], "request": "r", "type": "payout.created"}]}'
    )
    for path in ("/v1/events", "/v1/webhook_endpoints", "/v1/payouts", "/v1/accounts/*"):
        stripe.fail("GET", path, Fault(200, junk), Fault(200, junk))
    stripe.fail("GET", "/v2/iam/api_keys", *[Fault(200, junk)] * 2)
    vendor = around(stripe.environment())
    assert "events" in PROVIDER.investigate(held, "no date", vendor).known
    assert "footholds" in PROVIDER.triage(held, "2026-01-01", vendor).known


def test_a_webhook_secrets_account_is_looked_at_too(stripe, around, hold) -> None:
    webhook = hold(Secret("whsec_" + "aB3" * 12))
    assert PROVIDER.investigate(webhook, ago(5), around(stripe.environment())).known["events"]
