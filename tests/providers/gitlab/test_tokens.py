"""GitLab's tokens: ended, replaced, looked at; by themselves, by their owner, by an administrator."""

from __future__ import annotations

import pytest

from remediate.plugins.outcome import Status
from remediate.secret import Secret
from remediate.testing.providers import well_told
from remediate_providers.gitlab import tokens
from remediate_providers.gitlab.provider import GitLabProvider
from remediate_providers.gitlab.reissue import expiry
from remediate_providers.gitlab.server import Server, words
from remediate_providers.loopback import Fault

PROVIDER = GitLabProvider()


def learned(gitlab, around, held, environment=None):
    """Surroundings that know what describing tells, as the pipeline's do."""
    environment = environment or gitlab.environment()
    return around(environment, known=PROVIDER.describe(held, around(environment)).known)


def poor(gitlab):
    """The environment of a responder without a token."""
    return {"GITLAB_API_URL": gitlab.url}


def paths(gitlab, method="POST"):
    return [one.path for one in gitlab.requests if one.method == method]


# -- what it is -----------------------------------------------------------------------------------


def test_a_projects_token_is_described(gitlab, around, hold) -> None:
    token = gitlab.leak()
    facts = PROVIDER.describe(hold(token.value), around(gitlab.environment()))
    assert facts.known["home"] == "projects"
    assert facts.known["home_id"] == 7
    assert facts.known["access_level"] == 30
    assert facts.known["scopes"] == ["read_api", "write_repository"]
    assert facts.known["last_used_ips"] == ["203.0.113.77"]
    reach = PROVIDER.preserve(hold(token.value), around(gitlab.environment()))
    assert reach.known["projects"] == ["acme/app"]


def test_a_token_that_may_not_read_its_user_is_told_by_the_responder(gitlab, around, hold) -> None:
    token = gitlab.leak(scopes=("write_repository",))
    facts = PROVIDER.describe(hold(token.value), around(gitlab.environment()))
    assert facts.known["home"] == "projects"
    facts = PROVIDER.describe(hold(token.value), around(poor(gitlab)))
    assert "home" not in facts.known
    assert "higher privileges" in facts.unknown["owner"]


# -- ending it ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [tokens.ACCESS, tokens.RUNNER])
def test_it_ends_itself_and_is_seen_refused(gitlab, around, hold, kind) -> None:
    token = gitlab.leak(kind=kind)
    held = hold(token.value)
    outcome = PROVIDER.revoke([held], around(poor(gitlab)))[held.id]
    assert outcome.status is Status.DONE
    assert gitlab.is_dead({"value": token.value})
    assert outcome.evidence[-1].saw[:3] in ("401", "403")
    assert PROVIDER.check(held, around(poor(gitlab))).alive is False
    again = PROVIDER.revoke([held], around(poor(gitlab)))[held.id]
    assert again.status is Status.UNCHANGED


def test_many_are_ended_side_by_side(gitlab, around, hold) -> None:
    held = [hold(gitlab.leak().value) for _ in range(20)]
    outcomes = PROVIDER.revoke(held, around(gitlab.environment()))
    assert [outcomes[one.id].status for one in held] == [Status.DONE] * 20


def test_where_the_leaked_one_may_not_be_used_a_person_or_an_administrator_ends_it(
    start, around, hold
) -> None:
    gitlab = start()
    held = hold(gitlab.leak().value)
    vendor = around(gitlab.environment(), use_leaked=False)
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    assert outcome.status is Status.MANUAL
    assert outcome.manual is not None
    well_told(outcome.manual)
    gitlab = start(admin=True)
    held = hold(gitlab.leak().value)
    vendor = around(gitlab.environment(), use_leaked=False)
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    assert outcome.status is Status.DONE
    assert "/api/v4/personal_access_tokens/self" not in [one.path for one in gitlab.requests]


OTHERS = [k.name for k in tokens.KINDS if k.name not in (tokens.ACCESS, tokens.RUNNER)]


@pytest.mark.parametrize("kind", OTHERS)
def test_other_tokens_are_an_administrators_or_a_persons(start, around, hold, kind) -> None:
    gitlab = start()
    held = hold(gitlab.state.issue(gitlab.bob, kind=kind).value)
    outcome = PROVIDER.revoke([held], around(gitlab.environment()))[held.id]
    assert outcome.status is Status.MANUAL
    assert outcome.manual is not None
    well_told(outcome.manual)
    gitlab = start(admin=True)
    token = gitlab.state.issue(gitlab.bob, kind=kind)
    held = hold(token.value)
    outcome = PROVIDER.revoke([held], around(gitlab.environment()))[held.id]
    assert outcome.status is Status.DONE
    assert token.revoked
    again = PROVIDER.revoke([held], around(gitlab.environment()))[held.id]
    assert again.status is Status.UNCHANGED


