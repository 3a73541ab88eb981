"""What the record says, from rows alone."""

from __future__ import annotations

import pytest

from remediate.incident.rows import Kind, Row
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.record.build import build
from remediate.record.model import CredentialState, IncidentStatus, Replacement

from .conftest import AWS, GITHUB, NEW_TOKEN, SECRET, STEP, STORE, TOKEN, Story


def test_a_whole_incident_is_resolved(whole: Story) -> None:
    record = build(whole.rows)
    assert record.status is IncidentStatus.RESOLVED
    assert record.generated_at == whole.rows[-1].at, "now is the time of the last row"
    assert [c.state for c in record.credentials] == [CredentialState.DEAD] * 2
    assert [c.replacement for c in record.credentials] == [Replacement.IN_PLACE] * 2
    assert record.times.resolved.at == whole.rows[-1].at
    assert record.conclusion is not None and record.conclusion.exit == 0


def test_public_ids_before_and_after(whole: Story) -> None:
    aws = build(whole.rows).credentials[0]
    assert aws.public_id == "AKIAEXAMPLEOLD000000"
    assert aws.successor is not None and aws.successor.public_id == "AKIAEXAMPLENEW000000"
    assert aws.account == "123456789012"
    assert aws.owner == "arn:aws:iam::123456789012:user/ci"
    assert [(s.store, s.status) for s in aws.stores] == [(STORE, "done")]


def test_a_dead_credential_names_the_probe(whole: Story) -> None:
    for entry in build(whole.rows).credentials:
        assert entry.proof is not None and entry.proof.probe == "probe revoke"
        assert entry.dead_since == entry.proof.at


def test_secrets_know_their_credential_and_first_commit(whole: Story) -> None:
    secrets = {s.fingerprint: s for s in build(whole.rows).secrets}
    assert (secrets[SECRET].credential, secrets[SECRET].part) == (AWS, "secret")
    assert secrets[SECRET].introduced == "2026-03-01T09:00:00.000Z", "in UTC, from the report"
    assert secrets[TOKEN].introduced == "2026-02-01T10:00:00.000Z", "earlier, from our own scan"
    assert secrets[TOKEN].places[0].path == "app/main.py"
    assert NEW_TOKEN not in secrets, "a successor has not leaked"


def test_milestones_and_the_time_to_containment(whole: Story) -> None:
    times = build(whole.rows).times
    assert times.introduced.at == "2026-02-01T10:00:00.000Z"
    assert (times.first_out.at, times.first_out.note) == (None, "this clone did not push it")
    assert times.detected.at == "2026-11-24T02:00:00.000Z"
    assert times.contained.at is not None
    assert times.detection_to_containment_seconds == pytest.approx(40 * 60 + 140, abs=60)


def test_without_a_time_of_detection_the_opening_is_taken_and_said(story: Story) -> None:
    story.opened()
    story.secret(TOKEN, "github-pat", detected_at=None)
    detected = build(story.rows).times.detected
    assert detected.at == story.rows[0].at
    assert "no report says" in detected.note


def test_a_containment_before_the_detection_gives_no_span(story: Story) -> None:
    story.opened()
    story.secret(TOKEN, "github-pat", detected_at="2030-01-01T00:00:00Z")
    story.credential(GITHUB, "github-pat", {"value": TOKEN})
    story.contained()
    assert build(story.rows).times.detection_to_containment_seconds is None


def test_just_opened(story: Story) -> None:
    story.opened()
    record = build(story.rows)
    assert record.status is IncidentStatus.INVESTIGATING
    assert record.conclusion is None
    assert record.secrets == () and record.credentials == ()
    assert record.history.state == "not-begun"
    assert [entry.what for entry in record.timeline] == ["Incident opened from leaks.json"]


def test_no_rows_at_all() -> None:
    record = build([])
    assert record.generated_at is None
    assert record.status is IncidentStatus.INVESTIGATING
    assert record.communication.summary


def test_nothing_found(story: Story) -> None:
    story.opened()
    story.closed()
    record = build(story.rows)
    assert record.status is IncidentStatus.RESOLVED
    assert "No leaked secret is known." in record.communication.summary
    assert record.not_searched == ()


