"""The tokens of one app, with that app's own secret: looked at, reset, refreshed, ended."""

from __future__ import annotations

import pytest

from remediate.errors import UsageError
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held, ReplacesItself, TakesAny
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults, hold
from remediate.testing.providers import ProviderContract, well_told
from remediate.testing.proxy import Trouble
from remediate.testing.surroundings import surroundings
from remediate_providers.github import tokens
from remediate_providers.github.app import VARIABLE
from remediate_providers.github.app_provider import GitHubAppProvider
from remediate_providers.github.local import OWNER, LocalGitHub, RunningGitHub
from remediate_providers.github.local_state import make_value
from remediate_providers.github.provider import GitHubProvider
from remediate_providers.loopback import Fault

PROVIDER = GitHubAppProvider()
TOKEN = "/applications/*/token"
SIGN_IN = "/login/oauth/access_token"
LOST = Fault(None, after=True)


class Shop:
    """An app of a local GitHub, and what a responder has of it."""

    def __init__(self, github: RunningGitHub) -> None:
        self.github = github
        self.client_id = github.state.register()

    def settings(self, **more: str) -> dict[str, object]:
        return {"with": {"client_id": self.client_id, **more}}

    def environment(self) -> dict[str, str]:
        secret = self.github.state.apps[self.client_id].reveal_text()
        return {**self.github.environment(), VARIABLE: secret}

    def token(self, kind: str = tokens.OAUTH) -> Held:
        state = self.github.state
        if kind == tokens.REFRESH:
            return hold(GitHubProvider(), {"value": state.sign_in(OWNER, self.client_id)[1]})
        value = state.issue(OWNER, kind, scopes=("repo", "read:org"), app=self.client_id)
        return hold(GitHubProvider(), {"value": value})

    def living(self) -> list[Secret]:
        return [
            one.value
            for one in self.github.state.tokens.values()
            if one.app == self.client_id and not one.dead
        ]


@pytest.fixture
def shop(github: RunningGitHub) -> Shop:
    return Shop(github)


@pytest.fixture
def vendor(shop, around):
    """Surroundings in which the app's secret is at hand."""

    def make(*, known=None, use_leaked=True, secret=True, **more):
        environment = shop.environment() if secret else shop.github.environment()
        return around(
            environment, known=known, use_leaked=use_leaked, settings=shop.settings(**more)
        )

    return make


# -- what the policy says --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, "client_id"),
        ({"client_id": "x"}, "client_id"),
        ({"client_id": "Ov23liLocalExample00", "client_secret": "0a" * 20}, "never the secret"),
        ({"client_id": "Ov23liLocalExample00", "end": "all"}, "token or grant"),
        ({"client_id": "Ov23liLocalExample00", "app": "x"}, "`app`"),
    ],
)
def test_what_the_policy_says_is_looked_at_before_anything_is_done(options, wrong) -> None:
    assert isinstance(PROVIDER, TakesAny)
    assert isinstance(PROVIDER, ReplacesItself)
    with pytest.raises(UsageError, match=wrong):
        PROVIDER.check_options(options)


def test_a_place_in_the_keyring_may_be_named() -> None:
    PROVIDER.check_options(
        {"client_id": "Ov23liLocalExample00", "client_secret": "keyring:remediate#app"}
    )


def test_the_apps_secret_is_compared_with_the_leaked_ones(shop, vendor) -> None:
    assert shop.github.state.apps[shop.client_id] in PROVIDER.responder_values(vendor())


# -- looking ---------------------------------------------------------------------------------------


def test_the_app_tells_what_the_token_does_not(shop, vendor) -> None:
    facts = PROVIDER.describe(shop.token(), vendor())
    assert facts.known["owner"] == OWNER
    assert facts.known["app"] == "Acme Releases"
    assert facts.known["client_id"] == shop.client_id
    assert facts.known["scopes"] == ["repo", "read:org"]