def test_a_refusal_by_a_gitlab_that_nobody_named_is_no_death(gitlab, around, hold) -> None:
    held = hold(gitlab.state.issue(gitlab.bob).value)
    gitlab.state.find(held.values["value"]).dies = 0.0
    gitlab.state.find(held.values["value"]).revoked = True
    assert PROVIDER.check(held, around(gitlab.environment())).alive is False
    unnamed = Server(f"{gitlab.url}/api/v4", words, assumed=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Server, "of", lambda _environment: unnamed)
        check = PROVIDER.check(held, around(poor(gitlab)))
        outcome = PROVIDER.revoke([held], around(poor(gitlab)))[held.id]
        known = around(poor(gitlab), known={"token_id": 7})
        assert PROVIDER.check(held, known).alive is False, "it was seen alive here before"
        both = [held, hold(gitlab.leak().value)]
        ended = PROVIDER.revoke(both, known)
        assert [ended[one.id].status for one in both] == [Status.MANUAL, Status.DONE]
    assert check.alive is None
    assert "GITLAB_API_URL" in check.reason
    assert outcome.status is Status.MANUAL
    assert "GITLAB_API_URL" in outcome.reason


def test_which_gitlab_is_meant_is_said_or_assumed() -> None:
    assert Server.of({}).assumed
    named = Server.of({"GITLAB_API_URL": "https://git.acme.example/api/v4/"})
    assert (named.api, named.web) == ("https://git.acme.example/api/v4", "https://git.acme.example")
    assert not named.assumed


# -- replacing it ---------------------------------------------------------------------------------


def test_a_projects_token_is_created_with_the_same_rights(gitlab, around, hold) -> None:
    token = gitlab.leak()
    held = hold(token.value)
    vendor = learned(gitlab, around, held)
    PROVIDER.revoke([held], vendor)
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.DONE
    new = gitlab.state.find(made.values["value"])
    assert (new.scopes, new.access_level, new.home) == (token.scopes, 30, ("projects", 7))
    assert new.expires == expiry(vendor.known, vendor.now())
    assert PROVIDER.confirm(hold(new.value), vendor).alive is True


def test_a_persons_is_created_by_an_administrator(start, around, hold) -> None:
    gitlab = start(admin=True)
    token = gitlab.leak(of="person", scopes=("read_api",))
    held = hold(token.value)
    vendor = learned(gitlab, around, held)
    PROVIDER.revoke([held], vendor)
    made = PROVIDER.reissue(held, vendor)
    assert gitlab.state.find(made.values["value"]).user == gitlab.bob


def test_a_persons_dead_token_is_a_persons_to_replace(gitlab, around, hold) -> None:
    held = hold(gitlab.leak(of="person").value)
    vendor = learned(gitlab, around, held)
    PROVIDER.revoke([held], vendor)
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.MANUAL
    step = made.outcome.manual
    assert step is not None
    well_told(step)
    assert "scopes=read_api,write_repository" in (step.url or "")
    taken = PROVIDER.accept(held, gitlab.person(step), vendor)
    assert taken.outcome.status is Status.DONE


def test_rotation_is_asked_for_once_whatever_becomes_of_it(gitlab, around, hold) -> None:
    token = gitlab.leak(of="person", scopes=("api",))
    held = hold(token.value)
    vendor = learned(gitlab, around, held, poor(gitlab))
    gitlab.fail("POST", "*/rotate", Fault(None, after=True), Fault(500), Fault(500))
    made = PROVIDER.reissue(held, vendor)
    assert made.values == {}
    assert made.outcome.status is Status.MANUAL
    rotations = [path for path in paths(gitlab) if path.endswith("/rotate")]
    # The second one is no retry: the old token was seen dead, and its family is ended on purpose.
    assert len(rotations) == 4
    assert [t for t in gitlab.living() if t.family == token.family] == []


def test_a_rotation_that_never_arrived_is_not_tried_again_here(gitlab, around, hold) -> None:
    token = gitlab.leak(of="person", scopes=("api",))
    held = hold(token.value)
    gitlab.fail("POST", "*/rotate", Fault(None))
    made = PROVIDER.reissue(held, learned(gitlab, around, held, poor(gitlab)))
    assert made.outcome.status is Status.UNREACHABLE
    assert token.works
    assert len([path for path in paths(gitlab) if path.endswith("/rotate")]) == 1


@pytest.mark.parametrize(
    ("created", "expires", "until"),
    [
        ("2026-01-01T00:00:00.000Z", "2026-03-02", "2026-08-30"),
        ("2026-01-01T00:00:00.000Z", "2030-01-01", "2027-07-01"),
        (None, None, "2027-07-01"),
        ("never", "soon", "2027-07-01"),
    ],
)
def test_a_successor_lives_as_long_as_the_old_one_was_to(created, expires, until) -> None:
    known = {"created": created, "expires": expires}
    assert expiry(known, "2026-07-01T10:00:00.000Z") == until