def test_cut_off_in_the_middle_of_the_kill(story: Story) -> None:
    story.leak()
    story.intent("contain", "revoke", AWS)
    record = build(story.rows)
    aws, github = record.credentials
    assert aws.state is CredentialState.UNKNOWN
    assert "nobody wrote down" in aws.state_reason
    assert github.state is CredentialState.ASSUMED_ALIVE
    assert record.actions[0].status == "pending" and record.actions[0].ended_at is None
    assert record.timeline[-1].status == "pending"
    assert record.status is IncidentStatus.INVESTIGATING


def test_an_offline_run_says_why_nothing_is_dead(story: Story) -> None:
    story.leak()
    story.add(Kind.STAGE_SKIPPED, "contain", reason="--offline")
    story.add(Kind.STAGE_SKIPPED, "recover", reason="--offline")
    story.cleaned()
    story.add(Kind.CONCLUDED, status="partial", exit=0)
    record = build(story.rows)
    assert record.status is IncidentStatus.INVESTIGATING, "history alone resolves nothing"
    for entry in record.credentials:
        assert entry.state is CredentialState.ASSUMED_ALIVE
        assert "--offline" in entry.state_reason
        assert entry.replacement is Replacement.LEFT_OUT


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status.DONE, CredentialState.DEAD),
        (Status.UNCHANGED, CredentialState.DEAD),
        (Status.MANUAL, CredentialState.ASSUMED_ALIVE),
        (Status.REFUSED, CredentialState.ASSUMED_ALIVE),
        (Status.UNREACHABLE, CredentialState.ASSUMED_ALIVE),
        (Status.UNKNOWN, CredentialState.UNKNOWN),
        (Status.SKIPPED, CredentialState.LEFT_ALONE),
    ],
)
def test_each_outcome_of_a_kill(story: Story, status: Status, state: CredentialState) -> None:
    story.leak()
    key = story.intent("contain", "revoke", AWS)
    story.outcome("contain", key, Outcome(status, "said", "because"))
    entry = build(story.rows).credentials[0]
    assert entry.state is state
    assert entry.state_reason == ("" if state is CredentialState.DEAD else "because")


def test_no_better_than_the_worst_credential(story: Story) -> None:
    story.leak()
    story.done("contain", "revoke", AWS, "dead")
    story.add(Kind.CLOSED, status="clean", exit=0)
    record = build(story.rows)
    assert record.status is IncidentStatus.INVESTIGATING, "one may still work"
    assert record.times.contained.at is None


def test_contained_while_work_is_left(story: Story) -> None:
    story.leak()
    story.contained()
    record = build(story.rows)
    assert record.status is IncidentStatus.CONTAINED
    assert record.times.resolved.at is None


def test_a_clean_run_that_waits_for_a_later_one_resolves_nothing(story: Story) -> None:
    story.leak()
    story.contained()
    story.add(Kind.CONCLUDED, status="clean", exit=0)
    record = build(story.rows)
    assert record.status is IncidentStatus.CONTAINED, "not closed: a deletion is due later"
    assert record.times.resolved.at is None
    assert record.conclusion is not None and record.conclusion.status == "clean"


def test_the_proof_is_the_first_evidence_of_a_refusal(story: Story) -> None:
    story.leak()
    key = story.intent("contain", "revoke", GITHUB)
    seen = (
        Evidence("POST /credentials/revoke", "202", "2026-11-24T02:41:00.000Z"),
        Evidence("GET /user", "401 Bad credentials", "2026-11-24T02:42:00.000Z"),
        Evidence("something after", "done", "2026-11-24T02:43:00.000Z"),
    )
    story.outcome("contain", key, Outcome(Status.DONE, "dead", evidence=seen))
    entry = build(story.rows).credentials[1]
    assert entry.proof is not None and entry.proof.probe == "GET /user"
    assert entry.dead_since == "2026-11-24T02:42:00.000Z"


def test_a_search_for_new_values_is_no_search_for_the_leaked_ones(story: Story) -> None:
    story.leak()
    story.verified("new-value", local=True)
    story.verified("new-value", local=True)
    record = build(story.rows)
    assert "this clone" in [item.what for item in record.not_searched]
    assert [search.stands for search in record.searches] == [True, True], "each for other values"