def test_unused_it_is_looked_at_all_the_same(shop, vendor) -> None:
    held = shop.token()
    strict = vendor(use_leaked=False)
    assert PROVIDER.check(held, strict).alive is True
    known = PROVIDER.describe(held, strict).known
    outcome = PROVIDER.revoke([held], vendor(use_leaked=False, known=known))[held.id]
    assert outcome.status is Status.DONE
    assert not shop.github.asked("GET", "/user")


def test_what_the_app_does_not_have_is_not_called_dead(shop, vendor) -> None:
    other = shop.github.state.issue(OWNER, tokens.OAUTH, app="Ov23liSomebodyElses0")
    held = hold(GitHubProvider(), {"value": other})
    check = PROVIDER.check(held, vendor(use_leaked=False))
    assert check.alive is None
    assert "another's" in check.reason


def test_a_wrong_secret_is_no_death(shop, vendor) -> None:
    held = shop.token()
    known = PROVIDER.describe(held, vendor()).known
    strict = vendor(use_leaked=False, known=known)
    shop.github.state.apps[shop.client_id] = Secret("f0" * 20)
    check = PROVIDER.check(held, strict)
    assert check.alive is None
    assert VARIABLE in check.reason


# -- ending ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [tokens.OAUTH, tokens.USER])
def test_the_app_ends_its_token_and_it_is_seen_refused(shop, vendor, kind) -> None:
    held = shop.token(kind)
    outcome = PROVIDER.revoke([held], vendor())[held.id]
    assert outcome.status is Status.DONE
    assert shop.github.is_dead(held.values)
    assert outcome.evidence[0].probe.startswith(f"DELETE /applications/{shop.client_id}/token")
    assert not shop.github.asked("POST", "/credentials/revoke"), "not needed"
    assert PROVIDER.revoke([held], vendor())[held.id].status is Status.UNCHANGED


def test_the_whole_grant_ends_every_token_of_the_user(shop, vendor) -> None:
    held, other = shop.token(), shop.token()
    outcome = PROVIDER.revoke([held], vendor(end="grant"))[held.id]
    assert outcome.status is Status.DONE
    assert shop.github.is_dead(other.values)
    assert not PROVIDER.replaces_itself(held, vendor(end="grant"))
    assert PROVIDER.reissue(held, vendor(end="grant")).outcome.status is Status.MANUAL


def test_what_is_not_the_apps_goes_the_way_of_any_token(shop, vendor) -> None:
    state = shop.github.state
    other = hold(GitHubProvider(), {"value": state.issue(OWNER, tokens.OAUTH)})
    classic = hold(GitHubProvider(), {"value": state.issue(OWNER)})
    outcomes = PROVIDER.revoke([other, classic, shop.token()], vendor())
    assert [one.status for one in outcomes.values()] == [Status.DONE] * 3


def test_without_the_secret_it_is_any_token(shop, vendor) -> None:
    held = shop.token()
    assert not PROVIDER.replaces_itself(held, vendor(secret=False))
    assert PROVIDER.revoke([held], vendor(secret=False))[held.id].status is Status.DONE
    made = PROVIDER.reissue(held, vendor(secret=False)).outcome
    assert made.status is Status.MANUAL
    assert VARIABLE in made.reason


@pytest.mark.parametrize("again", [False, True], ids=["alive", "used up"])
def test_a_refresh_token_is_used_up_and_what_came_of_it_ended(shop, vendor, again) -> None:
    held = shop.token(tokens.REFRESH)
    if again:
        shop.github.state.end_now(held.values["value"])
    outcome = PROVIDER.revoke([held], vendor())[held.id]
    assert shop.github.is_dead(held.values)
    assert outcome.status is (Status.MANUAL if again else Status.DONE)
    if again:
        assert "or it is another app's" in outcome.reason, "nothing tells whose it was"
    else:
        assert outcome.data["came_of_it"] == "the pair that came of it was ended at once"
        assert shop.living() == []


def test_a_refresh_token_that_may_not_be_used_is_handed_in_and_stays_unknown(shop, vendor) -> None:
    held = shop.token(tokens.REFRESH)
    assert not PROVIDER.replaces_itself(held, vendor(use_leaked=False))
    outcome = PROVIDER.revoke([held], vendor(use_leaked=False))[held.id]
    assert outcome.status is Status.MANUAL
    assert 'authorisation = "ended"' in " ".join(outcome.manual.instructions)
    assert not shop.github.asked("POST", SIGN_IN)


