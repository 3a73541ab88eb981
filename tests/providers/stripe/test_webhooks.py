"""A webhook secret whose endpoint the policy names: one new endpoint, and the old one off after it, not before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from remediate.demo.scenario import build
from remediate.errors import UsageError
from remediate.plugins.local import Planted
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held, ReplacesItself, TakesAny
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults
from remediate.testing.faults import hold as identified
from remediate.testing.providers import ProviderContract, well_told
from remediate.testing.surroundings import surroundings
from remediate_providers.loopback import Fault
from remediate_providers.stripe.local import LocalStripe, RunningStripe
from remediate_providers.stripe.provider import StripeProvider
from remediate_providers.stripe.webhook_provider import StripeWebhookProvider

PROVIDER = StripeWebhookProvider()
PATH = "/v1/webhook_endpoints"
LOST = Fault(None, after=True)


def old(stripe: RunningStripe) -> dict[str, object]:
    return stripe.state.webhooks[-1]


def ours(stripe: RunningStripe) -> list[dict[str, object]]:
    return [one for one in stripe.state.webhooks if "remediate" in one["metadata"]]


def settings(stripe: RunningStripe) -> dict[str, object]:
    return {"with": {"endpoint": old(stripe)["id"]}}


def leaked(stripe: RunningStripe) -> Held:
    return identified(StripeProvider(), {"value": stripe.state.secrets[str(old(stripe)["id"])]})


@pytest.fixture
def vendor(stripe):
    def make(environment=None, **more):
        return surroundings(
            environment or stripe.environment(), settings=settings(stripe), longest=0.02, **more
        )

    return make


@pytest.mark.parametrize(
    "options", [{}, {"endpoint": "shop"}, {"endpoint": "we_1" + "a" * 20, "x": "y"}]
)
def test_the_policy_names_an_endpoint(options) -> None:
    assert isinstance(PROVIDER, TakesAny)
    assert isinstance(PROVIDER, ReplacesItself)
    with pytest.raises(UsageError):
        PROVIDER.check_options(options)
    PROVIDER.check_options({"endpoint": "we_1" + "aB3" * 8})


def test_a_second_endpoint_is_made_like_the_first(stripe, vendor) -> None:
    old(stripe).update(
        enabled_events=["charge.succeeded", "charge.failed"],
        api_version="2026-09-30.dahlia",
        description="shop",
        metadata={"team": "pay"},
    )
    made = PROVIDER.reissue(leaked(stripe), vendor())
    assert made.outcome.status is Status.DONE
    (new,) = ours(stripe)
    for name in ("url", "enabled_events", "api_version", "description", "application"):
        assert new[name] == old(stripe)[name], name
    assert new["metadata"]["team"] == "pay"
    assert made.public_id == new["id"]
    assert made.values == {"value": stripe.state.secrets[new["id"]]}
    assert old(stripe)["status"] == "enabled", "it delivers until the new one is in place"
    told = Held(leaked(stripe).credential, made.values)
    assert PROVIDER.confirm(told, vendor()).alive is None, "only an endpoint can be looked at"


def test_one_for_connected_accounts_stays_so(stripe, vendor) -> None:
    old(stripe)["application"] = "ca_1"
    PROVIDER.reissue(leaked(stripe), vendor())
    assert ours(stripe)[0]["application"] is not None


def test_the_old_one_is_not_disabled_before_another_delivers(stripe, vendor) -> None:
    held = leaked(stripe)
    outcome = PROVIDER.revoke([held], vendor())[held.id]
    assert outcome.status is Status.MANUAL
    assert "would lose events" in outcome.reason
    assert old(stripe)["status"] == "enabled"
    well_told(outcome.manual)
    made = PROVIDER.reissue(held, vendor())
    assert PROVIDER.check(held, vendor()).alive is True
    outcome = PROVIDER.revoke([held], vendor())[held.id]
    assert outcome.status is Status.DONE
    assert "still believes" in outcome.summary
    assert old(stripe)["status"] == "disabled"
    assert PROVIDER.check(held, vendor()).alive is False
    assert PROVIDER.revoke([held], vendor())[held.id].status is Status.UNCHANGED
    assert PROVIDER.delete(held, vendor()).status is Status.DONE
    assert [one["id"] for one in stripe.state.webhooks] == [made.public_id]


def test_one_that_delivers_elsewhere_does_not_count(stripe, vendor) -> None:
    held = leaked(stripe)
    PROVIDER.reissue(held, vendor())
    ours(stripe)[0]["url"] = "https://elsewhere.example/hooks"
    assert PROVIDER.revoke([held], vendor())[held.id].status is Status.MANUAL
    assert old(stripe)["status"] == "enabled"


def test_an_enabled_one_is_not_deleted(stripe, vendor) -> None:
    assert PROVIDER.delete(leaked(stripe), vendor()).status is Status.MANUAL
    assert old(stripe)


@pytest.mark.parametrize("environment", [{}, {"STRIPE_API_KEY": "rk_live_" + "aB3" * 9}])
def test_without_a_key_that_may_it_is_a_step(stripe, vendor, environment) -> None:
    around = vendor({"STRIPE_API_BASE": stripe.url, **environment})
    made = PROVIDER.reissue(leaked(stripe), around)
    assert made.outcome.status is Status.MANUAL
    assert made.outcome.manual.takes_value
    assert ours(stripe) == []


@pytest.mark.parametrize(
    "faults",
    [[Fault(429)], [Fault(500)] * 3, [LOST], [LOST] * 2, [Fault(500, after=True)], [LOST] * 12],
    ids=["429", "500x3", "lost", "lost-twice", "500-after", "lost-for-good"],
)
@pytest.mark.parametrize("replays", [True, False])
def test_whatever_is_lost_there_is_one_or_none(stripe, vendor, faults, replays) -> None:
    if not replays:
        stripe.state.endpoints_made = type("Forgets", (dict,), {"__contains__": lambda *_: False})()
    stripe.fail("POST", PATH, *faults)
    made = PROVIDER.reissue(leaked(stripe), vendor())
    assert [one["id"] for one in ours(stripe)] == ([made.public_id] if made.values else [])


def test_one_that_was_lost_in_a_crash_is_deleted(stripe, vendor) -> None:
    held = leaked(stripe)
    before = PROVIDER.before_reissue(held, vendor())
    lost = PROVIDER.reissue(held, vendor()).public_id
    outcome = PROVIDER.reconcile_reissue(held, before, vendor())
    assert (outcome.status, outcome.data["deleted"]) == (Status.DONE, [lost])
    assert ours(stripe) == []


def test_what_remediate_made_is_no_foothold_and_a_forged_event_leaves_no_trace(
    stripe, vendor
) -> None:
    held = leaked(stripe)
    PROVIDER.reissue(held, vendor())
    assert PROVIDER.triage(held, "2026-01-02T03:04:05Z", vendor()).known["footholds"] == []
    stripe.state.burgle(stripe.state.events[0]["created"])
    assert PROVIDER.triage(held, "2026-01-02T03:04:05Z", vendor()).known["footholds"]
    facts = PROVIDER.investigate(held, "2026-01-02T03:04:05Z", vendor())
    assert "receiver's own log" in facts.unknown["forged_events"]


@pytest.mark.parametrize("at", [None, "reissue", "store"])
def test_from_the_report_to_the_record(start, tmp_path, at) -> None:
    """Whole, and killed on the way: one new endpoint, its secret where it is read, the old one off."""
    stripe = start()
    value, endpoint = leaked(stripe).values["value"], old(stripe)["id"]
    policy = (
        '[[credential]]\nmatch = "stripe-webhook-secret"\nprovider = "stripe-webhook"\n'
        f'with = {{ endpoint = "{endpoint}" }}\n'
        'stores = ["dotenv:.env.local#SIGNING"]\n'
    )
    folder = tmp_path / "leak"
    folder.mkdir()
    text = f'SIGNING = "{value.reveal_text()}"\n'
    made = build(folder, [Planted({"a.py": text}, {"value": value}, policy, "Add")])
    tail = ("--policy", str(made.policy), "--key-file", str(made.key_file), "--yes", "--json")

    def remediate(*words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "remediate", *words, *tail],
            env={**os.environ, **stripe.environment()},
            cwd=made.repository,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    process = remediate("run", str(made.report), "--repo", str(made.repository))
    if at is not None:
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "effect" and event["action"] == at:
                process.send_signal(signal.SIGKILL)
                break
        process.communicate()
        process = remediate("resume")
    output, _ = process.communicate(timeout=120)
    events = [json.loads(line) for line in output.splitlines()]
    (new,) = ours(stripe)
    assert old(stripe)["status"] == "disabled", events
    line = (made.repository / ".env.local").read_text().strip()
    assert Secret(line.removeprefix("SIGNING=").strip("'\"")) == stripe.state.secrets[new["id"]]
    order = [e["action"] for e in events if e["event"] == "effect"]
    assert "revoke" in order
    assert at is not None or order.index("store") < order.index("revoke")
    assert b"whsec_" not in output


class TestWebhook(ProviderContract):
    make = StripeWebhookProvider
    settings = {"with": {"endpoint": "we_1" + "aB3" * 8}}  # noqa: RUF012

    def ours(self):
        return []  # a secret does not say which endpoint it is of

    def handed(self):
        values = (Secret("whsec_" + "aB3" * 12), Secret("sk_live_" + "aB3" * 12))
        return [identified(StripeProvider(), {"value": value}) for value in values]

    def environment(self, base: str) -> dict[str, str]:
        return {"STRIPE_API_BASE": base, "STRIPE_API_KEY": "sk_live_" + "aB3" * 9}


class TestWebhookFaults(ProviderFaults):
    make = StripeWebhookProvider

    def start(self) -> RunningStripe:
        self.stripe = LocalStripe(lag=0.01).start()
        self.endpoint = str(old(self.stripe)["id"])
        return self.stripe

    def leaked(self, running: RunningStripe) -> Held:
        return leaked(running)

    def living(self, running: RunningStripe) -> int:
        return len(ours(running))

    def dead(self, running: RunningStripe, held: Held) -> bool:
        rows = [one for one in running.state.webhooks if one["id"] == self.endpoint]
        return not rows or rows[0]["status"] == "disabled"

    def context(self, environment, known):
        return surroundings(
            environment,
            known=known,
            settings={"with": {"endpoint": self.endpoint}},
            longest=0.005,
        )

    def before_reissue(self, scene) -> None:
        """Nothing is ended before."""

    test_what_is_said_to_be_deleted_is = None  # nothing is ended without a successor


class TestWebhookEndingFaults(TestWebhookFaults):
    """The same where the new endpoint delivers already."""

    def leaked(self, running: RunningStripe) -> Held:
        held = leaked(running)
        PROVIDER.reissue(held, self.context(running.environment(), {}))
        return held

    test_there_is_one_successor_or_a_step = None
    test_one_that_was_lost_is_found_and_ended = None  # the one that delivers is not lost
    test_what_is_said_to_be_deleted_is = ProviderFaults.test_what_is_said_to_be_deleted_is