def test_going_on_reopens_what_was_concluded(story: Story) -> None:
    story.leak()
    story.contained()
    story.closed()
    assert build(story.rows).status is IncidentStatus.RESOLVED
    story.add(Kind.RESUMED, version="0.1.0")
    record = build(story.rows)
    assert record.status is IncidentStatus.CONTAINED
    assert record.conclusion is None


def test_a_manual_step_open_and_then_done_by_a_person(story: Story) -> None:
    story.leak()
    story.contained()
    story.github_waits()
    [step] = build(story.rows).manual
    assert (step.id, step.url, step.done_at) == (STEP.id, STEP.url, None)
    assert step.instructions == STEP.instructions
    assert build(story.rows).credentials[1].replacement is Replacement.WAITING
    story.github_handed_in()
    record = build(story.rows)
    assert record.manual[0].done_at is not None
    told = {entry.what: entry.actor for entry in record.timeline}
    assert told["Took the new token"] == "person"
    assert told["Deactivated access key AKIAEXAMPLEOLD000000"] == "remediate"


def test_a_refusal_may_name_a_step_too(story: Story) -> None:
    story.leak()
    key = story.intent("contain", "revoke", AWS)
    story.outcome("contain", key, Outcome(Status.REFUSED, "no", "no permission", manual=STEP))
    [step] = build(story.rows).manual
    assert (step.id, step.done_at) == (STEP.id, None)


def test_steps_still_to_be_done_come_first(whole: Story) -> None:
    key = whole.intent("publish", "push", "refs/heads/x")
    whole.outcome("publish", key, Outcome(Status.MANUAL, "later", manual=STEP))
    assert [step.done_at is None for step in build(whole.rows).manual] == [True, False]


def test_undo_takes_back_what_was_done_to_history(story: Story) -> None:
    story.leak()
    story.contained()
    story.cleaned()
    assert build(story.rows).history.state == "purged"
    story.add(Kind.UNDONE, summary="Everything is back as it was")
    record = build(story.rows)
    assert record.history.state == "undone"
    assert record.history.commits_rewritten == 0
    assert {a.action: a.taken_back for a in record.actions} == {
        "revoke": False,
        "back-up": True,
        "apply": True,
        "purge": True,
    }
    assert [search.stands for search in record.searches] == [False]
    assert "this clone" in [n.what for n in record.not_searched], "the verdict is void"
    assert any(entry.what == "Everything is back as it was" for entry in record.timeline)
    story.cleaned()
    again = build(story.rows)
    assert again.history.state == "purged", "and it can be done again"
    assert [search.stands for search in again.searches] == [False, True]


def test_history_names_the_backup_and_what_is_lost(whole: Story) -> None:
    history = build(whole.rows).history
    assert history.state == "pushed"
    assert history.backup is not None and history.backup["sha256"] == "9" * 64
    assert history.pushed == ("refs/heads/main",)
    assert [lost.kind for lost in history.lost] == ["signature"]


def test_what_nobody_searched_is_named(story: Story) -> None:
    story.leak()
    assert len(build(story.rows).not_searched) == 4, "nothing has been searched yet"
    story.cleaned()
    story.published()
    left = [item.what for item in build(story.rows).not_searched]
    assert left == [
        "old commits on the remote, asked for by their ids",
        "forks, other clones, a host's caches and pull requests, backups, build logs",
    ]


def test_what_could_not_be_read_comes_first(story: Story) -> None:
    story.leak()
    story.add(
        Kind.VERIFIED,
        "clean",
        scope={"local": True},
        clean=False,
        remnants=[],
        unreadable=[{"what": "object 1a2b", "reason": "missing"}],
        when="after-purge",
    )
    first = build(story.rows).not_searched[0]
    assert (first.what, first.reason) == ("object 1a2b", "missing")