def test_that_its_authorisation_was_ended_the_record_has_from_a_person(shop, around) -> None:
    held = shop.token(tokens.REFRESH)
    other = shop.token(tokens.USER)
    options = {"with": {"authorisation": "ended"}}
    PROVIDER.check_options(options["with"])
    vendor = around(shop.github.environment(), settings=options)
    shop.github.fail("POST", "/credentials/revoke", Fault(403))
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    assert outcome.status is Status.REFUSED, "GitHub has to take it first"
    outcomes = PROVIDER.revoke([held, other], vendor)
    assert outcomes[held.id].status is Status.DONE
    assert outcomes[held.id].evidence[-1].probe == "the policy's `authorisation`"
    assert outcomes[other.id].evidence[-1].saw == "401 Bad credentials", "this one can be seen"


# -- replacing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [tokens.OAUTH, tokens.USER])
def test_a_reset_makes_the_successor_and_ends_the_old_one(shop, vendor, kind) -> None:
    held = shop.token(kind)
    assert PROVIDER.replaces_itself(held, vendor())
    assert PROVIDER.before_reissue(held, vendor()) == {"alive": True}
    made = PROVIDER.reissue(held, vendor())
    assert made.outcome.status is Status.DONE
    assert shop.living() == [made.values["value"]]
    assert made.outcome.data["scopes"] == ["repo", "read:org"]
    new = Held(held.credential, made.values)
    assert PROVIDER.confirm(new, vendor()).alive is True
    assert PROVIDER.revoke([held], vendor())[held.id].status is Status.UNCHANGED


def test_a_refresh_token_is_traded_for_the_next_pair(shop, vendor) -> None:
    held = shop.token(tokens.REFRESH)
    made = PROVIDER.reissue(held, vendor())
    assert made.outcome.status is Status.DONE
    assert set(made.values) == {"value", "access_token"}
    assert sorted(map(tokens.kind_of, shop.living())) == [tokens.REFRESH, tokens.USER]
    assert PROVIDER.confirm(Held(held.credential, made.values), vendor()).alive is True
    known = {"reissued": made.outcome.data}
    assert PROVIDER.revoke([held], vendor(known=known))[held.id].status is Status.UNCHANGED
    assert len(shop.living()) == 2, "the new pair lives"


def test_a_refresh_token_that_somebody_used_up_says_so(shop, vendor) -> None:
    held = shop.token(tokens.REFRESH)
    shop.github.state.end_now(held.values["value"])
    made = PROVIDER.reissue(held, vendor())
    assert made.outcome.status is Status.MANUAL
    assert "whoever found it" in made.outcome.reason
    well_told(made.outcome.manual)


@pytest.mark.parametrize("fault", [LOST, Fault(500, after=True)], ids=["lost", "500"])
def test_a_reset_whose_answer_was_lost_is_told_with_the_way_out(shop, vendor, fault) -> None:
    held = shop.token()
    shop.github.fail("PATCH", TOKEN, fault)
    made = PROVIDER.reissue(held, vendor())
    assert made.outcome.status is Status.UNKNOWN
    assert not made.values
    assert made.outcome.manual.takes_value
    assert "Revoke" in " ".join(made.outcome.manual.instructions)
    assert len(shop.github.asked("PATCH", f"/applications/{shop.client_id}/token")) == 1


def test_a_reset_that_never_came_to_github_may_be_asked_for_again(shop, vendor) -> None:
    held = shop.token()
    shop.github.fail("PATCH", TOKEN, Fault(None))
    assert PROVIDER.reissue(held, vendor()).outcome.status is Status.UNREACHABLE
    assert PROVIDER.reissue(held, vendor()).outcome.status is Status.DONE


