"""The guide, driven to the end in a real terminal, by somebody who makes every mistake once."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediate.model import ManualStep
from remediate.secret import Secret
from remediate_providers.aws.local import LocalAws
from remediate_providers.github.local import LocalGitHub
from remediate_providers.stripe.local import LocalStripe

from .guided import KILL, NAME, SECRET, VALUE, WHAT, WHICH, YES_NO, Leak, ended, screen

pexpect = pytest.importorskip("pexpect")
pytest.importorskip("moto")


def test_one_aws_key_pasted(leak: Callable[..., Leak], guide: Callable[..., Any]) -> None:
    """The key id is enough: its secret is found where it stands. Ctrl-C in between, and on again."""
    aws = leak(LocalAws(lag=0.05))
    values = [f["Secret"] for f in json.loads(aws.scenario.report.read_text())]
    key_id = next(value for value in values if value.startswith("AKIA"))
    secret = next(value for value in values if value != key_id)
    child = guide(aws)
    child.expect(WHAT)
    child.sendline("")
    child.expect(SECRET)
    child.sendline(key_id)
    child.expect(KILL)
    child.sendline("y")
    child.expect(NAME)
    child.sendintr()
    assert ended(child) == 130
    shown = screen(child)
    assert "Nothing is lost" in shown or "nothing is lost" in shown
    assert "remediate resume" in shown
    assert aws.vendors["aws"].is_dead({"id": Secret(key_id)})

    child = guide(aws)
    child.expect(r"Go on with INC-\S+\? \[Y/n\] $")
    child.sendline("")
    child.expect(NAME)
    child.sendline("yes")
    child.expect(NAME)
    child.sendline("app")
    child.expect(NAME)
    child.sendline("app")
    assert ended(child) == 0, screen(child)
    for one in (shown, screen(child)):
        assert secret not in one
    assert "nothing that we know of is dangerous any more" in screen(child), "gone on with, too"
    assert "In a script: remediate resume INC-" in screen(child)


def test_a_report_and_a_wrong_answer_at_each_prompt(
    leak: Callable[..., Leak], guide: Callable[..., Any], tmp_path: Path
) -> None:
    """60 columns, no colour; the new GitHub token is typed at the prompt."""
    every = leak(LocalAws(lag=0.05), LocalGitHub(lag=0.05), LocalStripe(lag=0.05))
    child = guide(every, columns=60, NO_COLOR="1")
    for wrong in ("nosuchfile", "7", "https://example.com/nothing", str(every.scenario.policy)):
        child.expect(WHAT)
        child.sendline(wrong)
    child.expect(WHAT)
    child.sendline("2")
    child.expect("report's file .*: $")
    child.sendline(str(every.scenario.report))
    child.expect(KILL)
    child.sendline("maybe")
    child.expect(KILL)
    child.sendline("yes")
    child.expect(VALUE)
    github = every.vendors["github"]
    url = re.search(r"http://\S+/settings/tokens/new\S*", screen(child))
    assert url is not None, "an address stays whole, however narrow the terminal"
    step = ManualStep("replace", "Make one", "", url=url.group(), takes_value=True)
    new = github.person(step)
    assert new is not None
    child.sendline(new.reveal_text())
    child.expect(NAME)
    child.sendline("nothing of the kind")
    child.expect(NAME)
    child.sendline("app")
    child.expect(NAME)
    child.sendline("app")
    assert ended(child) == 0, screen(child)
    shown = screen(child)
    assert new.reveal_text() not in shown
    assert "\x1b[3" not in shown, "no colour"
    assert "Step 3 of 9" in shown
    for value in every.secrets().values():
        assert value not in shown or value.startswith("AKIA")


def test_a_report_of_seven_secrets(
    leak: Callable[..., Leak], guide: Callable[..., Any], bash: Callable[..., str], tmp_path: Path
) -> None:
    """Three of them of nobody's that we know: removed from history as well, and yours to replace."""
    every = leak(LocalAws(lag=0.05), LocalGitHub(lag=0.05), LocalStripe(lag=0.05))
    repository = every.scenario.repository
    rows = json.loads(every.scenario.report.read_text())
    more = [f"{secrets.token_hex(12)}-{n}" for n in range(3)]
    (repository / "more.ini").write_text("".join(f"password = {value}\n" for value in more))
    bash("git add more.ini && git commit -qm more && git push -q origin HEAD", cwd=repository)
    commit = bash("git rev-parse HEAD", cwd=repository).strip()
    for line, value in enumerate(more, 1):
        place = {"File": "more.ini", "StartLine": line, "EndLine": line, "Commit": commit}
        rows.append({**rows[0], **place, "RuleID": "generic-api-key", "Secret": value})
        rows[-1] |= {
            "Match": f"password = {value}",
            "StartColumn": 12,
            "EndColumn": 11 + len(value),
        }
    report = tmp_path / "seven.json"
    report.write_text(json.dumps(rows))
    assert len({row["Secret"] for row in rows}) == 7

    child = guide(every)
    child.expect(WHAT)
    child.sendline(str(report))
    child.expect("That is 6 credentials")
    child.expect(KILL)
    child.sendline("")
    waits = [NAME, VALUE, YES_NO, pexpect.EOF]
    while (asked := child.expect(waits)) != 3:
        if asked == 1:
            url = re.findall(r"http://\S+/settings/tokens/new\S*", screen(child))
            step = ManualStep("replace", "Make one", "", url=url[-1], takes_value=True)
            new = every.vendors["github"].person(step)
            assert new is not None
            child.sendline(new.reveal_text())
        else:
            child.sendline("app" if asked == 0 else "")
    shown = screen(child)
    words = " ".join(shown.split())
    assert "3 of 6 keys still work; 3 of 6 keys may still work, for nobody can be asked" in words
    assert "Still dangerous: 3 of 6 keys may still work" in words, "once the others are dead"
    told = set(re.findall(r"Yours to do: (.*?) \[([\w-]+)\]", words))
    steps = [title for title, _ in told]
    assert len(set(steps)) == len(steps) >= 6, "each is told apart by its title"
    for line in (1, 2, 3):
        assert [step for step in steps if f"(more.ini:{line})" in step]
    assert ended(child) == 3, "three are a person's to replace"
    for row in rows:
        assert row["Secret"] not in shown or row["Secret"].startswith("AKIA")
    left = bash("git log --all -p --format=%B%an%ae", cwd=repository)
    assert not [row["File"] for row in rows if row["Secret"] in left]


