"""Slack: the contract, every call gone wrong, and what is particular to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Found, Held
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults, hold
from remediate.testing.providers import ProviderContract, well_told
from remediate.testing.proxy import Trouble
from remediate.testing.surroundings import found, surroundings
from remediate_providers.loopback import Fault
from remediate_providers.slack.local import LocalSlack, RunningSlack, make_value
from remediate_providers.slack.provider import SlackProvider
from remediate_providers.slack.tokens import APP, HOOKS, TOKEN, WEBHOOK

PROVIDER = SlackProvider()


class TestSlack(ProviderContract):
    make = SlackProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        values = [make_value(form=form) for form in ("xoxb", "xoxp", "xoxs")]
        values += [make_value(APP), make_value(WEBHOOK)]
        values += [Secret("xoxe-1-" + "a1B2" * 10)]
        values += [Secret(f"{HOOKS}/triggers/T0ACME/123/" + "a1B2" * 6)]
        return [[found(value)] for value in values]

    def foreign(self) -> Sequence[Found]:
        return [found("xoxq-" + "1" * 20), found("https://hooks.example.com/services/" + "a" * 30)]

    def environment(self, base: str) -> Mapping[str, str]:
        return {"SLACK_API_URL": base, "SLACK_TOKEN": make_value(form="xoxp").reveal_text()}


class TestATokensFaults(ProviderFaults):
    make = SlackProvider

    def start(self) -> RunningSlack:
        return LocalSlack(lag=0.01).start()

    def living(self, running: RunningSlack) -> int:
        return 0  # no call of ours makes one

    def address(self, running: RunningSlack) -> str:
        return running.url


class TestAWebhooksFaults(TestATokensFaults):
    def leaked(self, running: RunningSlack) -> Held:
        return hold(PROVIDER, {"value": running.state.issue(WEBHOOK)})


@pytest.fixture
def slack() -> Iterator[RunningSlack]:
    running = LocalSlack(lag=0.02).start()
    yield running
    running.close()


@pytest.fixture
def around(slack: RunningSlack) -> Callable[..., VendorContext]:
    def make(**more: Any) -> VendorContext:
        return surroundings(slack.environment(), longest=0.01, **more)

    return make


def leaked(slack: RunningSlack, kind: str = TOKEN) -> Held:
    return hold(PROVIDER, {"value": slack.state.issue(kind)})


@pytest.mark.parametrize("kind", [TOKEN, APP])
def test_a_token_ends_itself_and_is_seen_refused(slack, around, kind) -> None:
    held = leaked(slack, kind)
    outcome = PROVIDER.revoke([held], around())[held.id]
    assert outcome.status is Status.DONE
    assert [seen.saw for seen in outcome.evidence] == ["revoked=True", "token_revoked"]
    assert PROVIDER.revoke([held], around())[held.id].status is Status.UNCHANGED


def test_invalid_auth_from_an_address_that_is_not_allowed_is_no_death(slack, around) -> None:
    held = leaked(slack)
    slack.state.closed_to_here = True
    check = PROVIDER.check(held, around())
    assert check.alive is None
    assert "allows no requests from here" in check.reason
    outcome = PROVIDER.revoke([held], around())[held.id]
    assert outcome.status is Status.REFUSED
    assert outcome.manual is not None
    well_told(outcome.manual)
    assert not slack.is_dead(held.values)


def test_what_it_is_is_told(slack, around) -> None:
    facts = PROVIDER.describe(leaked(slack), around())
    assert facts.known["team"] == "Acme"
    assert facts.known["scopes"] == ["chat:write", "channels:read"]


def test_a_webhook_is_looked_at_without_posting_and_ended_by_hand(slack, around) -> None:
    held = leaked(slack, WEBHOOK)
    assert PROVIDER.check(held, around()).alive is True
    outcome = PROVIDER.revoke([held], around())[held.id]
    assert outcome.status is Status.MANUAL
    assert outcome.manual is not None
    assert all(one.json() == {"text": ""} for one in slack.requests)
    slack.person(outcome.manual)
    time.sleep(0.03)
    assert PROVIDER.revoke([held], around())[held.id].status is Status.UNCHANGED


def test_a_workflows_address_is_never_asked(slack, around) -> None:
    held = hold(PROVIDER, {"value": Secret(f"{HOOKS}/workflows/T0ACME/A1/" + "a1B2" * 6)})
    check = PROVIDER.check(held, around())
    assert check.alive is None
    assert "sets it off" in check.reason
    assert PROVIDER.revoke([held], around())[held.id].status is Status.MANUAL
    assert slack.requests == []


def test_a_new_one_is_a_persons_to_make_and_is_looked_at(slack, around) -> None:
    held = leaked(slack)
    vendor = around(known=PROVIDER.describe(held, around()).known)
    step = PROVIDER.reissue(held, vendor).outcome.manual
    assert step is not None
    well_told(step)
    assert PROVIDER.accept(held, slack.person(step), vendor).outcome.status is Status.DONE
    for wrong in (held.values["value"], make_value(), make_value(WEBHOOK), Secret("x")):
        assert PROVIDER.accept(held, wrong, vendor).outcome.status is Status.REFUSED


def test_new_addresses_after_the_leak_are_suspicious(slack, around) -> None:
    held = leaked(slack)
    for first, ip in ((1_600_000_000, "198.51.100.4"), (1_790_000_000, "203.0.113.77")):
        slack.state.logins.append(
            {"user_id": "U0DEPLOYER", "username": "deployer", "date_first": first, "ip": ip}
        )
    vendor = around(known=PROVIDER.describe(held, around()).known)
    facts = PROVIDER.investigate(held, "2026-01-01T00:00:00Z", vendor)
    assert [(e["from"], e["suspicious"]) for e in facts.known["events"]] == [
        ("198.51.100.4", False),
        ("203.0.113.77", True),
    ]
    assert "Audit Logs" in facts.unknown["actions"]


# -- token rotation --------------------------------------------------------------------------------


def app_of(slack) -> dict[str, str]:
    return dict(zip(("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"), slack.state.app, strict=True))


@pytest.fixture
def rotating(slack):
    def make(*, of_app: bool, **more: Any) -> tuple[Held, VendorContext]:
        held = hold(PROVIDER, {"value": slack.state.pair(of_app=of_app)[1]})
        environment = {**slack.environment(), **(app_of(slack) if of_app else {})}
        return held, surroundings(environment, longest=0.01, **more)

    return make


@pytest.mark.parametrize("of_app", [True, False], ids=["app", "configuration"])
def test_a_refresh_token_is_traded_for_the_next_pair(slack, rotating, of_app) -> None:
    held, vendor = rotating(of_app=of_app)
    assert PROVIDER.replaces_itself(held, vendor)
    assert PROVIDER.check(held, vendor).alive is None
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.DONE
    assert set(made.values) == {"value", "access_token"}
    assert slack.is_dead(held.values)
    assert PROVIDER.confirm(Held(held.credential, made.values), vendor).alive is True
    after = surroundings(vendor.environment, known={"reissued": made.outcome.data}, longest=0.01)
    assert PROVIDER.revoke([held], after)[held.id].status is Status.UNCHANGED
    assert not slack.is_dead(made.values), "the new pair lives"


@pytest.mark.parametrize("of_app", [True, False], ids=["app", "configuration"])
def test_without_a_store_it_is_used_up_and_what_comes_of_it_ended(slack, rotating, of_app) -> None:
    held, vendor = rotating(of_app=of_app)
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    assert outcome.status is Status.DONE
    assert slack.is_dead(held.values)
    assert outcome.data["came_of_it"].endswith("was ended at once")


def test_one_that_slack_does_not_know_is_not_called_dead(slack, rotating) -> None:
    held, _vendor = rotating(of_app=True)
    elsewhere = surroundings(slack.environment(), longest=0.01)  # no secret of its app
    outcome = PROVIDER.revoke([held], elsewhere)[held.id]
    assert outcome.status is Status.MANUAL
    assert "SLACK_CLIENT_SECRET" in outcome.reason
    assert not slack.is_dead(held.values)
    made = PROVIDER.reissue(held, elsewhere).outcome
    assert made.status is Status.MANUAL
    assert "whoever found it" in made.reason


def test_a_wrong_app_secret_and_an_unwanted_use_are_told(slack, rotating) -> None:
    held, vendor = rotating(of_app=True)
    slack.state.app = ("123.456", "other")
    assert "bad_client_secret" in PROVIDER.reissue(held, vendor).outcome.reason
    held, vendor = rotating(of_app=False, use_leaked=False)
    assert not PROVIDER.replaces_itself(held, vendor)
    assert PROVIDER.revoke([held], vendor)[held.id].status is Status.MANUAL
    assert not slack.is_dead(held.values)


class TestARefreshTokensFaults(TestATokensFaults):
    def leaked(self, running: RunningSlack) -> Held:
        self.old = running.state.pair(of_app=False)[1]
        return hold(PROVIDER, {"value": self.old})

    def living(self, running: RunningSlack) -> int:
        return len([one for one in running.state.refresh if one != self.old])

    def before_reissue(self, scene) -> None:
        """Nothing is ended before: it is traded while it lives."""

    @pytest.mark.parametrize("trouble", [one for one in Trouble if one is not Trouble.CRASH])
    def test_there_is_one_successor_or_a_step(self, trouble: Trouble) -> None:
        """After a crash the pair that was lost can't be found: see below."""
        super().test_there_is_one_successor_or_a_step(trouble)