def test_what_is_brought_is_looked_at(gitlab, around, hold) -> None:
    held = hold(gitlab.leak(of="person").value)
    vendor = learned(gitlab, around, held)
    others = gitlab.state.issue(gitlab.ada).value
    dead = gitlab.leak(of="person")
    dead.revoked, dead.dies = True, 0.0
    wrong = (held.values["value"], Secret("glpat-x"), others, dead.value)
    for value in wrong:
        made = PROVIDER.accept(held, value, vendor)
        assert made.outcome.status is Status.REFUSED, made.outcome.reason
        assert value.reveal_text() not in repr(made)


# -- what was done with it ------------------------------------------------------------------------


def test_events_and_last_use_are_told_with_their_gaps(gitlab, around, hold) -> None:
    token = gitlab.leak()
    gitlab.state.event(token.user, "pushed new", "branch")
    gitlab.state.event(token.user, "commented on", "issue")
    held = hold(token.value)
    vendor = learned(gitlab, around, held)
    facts = PROVIDER.investigate(held, "2026-01-01T00:00:00Z", vendor)
    use, *events = facts.known["events"]
    assert use["what"].startswith("the token itself was used")
    assert (use["from"], use["at"]) == ("203.0.113.77", facts.known["last_used"])
    assert [(e["what"], e["suspicious"]) for e in events] == [
        ("pushed new branch", True),
        ("commented on issue", False),
    ]
    alone = PROVIDER.investigate(
        held,
        "2026-01-01T00:00:00Z",
        around({"GITLAB_API_URL": gitlab.url}, known=vendor.known),
    )
    assert alone.known["events"] == [use], "its last use is told though nobody may look further"
    before = PROVIDER.investigate(held, "2100-01-01T00:00:00Z", vendor)
    assert before.known["events"] == []
    assert before.known["used_while_out"] is False
    assert facts.known["used_while_out"] is True
    assert "Premium" in facts.unknown["audit_events"]
    assert "203.0.113.77" in facts.unknown["from"]


def test_footholds_are_what_is_younger_than_the_leak(gitlab, around, hold) -> None:
    held = hold(gitlab.leak().value)
    vendor = learned(gitlab, around, held)
    assert PROVIDER.triage(held, "2026-01-01T00:00:00Z", vendor).known["footholds"] == []
    gitlab.state.hooks.append({"id": 5, "created_at": vendor.now()})
    gitlab.state.issue_for(("projects", 7), name="mine now")
    found = PROVIDER.triage(held, "2026-01-01T00:00:00Z", vendor).known["footholds"]
    assert {one["what"] for one in found} == {"webhook", "project access token"}


def test_a_crash_after_a_rotation_ends_what_it_made(gitlab, around, hold) -> None:
    token = gitlab.leak(of="person", scopes=("api",))
    held = hold(token.value)
    vendor = learned(gitlab, around, held)
    before = PROVIDER.before_reissue(held, vendor)
    assert before["alive"] is True
    lost = gitlab.state.rotate(token, None)
    found_again = PROVIDER.reconcile_reissue(held, before, vendor)
    assert found_again.status is Status.DONE
    assert found_again.data["deleted"]
    assert not lost.works
    never = hold(gitlab.leak(of="person", scopes=("api",)).value)
    before = PROVIDER.before_reissue(never, around(poor(gitlab)))
    untouched = PROVIDER.reconcile_reissue(never, before, around(poor(gitlab)))
    assert untouched.status is Status.UNCHANGED


NO = Fault(403, b'{"message": "403 Forbidden"}')


def test_a_refusal_names_the_right_that_is_missing(gitlab, around, hold) -> None:
    held = hold(gitlab.leak().value)
    vendor = learned(gitlab, around, held)
    gitlab.fail("GET", "*/audit_events", *[NO] * 3)
    facts = PROVIDER.investigate(held, "2026-01-02T03:04:05Z", vendor)
    assert "the Maintainer role there (for audit events Owner)" in facts.unknown["audit_events"]
    gitlab.fail("DELETE", "*/personal_access_tokens/*", *[NO] * 3)
    ended = PROVIDER.revoke([held], vendor)[held.id]
    assert ended.status is Status.REFUSED
    assert "needed is an administrator's token, of the scope api" in ended.reason
    before = PROVIDER.before_reissue(held, vendor)
    gitlab.fail("GET", "*/access_tokens", *[NO] * 3)
    lost = PROVIDER.reconcile_reissue(held, before, vendor)
    assert "needed is maintainer or owner there" in lost.reason
