"""The record of a real incident, stopped after each stage in turn: whole, the same again, and nothing in it that must not be."""

from __future__ import annotations

import contextlib
import copy
import html
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from remediate.api import Result, assembling
from remediate.api.answers import Agrees
from remediate.api.flags import Flags
from remediate.demo.play import _environment, _person, vendors
from remediate.demo.scenario import Scenario, build
from remediate.history.repo import open_repo
from remediate.incident.events import Event
from remediate.incident.home import home_path
from remediate.incident.intake import take_in
from remediate.incident.opening import Installation
from remediate.incident.rows import Row
from remediate.plugins.local import Planted, RunningVendor
from remediate.record.build import build as record_of
from remediate.record.html import to_html
from remediate.record.json_record import schema, to_json
from remediate.record.markdown import to_markdown
from remediate.record.model import Record
from remediate.record.ocsf import OCSF_VERSION, to_ocsf
from remediate.record.sharing import share
from remediate.reports.read import load
from remediate.secret import Secret
from remediate.stages.interface import stages

pytest.importorskip("moto")

FORMS: dict[str, Callable[[Record], str]] = {
    "json": to_json,
    "md": to_markdown,
    "html": to_html,
    "ocsf": to_ocsf,
}
STATIONS = [
    "introduced",
    "pushed",
    "public",
    "detected",
    "revoked",
    "replaced",
    "rewritten",
    "published",
    "verified",
]


@dataclass
class Moment:
    """The incident as it was when a run had ended."""

    after: str
    rows: tuple[Row, ...]
    result: Result
    written: dict[str, str]


@dataclass
class Incident:
    """One incident, from its report to its end."""

    moments: list[Moment]
    values: list[bytes]
    old_ids: set[str]
    folder: Path


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Incident]:
    folder = tmp_path_factory.mktemp("moments")
    with pytest.MonkeyPatch.context() as patch, vendors() as running:
        planted = [vendor.plant() for vendor in running]
        # Before the surroundings are sealed: the demo's own commits bring all that they need.
        scenario = build(folder, planted)
        environment = _environment(folder, running)
        for name in ("HOME", "REMEDIATE_HOME", "PYTHON_KEYRING_BACKEND", "GIT_CONFIG_GLOBAL"):
            patch.setenv(name, environment[name])
        old = _git(scenario.repository, "rev-list", "--all").split()
        made = _lived(scenario, environment, running)
        new = _git(scenario.repository, "rev-list", "--all").split()
        yield Incident(made, _secret(planted), set(old) - set(new), folder)


def _secret(planted: list[Planted]) -> list[bytes]:
    values = [value.reveal() for each in planted for value in each.values.values()]
    # An AWS key id is public, and shown.
    return [value for value in values if not value.startswith(b"AKIA")]


def _git(where: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=where, check=True, capture_output=True, text=True
    ).stdout


def _lived(
    scenario: Scenario, environment: Mapping[str, str], running: list[RunningVendor]
) -> list[Moment]:
    """Stopped at each stage's end, gone on with, and at last to the end, the person's part played."""
    here = Installation(home_path(environment))
    repo = open_repo(scenario.repository)
    flags = Flags(
        repo=scenario.repository, policy=scenario.policy, yes=True, key_file=scenario.key_file
    )
    taken = take_in(load(str(scenario.report), contextlib.nullcontext()), repo, here.key)  # type: ignore[arg-type]
    moments = []
    values: dict[str, Secret] = {}
    for name in [*(stage.name for stage in stages()), "", "", ""]:
        around = assembling.surroundings(
            flags, repo, asks=Agrees(), listener=_until(name), environment=environment
        )
        known = next(iter(here.incidents()), None)
        if known is None:
            result = assembling.start(here, taken, repo, around)
        elif known.state.closed:
            break
        else:
            result = assembling.go_on(here, known, around, values=values)
        assert result.record is not None
        with here.journal(result.record.parent, reader=True) as journal:
            rows = journal.rows
        written = {form: result.record.with_suffix(f".{form}").read_text("utf-8") for form in _OWN}
        moments.append(Moment(name or "the end", rows, result, written))
        values = {
            step.id: value
            for step in result.manual
            if not name and step.takes_value and (value := _person(running, step)) is not None
        }
    return moments


_OWN = ("json", "md", "html")


def _until(name: str) -> Callable[[Event], None]:
    """Ctrl-C, once the stage of that name has ended."""
    told = False

    def listen(event: Event) -> None:
        nonlocal told
        ended = event.data.get("status") in ("done", "waiting", "skipped", "failed")
        if event.name == "stage" and event.data["name"] == name and ended and not told:
            told = True
            raise KeyboardInterrupt

    return listen


