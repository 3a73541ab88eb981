"""What the command line does, from a program: the same events, the same end, the same bytes."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from remediate.api import ExitStatus, Repository, Secret
from remediate.errors import (
    BusyError,
    DeclinedError,
    NoSuchIncidentError,
    ReportError,
    RepositoryError,
    UsageError,
)
from remediate.incident.events import EVENTS
from remediate.record.json_record import to_json

VALUE = "a-value-of-" + "some-length-" + "8f14e45f"


@dataclass
class Place:
    repo: Path
    report: Path
    key: Path

    def open(self, **options: object) -> Repository:
        given = {"yes": True, "offline": True, "push": False, "key_file": self.key, **options}
        return Repository(self.repo, **given)  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path, bash: Callable[..., str]) -> Place:
    bash(
        f"""
        git init -q r; cd r; echo one > a; git add .; git commit -qm one
        printf 'KEY = "{VALUE}"\\n' > config.py; git add .; git commit -qm two
        printf 'KEY = env()\\n' > config.py; git commit -qam three
        """
    )
    report, key = tmp_path / "leaks.txt", tmp_path / "key"
    report.write_text(VALUE + "\n")
    key.write_text("a key of thirty-two characters..\n")
    return Place(tmp_path / "r", report, key)


def holds(repo: Path) -> bool:
    line = f"git cat-file --batch --batch-all-objects | grep -aq '{VALUE}'"
    return subprocess.run(["bash", "-c", line], cwd=repo).returncode == 0


def by_command(place: Place, *words: str | Path, env: Mapping[str, str]) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "remediate", *map(str, words), "--json"],
        cwd=place.repo,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


_TYPES = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "list": list | tuple,
    "object": Mapping,
    "null": type(None),
}


def fits(line: Mapping[str, object]) -> None:
    """Holds *line* to what docs/events.md says of it."""
    told = EVENTS[str(line["event"])]
    fields = {name: value for name, value in line.items() if name != "event"}
    assert set(fields) <= set(told.fields) and set(told.fields) - told.optional <= set(fields), line
    for name, value in fields.items():
        kinds = told.fields[name][0].split(" or ")
        assert any(isinstance(value, _TYPES[kind]) for kind in kinds), (line["event"], name, value)
        assert not (isinstance(value, bool) and "boolean" not in kinds), (line["event"], name)


def shape(line: Mapping[str, object]) -> tuple[object, ...]:
    return (line["event"], line.get("name"), line.get("status"), tuple(sorted(line)))


def test_the_events_are_those_of_the_command_line(place: Place, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    subprocess.run(["cp", "-a", place.repo, twin], check=True)
    told = [event.line() for event in place.open(home=tmp_path / "one").run(place.report)]
    for line in told:
        fits(line)
    there = Place(twin, place.report, place.key)
    words = ("run", place.report, "--yes", "--offline", "--no-push", "--key-file", place.key)
    lines = by_command(there, *words, env={"REMEDIATE_HOME": str(tmp_path / "two")})
    steps = [[shape(e) for e in each if e["event"] != "progress"] for each in (told, lines)]
    assert steps[0] == steps[1]
    assert told[0] == {"event": "version", "schema": "remediate.events/1"}
    assert told[-1]["event"] == "finished" and told[-1]["status"] == lines[-1]["status"]
    json.dumps(told)


def test_preview_run_verify_record_undo(place: Place) -> None:
    repo = place.open()
    seen = repo.preview(place.report)
    assert holds(place.repo) and seen.clean and seen.rehearsal is not None
    document = seen.document()
    assert document["commits"] == {"total": 3, "rewritten": 2}
    assert not repo.verify(place.report).clean
    result = repo.run(place.report.read_bytes()).result()
    assert (result.status, result.exit) == ("partial", ExitStatus.DONE)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=place.repo, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert head == {ref["name"]: ref["new"] for ref in document["refs"]}["refs/heads/main"]
    assert not holds(place.repo) and repo.verify(place.report).clean
    assert result.record is not None
    assert to_json(repo.record()) == result.record.read_text("utf-8")
    assert to_json(repo.record(share=True)) != to_json(repo.record())
    assert [known.state.id for known in repo.incidents()] == [result.incident]
    assert repo.undo() == ()
    assert holds(place.repo)


def test_no_secret_is_in_an_event(fixtures: Path, acme: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a key of thirty-two characters..\n")
    repo = Repository(acme, yes=True, offline=True, push=False, key_file=key)
    report = fixtures / "reports" / "gitleaks.json"
    told = []
    for event in repo.run(report):
        fits(event.line())
        told.append(repr(event))
    assert len(told) > 10
    text = "\n".join(told).encode()
    values = [entry["Secret"].encode() for entry in json.loads(report.read_bytes())]
    # An AWS key id is public: it may be shown.
    secret = [value for value in values if not value.startswith((b"AKIA", b"ASIA"))]
    assert len(secret) >= 4
    for value in secret:
        for form in (
            value,
            base64.b64encode(value),
            value.hex().encode(),
            repr(value)[2:-1].encode(),
        ):
            assert form not in text


def test_nothing_happens_before_the_first_event(place: Place) -> None:
    repo = place.open()
    before = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=place.repo, capture_output=True, check=True
    ).stdout
    running = repo.run(place.report)
    assert list(repo.incidents()) == []
    running.stop()
    with pytest.raises(Exception, match="Stopped before"):
        running.result()
    assert list(repo.incidents()) == []
    after = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=place.repo, capture_output=True, check=True
    ).stdout
    assert before == after


@pytest.mark.parametrize("stage", ["assess", "clean", "prevent"])
def test_a_run_that_is_stopped_goes_on(place: Place, stage: str) -> None:
    repo = place.open()
    with repo.run(place.report) as running:
        for event in running:
            if event.name == "stage" and event.data["name"] == stage:
                break
    known = next(repo.incidents())
    assert not known.state.closed
    result = repo.resume().result()
    assert result.incident == known.state.id and result.exit is ExitStatus.DONE
    assert not holds(place.repo)


def test_a_stop_in_the_middle_is_an_interrupted_run(place: Place) -> None:
    running = place.open().run(place.report)
    names = []
    for event in running:
        names.append(event.name)
        if event.name == "incident":
            running.stop()
    assert names[0] == "version" and names[-1] == "finished"
    result = running.result()
    assert (result.status, result.exit) == ("interrupted", ExitStatus.INTERRUPTED)
    assert result.record is not None and result.record.is_file()


def in_a_process(place: Place, body: str) -> subprocess.CompletedProcess[str]:
    """A program of its own, for signals and the end of a process; it has *body* at its end."""
    program = f"""