def test_after_a_crash_it_is_asked_for_again_and_a_pair_that_was_lost_is_told(rotating) -> None:
    held, vendor = rotating(of_app=False)
    before = PROVIDER.before_reissue(held, vendor)
    assert PROVIDER.reconcile_reissue(held, before, vendor).status is Status.UNCHANGED
    assert PROVIDER.reissue(held, vendor).values, "never asked for: it is traded now"
    assert PROVIDER.reconcile_reissue(held, before, vendor).status is Status.UNCHANGED
    again = PROVIDER.reissue(held, vendor).outcome
    assert again.status is Status.MANUAL
    assert "by us before an interruption" in again.reason


# -- exchange --------------------------------------------------------------------------------------

ROTATES = {"stores": ["dotenv:.env#TOKEN=value,REFRESH=refresh_token"]}


@pytest.fixture
def exchanging(slack):
    """A long-lived bot token whose app has token rotation, and whose store takes both parts."""
    slack.state.rotating = True

    def make(**more: Any) -> tuple[Held, VendorContext]:
        environment = {**slack.environment(), **app_of(slack)}
        context = {"settings": ROTATES, "longest": 0.01, **more}
        return leaked(slack), surroundings(environment, **context)

    return make


def after(vendor: VendorContext, made: Any) -> VendorContext:
    known = {"reissued": made.outcome.data}
    return surroundings(vendor.environment, settings=ROTATES, known=known, longest=0.01)