def test_a_refresh_whose_answer_was_lost_is_not_taken_for_a_thiefs_alone(shop, vendor) -> None:
    held = shop.token(tokens.REFRESH)
    shop.github.fail("POST", SIGN_IN, LOST)
    made = PROVIDER.reissue(held, vendor())
    assert made.outcome.status is Status.UNKNOWN
    assert not made.values
    assert "then it was used up" in made.outcome.reason
    assert "Revoke" in " ".join(made.outcome.manual.instructions)
    made = PROVIDER.reissue(held, vendor())
    assert made.outcome.status is Status.MANUAL
    assert "by us before an interruption" in made.outcome.reason
    assert "Revoke" in " ".join(made.outcome.manual.instructions)


def test_a_refresh_that_never_came_to_github_is_asked_for_again(shop, vendor) -> None:
    held = shop.token(tokens.REFRESH)
    shop.github.fail("POST", SIGN_IN, Fault(None), Fault(502))
    assert PROVIDER.reissue(held, vendor()).outcome.status is Status.DONE


def test_after_a_crash_one_that_was_reset_is_a_persons(shop, vendor) -> None:
    held = shop.token()
    before = PROVIDER.before_reissue(held, vendor())
    assert PROVIDER.reconcile_reissue(held, before, vendor()).status is Status.UNCHANGED
    PROVIDER.reissue(held, vendor())
    outcome = PROVIDER.reconcile_reissue(held, before, vendor())
    assert outcome.status is Status.MANUAL
    assert outcome.manual.takes_value


class TestApp(ProviderContract):
    make = GitHubAppProvider
    settings = {"with": {"client_id": "Ov23liLocalExample00"}}  # noqa: RUF012

    def ours(self):
        return []  # a token does not say which app it is of

    def handed(self):
        return [
            hold(GitHubProvider(), {"value": make_value(kind)})
            for kind in (tokens.OAUTH, tokens.USER, tokens.REFRESH, tokens.CLASSIC)
        ]

    def environment(self, base: str) -> dict[str, str]:
        return {"GITHUB_API_URL": base, VARIABLE: "f0" * 20, "GITHUB_TOKEN": "ghp_" + "a1B2" * 9}


class TestAppFaults(ProviderFaults):
    make = GitHubAppProvider

    def start(self) -> RunningGitHub:
        running = LocalGitHub(lag=0.01).start()
        self.shop = Shop(running)
        return running

    def leaked(self, running: RunningGitHub) -> Held:
        held = self.shop.token()
        self.old = held.values["value"]
        return held

    def living(self, running: RunningGitHub) -> int:
        return len([value for value in self.shop.living() if value != self.old])

    def context(self, environment, known):
        secret = self.shop.github.state.apps[self.shop.client_id].reveal_text()
        return surroundings(
            {**environment, VARIABLE: secret},
            known=known,
            settings=self.shop.settings(),
            longest=0.005,
        )

    def before_reissue(self, scene) -> None:
        """Nothing is killed before: a reset wants the old one alive."""
        scene.known |= dict(scene.provider.describe(scene.held, scene.vendor()).known)


class TestRefreshFaults(TestAppFaults):
    """A refresh token: traded for the next pair, which is one successor, or a step says what was lost."""

    def leaked(self, running: RunningGitHub) -> Held:
        held = self.shop.token(tokens.REFRESH)
        self.old = held.values["value"]
        return held

    def living(self, running: RunningGitHub) -> int:
        pairs = [value for value in self.shop.living() if tokens.kind_of(value) == tokens.REFRESH]
        return len([value for value in pairs if value != self.old])

    def _one_successor(self, scene, trouble, call) -> None:
        if trouble is not Trouble.CRASH:
            super()._one_successor(scene, trouble, call)
            return
        # Whether it was traded is told by asking again: reconciling would use it up.
        before = scene.provider.before_reissue(scene.held, scene.vendor())
        scene.provider.reissue(scene.held, scene.vendor())
        scene.line.heal()
        found = scene.provider.reconcile_reissue(scene.held, before, scene.vendor())
        assert found.status is Status.UNCHANGED
        made = scene.provider.reissue(scene.held, scene.vendor())
        assert not made.values, f"{call}: it had been traded"
        assert self.living(scene.running) == 1
        assert "Revoke" in " ".join(made.outcome.manual.instructions), "it is told, and how it ends"