import os, signal, time
from remediate.api import Repository

class Interrupts:
    def confirm(self, question, *, option, default, why="", typed=""):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)
        return default
    def secret(self, question, *, option, why=""):
        return None

def opened(**more):
    return Repository(
        {str(place.repo)!r}, yes=True, offline=True, push=False, key_file={str(place.key)!r}, **more
    )
report = {str(place.report)!r}
{body}
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.parametrize(
    "loop",
    [
        # While an event is waited for: the signal reaches the main thread, the pipeline works in another.
        "for event in opened(asks=Interrupts()).run(report): pass",
        # While the program is busy with one.
        """with opened().run(report) as running:
        for event in running:
            if event.name == "incident":
                os.kill(os.getpid(), signal.SIGINT)""",
    ],
)
def test_ctrl_c_stops_the_run_and_loses_nothing(place: Place, loop: str) -> None:
    done = in_a_process(
        place,
        f"""
try:
    {loop}
except KeyboardInterrupt:
    print("told")
print(next(opened().incidents()).state.concluded["status"])
print(opened().resume().result().status)
""",
    )
    assert done.stdout.split() == ["told", "interrupted", "partial"], done.stderr
    assert not holds(place.repo)


def test_a_program_that_ends_stops_its_run(place: Place) -> None:
    done = in_a_process(
        place, "running = opened().run(report); next(running); next(running); raise SystemExit(7)"
    )
    assert done.returncode == 7, done.stderr
    repo = place.open()
    assert next(repo.incidents()).state.concluded is not None
    assert repo.resume().result().exit is ExitStatus.DONE
    assert not holds(place.repo)