def test_nothing_at_hand_and_no_to_the_rewrite(
    leak: Callable[..., Leak], guide: Callable[..., Any], bash: Callable[..., str]
) -> None:
    """No scanner on PATH: our own patterns find it. A no is a no, and says what it means."""
    stripe = leak(LocalStripe(lag=0.05))
    git = bash("dirname $(command -v git)").strip()
    before = bash("git for-each-ref", cwd=stripe.scenario.repository)
    child = guide(stripe, PATH=git)
    child.expect(WHAT)
    child.sendline("4")
    child.expect(WHICH)
    child.sendline("9")
    child.expect(WHICH)
    child.sendline("1")
    child.expect(KILL)
    child.sendline("")
    child.expect(NAME)
    child.sendline("")
    assert ended(child) == 8, screen(child)
    assert "you said no" in screen(child)
    assert bash("git for-each-ref", cwd=stripe.scenario.repository) == before


def test_leaving_at_once(leak: Callable[..., Leak], guide: Callable[..., Any]) -> None:
    child = guide(leak(LocalStripe(lag=0.05)), "--plain", TERM="dumb")
    child.expect(WHAT)
    child.sendline("q")
    assert ended(child) == 8
    shown = screen(child)
    assert "\x1b" not in shown, "nothing that a screen reader stumbles over"
    assert "still works" in shown


def test_a_key_of_many_lines_is_pasted(
    leak: Callable[..., Leak], guide: Callable[..., Any]
) -> None:
    child = guide(leak(LocalStripe(lag=0.05)))
    child.expect(WHAT)
    child.sendline("1")
    child.expect(SECRET)
    body = "\n".join("MIIB" + "q7Zk" * 15 for _ in range(4))
    for line in f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----".split("\n"):
        child.sendline(line)
    child.expect("That is 1 credential")
    child.expect("private-key")
    assert "MIIBq7Zk" not in screen(child)