def strict() -> jsonschema.Draft202012Validator:
    """The shipped schema, with nothing allowed that it does not name."""
    closed = copy.deepcopy(schema())

    def close(node: Any) -> None:
        if isinstance(node, dict):
            if "properties" in node:
                node.setdefault("additionalProperties", False)
            for inner in node.values():
                close(inner)
        elif isinstance(node, list):
            for inner in node:
                close(inner)

    close(closed)
    return jsonschema.Draft202012Validator(
        closed, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def test_it_was_stopped_after_each_stage_and_came_to_its_end(incident: Incident) -> None:
    assert [m.after for m in incident.moments[:9]] == [stage.name for stage in stages()]
    assert {m.result.status for m in incident.moments[:8]} == {"interrupted"}
    assert incident.moments[-1].result.status == "clean"
    # Not before what was only disabled may be deleted.
    assert json.loads(incident.moments[-1].written["json"])["status"] == "Contained"


def test_it_is_the_same_again_byte_for_byte(incident: Incident) -> None:
    for moment in incident.moments:
        again = record_of(moment.rows)
        assert {form: FORMS[form](again) for form in _OWN} == moment.written, moment.after
        # Out of rows that came another way, too: as `remediate log --json` hands them out.
        copied = [replace(row, data=json.loads(json.dumps(row.data))) for row in moment.rows]
        assert to_json(record_of(copied)) == moment.written["json"]


def test_it_holds_to_its_schema(incident: Incident) -> None:
    validator = strict()
    for moment in incident.moments:
        for record in (record_of(moment.rows), share(record_of(moment.rows))):
            validator.validate(json.loads(to_json(record)))


def test_at_any_row_of_the_journal_there_is_a_record(incident: Incident) -> None:
    """As a crash may leave it: cut off behind any row."""
    rows = incident.moments[-1].rows
    validator = strict()
    for end in range(1, len(rows) + 1, 7):
        record = record_of(rows[:end])
        validator.validate(json.loads(to_json(record)))
        assert [m.name for m in record.milestones] == STATIONS
        for form in FORMS.values():
            assert form(record) and form(share(record))


def test_a_station_that_is_not_reached_says_why(incident: Incident) -> None:
    for moment in incident.moments:
        for station in record_of(moment.rows).milestones:
            assert station.at or station.note, f"{station.name} after {moment.after}"
            assert not station.at or station.what, station.name
    last = {m.name: m for m in record_of(incident.moments[-1].rows).milestones}
    for name in (
        "introduced",
        "detected",
        "revoked",
        "replaced",
        "rewritten",
        "published",
        "verified",
    ):
        assert last[name].at, f"{name}: {last[name].note}"
        assert last[name].who, name


def test_what_each_part_of_it_says_at_each_moment(incident: Incident) -> None:
    for moment in incident.moments:
        record = record_of(moment.rows)
        (response,) = [r for r in record.response if r.name == "detection-to-containment"]
        assert response.target == 15 * 60
        assert (response.seconds is None) != (response.so_far is None)
        assert {d.id for d in record.duties} == {
            "personal-data",
            "regulators",
            "contracts",
            "third-party-owner",
            "evidence",
        }
        assert all(duty.known for duty in record.duties)
        assert all(
            clock.due for d in record.duties for clock in d.clocks if "business" not in clock.within
        )
        assert record.communication.summary and record.communication.next_update
        assert record.lessons or moment.after == "assess"
        for action in record.actions:
            if action.status == "done":
                assert action.evidence or action.data or action.summary, action.key
        for step in record.manual:
            assert step.title and step.why and step.owner, step.id
        for credential in record.credentials:
            assert (credential.state == "dead") == (credential.proof is not None)
            assert credential.state == "dead" or credential.state_reason
    first, last = record_of(incident.moments[0].rows), record_of(incident.moments[-1].rows)
    assert first.gaps, "what is not known yet is said"
    assert first.status == "Investigating" and last.status == "Contained"
    assert all(c.state == "dead" and c.replacement == "in-place" for c in last.credentials)


def test_the_sections_are_in_every_form_for_people(incident: Incident) -> None:
    always = (
        "What was reachable",
        "What is not known",
        "Response times",
        "Duties that a person decides",
        "Lessons",
        "Actions",
    )
    for moment in incident.moments:
        record = record_of(moment.rows)
        open_steps = [step for step in record.manual if step.done_at is None]
        for form in ("md", "html"):
            text = moment.written[form]
            for words in always:
                assert words in text, (moment.after, form, words)
            assert record.communication.summary.split(".")[0] in html.unescape(text)
            for step in open_steps:
                assert step.title in html.unescape(text)
                assert step.owner and step.owner in html.unescape(text)
    assert any(s.done_at is None for m in incident.moments for s in record_of(m.rows).manual)


def test_no_value_is_in_any_form(incident: Incident) -> None:
    for moment in incident.moments:
        record = record_of(moment.rows)
        for form in FORMS.values():
            for text in (form(record), form(share(record))):
                for value in incident.values:
                    assert value not in text.encode()


def test_what_is_shared_leads_nobody_back(incident: Incident) -> None:
    assert incident.old_ids
    for moment in incident.moments:
        record = record_of(moment.rows)
        for name, form in FORMS.items():
            text = form(share(record))
            for old in incident.old_ids:
                assert old[:10] not in text, f"an old id in {name} after {moment.after}"
            for secret in record.secrets:
                assert secret.fingerprint[:12] not in text, f"{name} after {moment.after}"
            for private in ("Ada Dev", "ada@example.com", "Bob Öps", str(incident.folder)):
                assert private not in text, f"{private} in {name} after {moment.after}"


def test_the_page_stands_alone(incident: Incident) -> None:
    for moment in incident.moments:
        page = moment.written["html"]
        assert "<script" not in page.lower()
        assert not re.findall(r"""(?:src|href)=["']?(?!https?://|#|mailto:)[^"'>\s]""", page)
        assert not re.findall(r"<(?:link|img|iframe|object|embed)\b", page, re.IGNORECASE)
        assert not re.search(r"url\((?!['\"]?data:)|@import", page)


def test_a_siem_takes_it(incident: Incident) -> None:
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    whole = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=OCSF_VERSION))
    wanted: Any = whole.get_class_schema(class_name="incident_finding", profiles=["incident"])
    validator = jsonschema.Draft202012Validator(wanted)
    for moment in incident.moments:
        for record in (record_of(moment.rows), share(record_of(moment.rows))):
            assert not list(validator.iter_errors(json.loads(to_ocsf(record)))), moment.after