def test_what_is_wrong_is_refused_before_anything_is_done(place: Place, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError):
        Repository(tmp_path)
    with pytest.raises(UsageError):
        Repository(place.repo, only=["nothing"])
    repo = place.open()
    with pytest.raises(ReportError):
        repo.run(tmp_path / "no-such-report")
    with pytest.raises(ReportError):
        repo.run("-")
    with pytest.raises(ReportError):
        repo.run(b'{"cut": ')
    with pytest.raises(NoSuchIncidentError):
        repo.resume()
    assert repo.run(b"[]").result().incident is None
    assert list(repo.incidents()) == []


def test_a_question_without_anybody_names_the_option(place: Place) -> None:
    running = Repository(place.repo, offline=True, push=False).run(place.report)
    result = running.result()
    assert result.exit is ExitStatus.USAGE
    assert holds(place.repo)


def test_questions_go_to_whoever_answers(place: Place) -> None:
    asked: list[str] = []

    class Refuses:
        def confirm(
            self, question: str, *, option: str, default: bool, why: str = "", typed: str = ""
        ) -> bool:
            asked.append(option)
            return False

        def secret(self, question: str, *, option: str, why: str = "") -> Secret | None:
            return None

    result = place.open(yes=False, asks=Refuses()).run(place.report).result()
    assert asked and result.exit is ExitStatus.DECLINED
    assert holds(place.repo)
    with pytest.raises((DeclinedError, UsageError)):
        place.open(asks=Refuses()).undo()


def test_a_value_for_a_step_that_does_not_wait(place: Place) -> None:
    repo = place.open()
    running = repo.run(place.report)
    for event in running:
        if event.name == "incident":
            running.stop()
    with pytest.raises(NoSuchIncidentError):
        repo.resume(values={"replace-nothing": Secret("new")}).result()


def test_a_record_can_be_made_while_the_run_goes_on(place: Place) -> None:
    repo = place.open()
    made = [repo.record() for event in repo.run(place.report) if event.name in ("stage", "effect")]
    assert len(made) > 10
    assert made[0].conclusion is None, "no run has ended yet"
    assert all(record.incident == made[0].incident for record in made)


def test_two_runs_at_once_in_one_process_are_refused(place: Place) -> None:
    first, second = place.open().run(place.report), place.open().run(place.report)
    gate = threading.Event()
    first._work._work, work = (lambda tell: (gate.wait(30), work(tell))[1]), first._work._work
    assert next(first).name == "version"
    with pytest.raises(BusyError, match="in this process"):
        second.result()
    gate.set()
    assert first.result().exit is ExitStatus.DONE


def test_what_nobody_foresaw_tells_its_place_and_not_its_text(place: Place) -> None:
    running = place.open().run(place.report)

    def work(_tell: object) -> object:
        raise ValueError(VALUE)

    running._work._work = work  # type: ignore[assignment]
    with pytest.raises(Exception) as caught:
        running.result()
    assert VALUE not in str(caught.value) and "ValueError" in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_step_that_only_a_person_can_see_done_is_done_on_their_word(place: Place) -> None:
    found = {
        "SourceMetadata": {"Data": {"Github": {"link": "https://example.com/wiki/1"}}},
        "DetectorName": "Generic",
        "Raw": VALUE,
    }
    repo = place.open()
    result = repo.run(json.dumps(found).encode() + b"\n").result()
    assert result.exit is ExitStatus.MANUAL
    (step,) = [step for step in result.manual if step.on_word]
    with pytest.raises(NoSuchIncidentError, match=step.id.replace("copy", "copy-no")):
        repo.resume(done=[step.id, step.id.replace("copy", "copy-no")]).result()
    assert repo.resume().result().exit is ExitStatus.MANUAL, (
        "all of them or none, and yes is no word"
    )
    result = repo.resume(done=[step.id]).result()
    assert (result.exit, result.status, result.on_word) == (ExitStatus.DONE, "partial", True)
