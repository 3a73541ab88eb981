"""What is in sight whenever the guide asks: the step, the danger, the time, what follows, a script's command."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from remediate.secret import Secret
from remediate_providers.aws.local import LocalAws
from remediate_providers.github.local import LocalGitHub
from remediate_providers.stripe.local import LocalStripe

from ..providers.github.hosted import guarded
from .guided import KILL, NAME, SECRET, VALUE, WHAT, Leak, ended, screen

pytest.importorskip("pexpect")
pytest.importorskip("moto")

Start = Callable[..., Any]


def rows(child: Any, columns: int, height: int) -> str:
    """What stands on the screen now: the last *height* rows of what was written, as one line of words."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen(child))
    found: list[str] = []
    for line in plain.split("\n"):
        line = line.rsplit("\r", 1)[-1]
        found += [line[at : at + columns] for at in range(0, len(line), columns)] or [""]
    return " ".join(" ".join(found[-height:]).split())


@pytest.mark.parametrize(
    ("columns", "height", "plain"),
    [(100, 50, False), (60, 20, False), (80, 24, True)],
    ids=["a desk", "narrow and low", "plain and dumb"],
)
def test_where_we_are_is_in_sight_at_every_question(
    columns: int, height: int, plain: bool, leak: Callable[..., Leak], guide: Start
) -> None:
    aws = leak(LocalAws(lag=0.05))
    values = [row["Secret"] for row in json.loads(aws.scenario.report.read_text())]
    more = ["--plain"] if plain else []
    child = guide(aws, *more, columns=columns, TERM="dumb" if plain else "xterm")
    child.setwinsize(height, columns)
    child.expect(WHAT)
    assert "In a script: remediate run REPORT" in rows(child, columns, height)
    child.sendline("1")
    child.expect(SECRET)
    child.sendline(next(value for value in values if value.startswith("AKIA")))
    for question, answer, step, stage in (
        (KILL, "y", 3, "contain"),
        (NAME, "app", 6, "clean"),
        (NAME, "app", 7, "publish"),
    ):
        child.expect(question)
        seen = rows(child, columns, height)
        for words in (
            f"Step {step} of 9: ",
            "Still dangerous: ",
            " s so far).",
            "Yes: ",
            "No: ",
            "To take it back: ",
            f"--yes --only {stage}",
        ):
            assert "".join(words.split()) in "".join(seen.split()), (words, seen)
        child.sendline(answer)
    assert ended(child) == 0, screen(child)
    shown = screen(child)
    if plain:
        assert "\x1b" not in shown and "\r" not in shown.replace("\r\n", "")
    # Nine steps, and each ends with what does it in a script.
    for stage in ("assess", "preserve", "contain", "triage", "recover", "clean", "publish"):
        assert f"--yes --only {stage}" in shown.replace("\n", " ")


def test_the_command_for_a_script_does_what_the_question_asks_about(
    leak: Callable[..., Leak], guide: Start
) -> None:
    stripe = leak(LocalStripe(lag=0.05))
    (value,) = stripe.secrets().values()
    child = guide(stripe)
    child.expect(WHAT)
    child.sendline(str(stripe.scenario.report))
    child.expect(KILL)
    child.sendline("n")
    assert ended(child) == 8
    assert not stripe.vendors["stripe"].is_dead({"value": Secret(value)})
    (command,) = set(
        re.findall(r"In a script: (remediate resume .* --only contain)", screen(child))
    )
    words = shlex.split(command)
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=stripe.scenario.repository,
        env=stripe.environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert stripe.vendors["stripe"].is_dead({"value": Secret(value)})


def test_a_github_alerts_address_is_enough(
    leak: Callable[..., Leak], guide: Start, bash: Callable[..., str]
) -> None:
    """Its value and its place come from GitHub; at the alert's own number, and at one that is not there."""
    mine = leak(LocalGitHub(lag=0.05))
    github = mine.vendors["github"]
    (row,) = json.loads(mine.scenario.report.read_text())
    guarded(github).alerts[7] = {
        "secret_type": "github_personal_access_token",
        "secret": row["Secret"],
        "state": "open",
        "created_at": "2026-03-01T10:00:00Z",
        "locations": [
            {
                "type": "commit",
                "details": {
                    "path": f"/{row['File']}",
                    "start_line": row["StartLine"],
                    "end_line": row["EndLine"],
                    "commit_sha": row["Commit"],
                },
            }
        ],
    }
    child = guide(mine)
    child.expect(WHAT)
    child.sendline(f"{github.url}/acme/app/security/secret-scanning/8")
    child.expect("That did not work: ")
    child.expect(WHAT)
    child.sendline(f"{github.url}/acme/app/security/secret-scanning/7")
    child.expect("That is 1 credential:")
    child.expect(r"github-pat \w+ \(" + re.escape(f"{row['File']}:{row['StartLine']}"))
    child.expect(KILL)
    child.sendline("")
    child.expect(VALUE)
    child.sendintr()
    assert ended(child) == 130
    assert github.is_dead({"value": Secret(row["Secret"])})
    assert row["Secret"] not in screen(child)