def asked(slack: RunningSlack) -> list[str]:
    return [one.path.rpartition("/")[2] for one in slack.requests]


def test_a_long_lived_token_is_exchanged_and_refreshed_which_expires_it(slack, exchanging) -> None:
    held, vendor = exchanging()
    assert PROVIDER.replaces_itself(held, vendor)
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.DONE
    assert set(made.values) == {"value", "refresh_token"}
    assert made.values["value"].reveal().startswith(b"xoxe.xoxb-")
    assert asked(slack) == ["oauth.v2.exchange", "oauth.v2.access"]
    assert PROVIDER.confirm(Held(held.credential, made.values), vendor).alive is True
    outcome = PROVIDER.revoke([held], after(vendor, made))[held.id]
    assert outcome.status in (Status.DONE, Status.UNCHANGED)
    assert slack.is_dead(held.values)
    assert "auth.revoke" not in asked(slack), "it would end the successor too"
    assert not any(slack.state.works(value) is False for value in made.values.values())


def test_one_that_slack_does_not_expire_is_told_and_never_revoked(slack, exchanging) -> None:
    held, vendor = exchanging()
    made = PROVIDER.reissue(held, vendor)
    slack.state.living[held.values["value"]] = float("inf")
    outcome = PROVIDER.revoke([held], after(vendor, made))[held.id]
    assert outcome.status is Status.UNKNOWN
    assert outcome.manual is not None
    assert "auth.revoke" not in asked(slack)


