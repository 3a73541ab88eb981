"""Jobs to run again in the record: each form has them, and says where nobody has looked."""

from __future__ import annotations

import json

from remediate.incident.rows import Kind
from remediate.record.build import build
from remediate.record.html import to_html
from remediate.record.json_record import to_json
from remediate.record.markdown import to_markdown
from remediate.record.sharing import share

from .conftest import AWS, GITHUB, STORE, Story
from .test_json_record import strict

COMMAND = "gh run rerun 7 --failed --repo acme/app"
JOB = {
    "store": "github-actions:acme/app#TOKEN",
    "what": "Deploy on main",
    "id": 7,
    "state": "failed",
    "began": "2026-01-02T03:04:05Z",
    "ended": "2026-01-02T03:05:05Z",
    "page": "https://github.com/acme/app/actions/runs/7",
    "command": COMMAND,
    "sure": True,
    "why": "its workflow asks for TOKEN",
}
LATER = {**JOB, "id": 8, "state": "running", "ended": None, "command": None, "sure": False}


def test_they_hold_to_the_schema_and_stand_in_every_form(whole: Story) -> None:
    unknown = {STORE: "this kind of store tells of no jobs that read it"}
    whole.fact("recover", "reruns", AWS, known={"reruns": [JOB, LATER]}, unknown=unknown)
    record = build(whole.rows)
    written = json.loads(to_json(record))
    assert not list(strict().iter_errors(written))
    assert written["reruns"] == [{**one, "credential": AWS} for one in (JOB, LATER)]
    for one in (record, share(record)):
        for made in (to_markdown(one), to_html(one)):
            assert COMMAND in made
            assert "had not ended" in made
            assert "tells of no jobs" in made, "what nobody can tell is said"
    (learned,) = [f for f in record.facts if f.topic == "reruns"]
    assert learned.known
    assert to_markdown(record).count(COMMAND) == 1, "once, in a table of its own"


def test_what_the_newest_look_found_counts(whole: Story) -> None:
    whole.fact("recover", "reruns", AWS, known={"reruns": [LATER]})
    whole.fact("investigate", "reruns", AWS, known={"reruns": [{**JOB, "id": 8}]})
    assert [(job.id, job.state) for job in build(whole.rows).reruns] == [(8, "failed")]


def test_where_nobody_has_looked_it_is_not_known_and_not_none(whole: Story) -> None:
    """Of every credential that was ended and replaced, as an older remediate left it."""
    record = build(whole.rows)
    assert record.reruns == ()
    asked = {gap.about for gap in record.gaps if gap.topic == "reruns"}
    assert asked == {AWS, GITHUB}
    assert "Jobs to run again" not in to_markdown(record)
    whole.add(Kind.UNDONE, summary="back")
    assert {gap.about for gap in build(whole.rows).gaps if gap.topic == "reruns"} == asked