def test_a_later_search_takes_the_place_of_an_earlier(story: Story) -> None:
    story.leak()
    remnant = {"fingerprint": TOKEN, "where": "file", "encoding": "base64", "object": "1a"}
    story.verified("after-purge", [remnant], local=True)
    story.verified("after-purge", local=True)
    first, second = build(story.rows).searches
    assert (first.clean, first.stands) == (False, False)
    assert (second.clean, second.stands) == (True, True)
    assert first.remnants[0].fingerprint == TOKEN


def test_gaps_are_told_with_their_reasons(whole: Story) -> None:
    gaps = {(g.about, g.what): g.reason for g in build(whole.rows).gaps}
    assert gaps[(GITHUB, "scopes")] == "the token is dead already"
    assert gaps[(None, "first_out")] == "this clone did not push it"
    assert (GITHUB, "what was done with it while it was out") in gaps
    assert (AWS, "what was done with it while it was out") not in gaps, "its vendor was asked"


def test_advice_is_no_manual_step_and_said_once(whole: Story) -> None:
    whole.add(Kind.ADVICE, text="Turn push protection on.")
    record = build(whole.rows)
    assert record.advice == ("Turn push protection on.",)
    assert len(record.manual) == 1


def test_the_time_line_is_in_order_and_has_who(whole: Story) -> None:
    timeline = build(whole.rows).timeline
    times = [entry.at for entry in timeline]
    assert times == sorted(times)
    assert [e.actor for e in timeline[:3]] == ["person", "scanner", "person"]
    assert timeline[0].what == "A secret was first committed"


def test_the_communication_template_is_filled(whole: Story) -> None:
    said = build(whole.rows).communication
    assert said.severity == "high"
    assert said.time_detected == "2026-11-24T02:00:00.000Z"
    assert said.status == "Resolved"
    assert "aws-secrets-manager:prod/app" in said.affected_systems
    assert "2 of 2 credentials are dead and 2 replaced." in said.summary
    assert "9 commits rewritten and pushed." in said.summary
    assert "The remote was searched again and is clean." in said.summary
    assert "No sign of misuse was found for 1 of 2 credentials" in said.impact
    assert "not known" in said.impact
    assert any("Deactivated access key" in action for action in said.actions_taken)
    assert "None is planned" in said.next_update


def test_misuse_stands_in_the_impact(story: Story) -> None:
    story.leak()
    events = [{"at": "2026-11-01T00:00:00Z", "what": "RunInstances", "suspicious": True}]
    story.fact("investigate", "events", AWS, known={"events": events})
    story.fact("triage", "footholds", AWS, known={"footholds": [{"what": "user", "id": "x"}]})
    record = build(story.rows)
    assert "1 suspicious event while it was out." in record.communication.impact
    assert "1 possible foothold found." in record.communication.impact
    assert record.credentials[0].events == tuple(events)


@pytest.mark.parametrize(
    ("severity", "hours"), [("critical", 0.5), ("high", 1), ("?", 1), ("low", 24)]
)
def test_the_next_update_follows_severity(story: Story, severity: str, hours: float) -> None:
    from datetime import timedelta

    from remediate.clock import parse

    story.opened(severity=severity)
    record = build(story.rows)
    assert record.generated_at is not None
    assert parse(record.communication.next_update) == parse(record.generated_at) + timedelta(
        hours=hours
    )


def test_refusals_are_told_once(story: Story) -> None:
    story.leak()
    for _ in range(2):
        story.add(
            Kind.REFUSAL, "contain", asked="revoke 30 credentials", why="max_revocations is 20"
        )
    [refusal] = build(story.rows).refusals
    assert refusal.why == "max_revocations is 20"


def test_deletion_after_investigation_is_told(whole: Story) -> None:
    whole.done("investigate", "delete", AWS, "Deleted access key AKIAEXAMPLEOLD000000")
    aws = build(whole.rows).credentials[0]
    assert aws.state is CredentialState.DEAD
    assert aws.deleted_at == whole.rows[-1].at
    assert aws.dead_since is not None and aws.dead_since < aws.deleted_at


def test_rows_of_a_newer_remediate_are_left_out(whole: Story) -> None:
    before = build(whole.rows)
    whole.rows.insert(3, Row(4, whole.rows[2].at, "from-the-future", None, None, {"x": [1, {}]}))
    assert build(whole.rows) == before