def test_an_invalid_auth_after_the_exchange_is_its_death(slack, exchanging) -> None:
    held, vendor = exchanging()
    made = PROVIDER.reissue(held, vendor)
    del slack.state.living[held.values["value"]]
    outcome = PROVIDER.revoke([held], after(vendor, made))[held.id]
    assert outcome.status is Status.UNCHANGED


def test_it_is_exchanged_only_where_the_application_is_ready_for_it(slack, exchanging) -> None:
    held, vendor = exchanging()
    one_part = surroundings(vendor.environment, settings={"stores": ["dotenv:.env#TOKEN"]})
    no_app = surroundings(slack.environment(), settings=ROTATES)
    unused = surroundings(vendor.environment, settings=ROTATES, use_leaked=False)
    for other in (one_part, no_app, unused):
        assert not PROVIDER.replaces_itself(held, other)
        assert PROVIDER.reissue(held, other).outcome.status is Status.MANUAL
    for value in (slack.state.pair(of_app=True)[0], slack.state.issue(APP)):
        assert not PROVIDER.replaces_itself(hold(PROVIDER, {"value": value}), vendor)
    assert slack.requests == []


def test_an_app_without_rotation_is_a_persons_and_the_token_is_ended_as_ever(
    slack, exchanging
) -> None:
    held, vendor = exchanging()
    slack.state.rotating = False
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.MANUAL
    assert "token rotation is not switched on" in made.outcome.reason
    well_told(made.outcome.manual)
    assert not slack.is_dead(held.values), "nothing has happened to it"
    assert PROVIDER.revoke([held], after(vendor, made))[held.id].status is Status.DONE
    assert slack.is_dead(held.values)


def test_a_pair_that_was_lost_does_not_live(slack, exchanging) -> None:
    held, vendor = exchanging()
    slack.fail("POST", "*/oauth.v2.exchange", Fault(None, after=True))
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.MANUAL
    assert "installation was ended" in made.outcome.reason
    assert slack.state.installed == {}
    held, vendor = exchanging()
    slack.fail("POST", "*/oauth.v2.access", Fault(500))
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.MANUAL
    assert slack.state.installed == {}
    held, vendor = exchanging()
    slack.fail("POST", "*/oauth.v2.access", Fault(500))
    slack.fail("POST", "*/auth.revoke", Fault(403))
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.UNKNOWN
    assert "Revoke all OAuth tokens" in made.outcome.reason


def test_after_a_crash_it_is_not_exchanged_twice(slack, exchanging) -> None:
    held, vendor = exchanging()
    before = PROVIDER.before_reissue(held, vendor)
    assert PROVIDER.reissue(held, vendor).values
    assert PROVIDER.reconcile_reissue(held, before, vendor).status is Status.UNCHANGED
    again = PROVIDER.reissue(held, vendor).outcome
    assert again.status is Status.MANUAL
    assert "by us before an interruption" in again.reason


class TestALongLivedTokensFaults(TestATokensFaults):
    def start(self) -> RunningSlack:
        running = super().start()
        running.state.rotating = True
        self.app = app_of(running)
        return running

    def context(self, environment, known) -> VendorContext:
        return surroundings(
            {**environment, **self.app}, known=known, settings=ROTATES, longest=0.005
        )

    def living(self, running: RunningSlack) -> int:
        return len([one for one in running.state.refresh if one in running.state.installed])

    def before_reissue(self, scene) -> None:
        """Nothing is ended before: it is exchanged while it lives."""

    @pytest.mark.parametrize("trouble", [one for one in Trouble if one is not Trouble.CRASH])
    def test_there_is_one_successor_or_a_step(self, trouble: Trouble) -> None:
        """After a crash the pair that was lost ends with the token: see above."""
        super().test_there_is_one_successor_or_a_step(trouble)
