"""Jobs that failed between the kill and the new value: in the events, on the terminal, in the record, after a resume."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remediate.model import ManualStep
from remediate_providers.github.local import REPOSITORY, RESPONDER, LocalGitHub
from remediate_providers.github.local_runs import run as workflow_run
from remediate_providers.gitlab.local import LocalGitLab
from remediate_providers.gitlab.local_api import PROJECT_PATH
from remediate_providers.gitlab.local_jobs import job, pipeline

from .conftest import Done
from .guided import KILL, NAME, VALUE, WHAT, Leak, ended, screen

PATH = ".github/workflows/release.yml"
COMMAND = f"gh run rerun 7 --failed --repo {REPOSITORY}"


def remediate(leak: Leak, *words: str, stdin: bytes = b"") -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "remediate", *words],
        env=leak.environment,
        cwd=leak.scenario.repository,
        input=stdin,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def fails(github: Any, number: int = 7, *, text: str = "T: '${{ secrets.DEPLOY_TOKEN }}'") -> None:
    """A run that began hours ago and fails now."""
    now = datetime.now(UTC)
    failed = workflow_run(
        number, repository=REPOSITORY, path=PATH, began=now - timedelta(hours=3), ended=now
    )
    github.state.runs.setdefault(REPOSITORY, []).append(failed)
    github.state.files[REPOSITORY] = {PATH: text}


def test_they_come_with_the_resume_that_brings_the_new_value(leak: Callable[..., Leak]) -> None:
    """Before it nothing can be run again; nor does the list change how the run ends."""
    here = leak(LocalGitHub(lag=0.05))
    github = here.vendors["github"]
    policy = ("--policy", str(here.scenario.policy), "--yes", "--json")
    first = remediate(here, "run", str(here.scenario.report), *policy)
    assert first.finished["exit"] == 3
    assert first.finished["reruns"] == {"jobs": [], "not_known": []}
    fails(github)
    (step,) = [s for s in first.finished["manual"] if s["takes_value"]]
    new = github.person(ManualStep("replace", "Make one", "", url=step["url"], takes_value=True))
    done = remediate(
        here, "resume", "--value", step["id"], *policy, stdin=new.reveal_text().encode()
    )
    assert done.code == 0, done.out + done.err
    (told,) = [e for e in done.events if e["event"] == "rerun"]
    (found,) = done.finished["reruns"]["jobs"]
    assert found == {k: v for k, v in told.items() if k != "event"}
    assert (found["command"], found["sure"], found["state"]) == (COMMAND, True, "failed")
    asked = {one["what"]: one["asked"] for one in done.finished["reruns"]["not_known"]}
    assert asked == {"dotenv:.env.local#GITHUB_TOKEN": False}
    summary = [e["summary"] for e in done.events if e["event"] == "stage" and "summary" in e]
    assert any("1 job to run again" in text for text in summary)

    assert COMMAND in remediate(here, "show").out
    assert remediate(here, "show", "--json").document["reruns"]["jobs"] == [found]
    record = remediate(here, "record", "--format", "json").document
    assert [one["command"] for one in record["reruns"]] == [COMMAND]
    for form in ("md", "html"):
        page = remediate(here, "record", "--format", form).out
        assert "Jobs to run again" in page
        assert COMMAND in page
        assert COMMAND in remediate(here, "record", "--format", form, "--share").out


def test_without_the_permission_the_end_says_that_it_is_not_known(
    leak: Callable[..., Leak],
) -> None:
    here = leak(LocalGitHub(lag=0.05))
    github = here.vendors["github"]
    fails(github)
    policy = ("--policy", str(here.scenario.policy), "--yes")
    first = remediate(here, "run", str(here.scenario.report), *policy, "--json")
    (step,) = [s for s in first.finished["manual"] if s["takes_value"]]
    new = github.person(ManualStep("replace", "Make one", "", url=step["url"], takes_value=True))
    github.state.without_actions.add(RESPONDER)
    done = remediate(
        here, "resume", "--value", step["id"], *policy, stdin=new.reveal_text().encode()
    )
    text = done.out + done.err
    assert "To run again" not in text
    assert re.search(r"Not known whether .* needed is permission actions=read", text)
    assert "dotenv" not in re.findall(r"Not known whether .*", text), "nobody to ask is no news"
    gaps = remediate(here, "record", "--format", "json").document["gaps"]
    assert len([gap for gap in gaps if gap["topic"] == "reruns"]) == 4


def test_a_gitlab_job_in_one_run(leak: Callable[..., Leak]) -> None:
    here = leak(LocalGitLab(lag=0.05))
    gitlab = here.vendors["gitlab"]
    page, now = f"{gitlab.url}/{PROJECT_PATH}", datetime.now(UTC)
    began = now - timedelta(hours=3)
    gitlab.state.configured["c0ffee"] = "mirror:\n  script: ./mirror $MIRROR_TOKEN\n"
    gitlab.state.pipelines.append(pipeline(7, page, began=began, ended=now, sha="c0ffee"))
    gitlab.state.jobs[7] = [
        job(70, page, began=began, ended=now, name="mirror"),
        job(71, page, began=began, ended=now - timedelta(hours=2), name="mirror"),
    ]
    policy = ("--policy", str(here.scenario.policy), "--yes")
    done = remediate(here, "run", str(here.scenario.report), *policy)
    text = done.out + done.err
    assert f"    glab ci retry 70 -R {page}\n" in text, text
    assert "mirror of pipeline 7 on main, failed" in text
    assert "glab ci retry 71" not in text, "it failed before the value died"
    record = remediate(here, "record", "--format", "json").document
    assert [(one["id"], one["sure"]) for one in record["reruns"]] == [(70, True)]


def test_the_guide_ends_with_them(leak: Callable[..., Leak], guide: Callable[..., Any]) -> None:
    pytest.importorskip("pexpect")
    here = leak(LocalGitHub(lag=0.05))
    github = here.vendors["github"]
    fails(github)
    fails(github, 8, text="    secrets: inherit\n")
    child = guide(here)
    child.expect(WHAT)
    child.sendline("2")
    child.expect("report's file .*: $")
    child.sendline(str(here.scenario.report))
    child.expect(KILL)
    child.sendline("y")
    child.expect(VALUE)
    url = re.findall(r"http://\S+/settings/tokens/new\S*", screen(child))[-1]
    new = github.person(ManualStep("replace", "Make one", "", url=url, takes_value=True))
    child.sendline(new.reveal_text())
    for _ in range(2):
        child.expect(NAME)
        child.sendline("app")
    assert ended(child) == 0, screen(child)
    shown = screen(child)
    end = shown[shown.rindex("To run again") :]
    assert "gh run rerun 7 --failed" in end
    assert "perhaps for it: its workflow hands all secrets on" in end
    assert new.reveal_text() not in shown


def test_a_stopped_resume_lists_what_had_been_found(leak: Callable[..., Leak]) -> None:
    """The list is in the journal: another process, asked for nothing but to go on, ends with it too."""
    here = leak(LocalGitLab(lag=0.05))
    gitlab = here.vendors["gitlab"]
    page, now = f"{gitlab.url}/{PROJECT_PATH}", datetime.now(UTC)
    gitlab.state.pipelines.append(pipeline(7, page, began=now, ended=now))
    gitlab.state.jobs[7] = [job(70, page, began=now, ended=now)]
    policy = ("--policy", str(here.scenario.policy), "--yes", "--json")
    first = remediate(here, "run", str(here.scenario.report), *policy, "--skip", "publish")
    assert [one["id"] for one in first.finished["reruns"]["jobs"]] == [70]
    gitlab.state.jobs.clear()
    again = remediate(here, "resume", *policy)
    assert [one["id"] for one in again.finished["reruns"]["jobs"]] == [70]
    assert [e for e in again.events if e["event"] == "rerun"] == [], "told once"
    assert json.loads(remediate(here, "log", "--check", "--json").out)["intact"] is True
