"""A wrong answer at every prompt that the guide can put: it says so, and asks again or goes a safe way."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import remediate
import remediate_providers
from remediate.model import ManualStep
from remediate.secret import Secret
from remediate_providers.aws.local import LocalAws
from remediate_providers.github.local import LocalGitHub
from remediate_providers.stripe.local import LocalStripe

from .guided import KILL, NAME, SECRET, VALUE, WHAT, WHICH, YES_NO, Leak, ended, screen

pytest.importorskip("pexpect")
pytest.importorskip("moto")

Start = Callable[..., Any]
ROOMS = (Path(remediate.__file__).parent, Path(remediate_providers.__file__).parent)

#: Where the guide may ask (file, function, how often), and the test of this page that answers wrongly there.
PROMPTS = {
    ("remediate/cli/guide.py", "_open_here", 1): "test_looked_for_and_gone_on_with",
    ("remediate/cli/guide_what.py", "handed_in", 1): "test_nothing_usable_is_handed_in",
    ("remediate/cli/guide_what.py", "_paste", 2): "test_nothing_usable_is_handed_in",
    ("remediate/cli/guide_what.py", "_report", 1): "test_nothing_usable_is_handed_in",
    ("remediate/cli/guide_what.py", "_alert", 1): "test_nothing_usable_is_handed_in",
    ("remediate/cli/guide_what.py", "_look", 1): "test_looked_for_and_gone_on_with",
    ("remediate/cli/guide_what.py", "_chosen", 1): "test_looked_for_and_gone_on_with",
    ("remediate/stages/contain.py", "act", 1): "test_looked_for_and_gone_on_with",
    ("remediate/stages/recover.py", "_typed", 1): "test_a_token_made_by_hand_and_passphrases",
    ("remediate/stages/clean.py", "_confirm", 1): "test_a_token_made_by_hand_and_passphrases",
    ("remediate/stages/publish.py", "_confirm", 1): "test_a_token_made_by_hand_and_passphrases",
    ("remediate/incident/run.py", "_passphrase", 2): "test_a_token_made_by_hand_and_passphrases",
    ("remediate/incident/opening.py", "_unlocked", 1): "test_a_token_made_by_hand_and_passphrases",
    ("remediate_providers/aws/reissue.py", "_make_room", 1): "test_room_for_a_new_key",
    # The same question about another kind of credential, through the same `Person.confirm`.
    ("remediate_providers/aws/service_making.py", "_room", 1): "test_room_for_a_new_key",
}
#: Those of other commands, which the guide never comes to, and the ways of asking themselves.
NOT_THE_GUIDES = {
    *(f"remediate/cli/{name}.py" for name in ("rescue", "undo", "rotate", "approve", "resume")),
    "remediate/api/undoing.py",
    "remediate/cli/prompts.py",
}
_ASKING = {"confirm", "secret", "ask_line", "ask_hidden"}
#: Of the guide's own, around the last two.
_WAYS = {"_line", "_hidden"}


def questions() -> Iterator[tuple[str, str, ast.Call]]:
    """File, function and call of each question of the guide."""
    for room in ROOMS:
        for path in sorted(room.rglob("*.py")):
            name = str(path.relative_to(room.parent))
            if name in NOT_THE_GUIDES:
                continue
            for function in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(function, ast.FunctionDef) and function.name not in _WAYS:
                    ways = _ASKING | _WAYS if name.startswith("remediate/cli/") else _ASKING
                    yield from ((name, function.name, call) for call in _asked(function, ways))


def _asked(function: ast.FunctionDef, ways: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            named = {keyword.arg for keyword in node.keywords}
            # A provider's `confirm` sees whether a credential works: it names no option.
            if called in ways and (called not in ("confirm", "secret") or "option" in named):
                yield node


def test_every_prompt_of_the_guide_has_its_wrong_answer() -> None:
    found: dict[tuple[str, str], int] = {}
    for name, function, _ in questions():
        found[name, function] = found.get((name, function), 0) + 1
    assert {(*where, number) for where, number in found.items()} == set(PROMPTS)
    assert all(callable(globals().get(test)) for test in PROMPTS.values())


def test_every_yes_or_no_says_what_follows_and_how_to_take_it_back() -> None:
    for name, function, call in questions():
        if getattr(call.func, "attr", "") != "confirm":
            continue
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        assert "default" in named, (name, function)
        source = ast.unparse(named["why"])
        if isinstance(named["why"], ast.Name):
            tree = ast.parse((_room(name) / name).read_text("utf-8"))
            (of,) = (
                n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == function
            )
            source = ast.unparse(of)
        for word in ("Yes: ", "No: ", "take it back|nothing to take back"):
            assert re.search(word, source), (name, function, word)


def _room(name: str) -> Path:
    return next(room.parent for room in ROOMS if (room.parent / name).exists())


def test_nothing_usable_is_handed_in(leak: Callable[..., Leak], guide: Start) -> None:
    stripe = leak(LocalStripe(lag=0.05))
    folder = stripe.scenario.repository
    cut_off = folder.parent / "cut-off.json"
    cut_off.write_text('[{"RuleID": "x", "Secr')
    child = guide(stripe)

    def say(question: str, *answers: str) -> None:
        for answer in answers:
            child.expect(question)
            child.sendline(answer)

    say(WHAT, "5", "yes", "/nowhere/report.json", str(folder), "ftp://example.com/report", "1")
    say(SECRET, "")
    for wrong in ("hunter2", "README.md"):
        say(WHAT, "")
        say(SECRET, wrong)
    say(WHAT, "1")
    say(SECRET, "-----BEGIN PRIVATE KEY-----")
    child.expect("two empty lines")
    for line in ("MIIB", "", ""):  # a key whose end never comes
        child.sendline(line)
    child.expect("That key has no END line")
    for wrong in ("", "nosuchfile", str(cut_off), str(stripe.scenario.policy)):
        say(WHAT, "2")
        say(r"report's file \(Enter: back\): $", wrong)
    for wrong in ("", "nothing", "https://github.com/acme/app", "http://example.com/1"):
        say(WHAT, "3")
        say(r"alert's address \(Enter: back\): $", wrong)
    child.expect(WHAT)
    child.sendeof()
    assert ended(child) == 2
    shown = screen(child)
    for said in (
        "There is no file 5 here",
        "There is no file yes here",
        "There is no file /nowhere/report.json",
        "Nothing was pasted",
        "That is only 7 characters long",
        "That is the name of a file here",
        "That key has no END line",
        "There is no file nosuchfile here",
        "no address of a secret scanning alert",
    ):
        assert said in shown, said
    assert shown.count("That did not work: ") == 2, "a report that is cut off, and one that is none"
    assert "hunter2" not in shown
    assert "bug" not in shown
    assert not incidents(stripe), "nothing was begun"


def test_the_inputs_end_at_a_hidden_prompt_is_no_bug(
    leak: Callable[..., Leak], guide: Start
) -> None:
    child = guide(leak(LocalStripe(lag=0.05)))
    child.expect(WHAT)
    child.sendline("1")
    child.expect(SECRET)
    child.sendeof()
    assert ended(child) == 2
    assert "bug" not in screen(child)


def incidents(leak: Leak) -> list[Path]:
    home = Path(leak.environment["REMEDIATE_HOME"])
    return list((home / "incidents").glob("INC-*"))


def test_looked_for_and_gone_on_with(
    leak: Callable[..., Leak], guide: Start, bash: Callable[..., str], tmp_path: Path
) -> None:
    """A scanner that is installed; the choice; the kill; and an incident that is open."""
    stripe = leak(LocalStripe(lag=0.05))
    programs = tmp_path / "programs"
    programs.mkdir()
    scanner = programs / "gitleaks"
    scanner.write_text(f"#!/bin/sh\nexec cat {stripe.scenario.report}\n")
    scanner.chmod(0o755)
    git = bash("dirname $(command -v git)").strip()
    path = f"{programs}:{git}:/bin"
    (value,) = stripe.secrets().values()

    child = guide(stripe, PATH=path)
    child.expect(WHAT)
    child.sendline("4")
    child.expect(r"Run gitleaks over app\? \[Y/n\] $")
    child.sendline("perhaps")
    child.expect(r"Please answer yes or no.\r\nRun gitleaks over app\? \[Y/n\] $")
    child.sendline("y")
    for wrong in ("9", "one", "0 1", "-1"):
        child.expect(WHICH)
        child.sendline(wrong)
        child.expect("Please give numbers from 1 to 1")
    child.expect(WHICH)
    child.sendline("0")
    child.expect(WHAT)
    child.sendline("4")
    child.expect(YES_NO)
    child.sendline("n")
    child.expect(WHICH)
    child.sendline("")
    child.expect(KILL)
    child.sendline("maybe")
    child.expect("Please answer yes or no")
    child.expect(KILL)
    child.sendline("app")
    child.expect("Please answer yes or no")
    child.expect(KILL)
    child.sendline("no")
    assert ended(child) == 8
    assert "you said no. The leaked credentials still work" in screen(child)
    assert not stripe.vendors["stripe"].is_dead({"value": Secret(value)})

    child = guide(stripe, PATH=path)
    child.expect(r"Go on with INC-\S+\? \[Y/n\] $")
    child.sendline("what?")
    child.expect("Please answer yes or no")
    child.expect(r"Go on with INC-\S+\? \[Y/n\] $")
    child.sendline("n")
    child.expect(WHAT)
    child.sendline("q")
    assert ended(child) == 8
    assert value not in screen(child)


def test_a_token_made_by_hand_and_passphrases(leak: Callable[..., Leak], guide: Start) -> None:
    """Values that are typed without echo, each wrong in every way first; then what wants a name typed."""
    mine = leak(LocalGitHub(lag=0.05))
    (old,) = mine.secrets().values()
    passphrase = "correct horse " + "battery"
    child = guide(mine, REMEDIATE_KEY_FILE="")

    def say(question: str, answer: str, then: str = "") -> None:
        child.expect(question)
        child.sendline(answer)
        if then:
            child.expect(then)

    say(WHAT, str(mine.scenario.report))
    say(KILL, "y")
    say(VALUE, "rubbish-rubbish", r"That was not taken: this is not a GitHub token")
    say(VALUE, old, "That was not taken: ")
    child.expect(VALUE)
    url = re.findall(r"http://\S+/settings/tokens/new\S*", screen(child))[-1].rstrip(",")
    made = mine.vendors["github"].person(
        ManualStep("replace", "Make one", "", url=url, takes_value=True)
    )
    child.sendline(made.reveal_text())
    say(NAME, "APP", "That is not app. Nothing was done.")
    say(NAME, "app")
    say(VALUE, "short", "That was too short")
    say(VALUE, passphrase)
    say(VALUE, passphrase + "x", "The two were not the same")
    say(VALUE, passphrase)
    say(VALUE, passphrase)
    say(NAME, "y", "That is not app. Nothing was done.")
    say(NAME, "no")
    assert ended(child) == 8
    first = screen(child)
    assert "Nothing was pushed: you said no" in first

    child = guide(mine, REMEDIATE_KEY_FILE="")
    say(r"Go on with INC-\S+\? \[Y/n\] $", "")
    say(VALUE, "not the passphrase", "That passphrase does not open it")
    say(VALUE, passphrase)
    say(NAME, "", "you said no")
    assert ended(child) == 8

    child = guide(mine, REMEDIATE_KEY_FILE="")
    say(r"Go on with INC-\S+\? \[Y/n\] $", "")
    say(VALUE, "")
    assert ended(child) != 0, "without it nothing is done"
    assert "bug" not in screen(child)
    for shown in (first, screen(child)):
        assert not [v for v in (old, made.reveal_text(), passphrase) if v in shown]


def test_room_for_a_new_key(leak: Callable[..., Leak], guide: Start) -> None:
    """IAM allows two keys a user, and one that was never used stands in the way."""
    mine = leak(LocalAws(lag=0.05))
    aws = mine.vendors["aws"]
    rows = json.loads(mine.scenario.report.read_text())
    leaked = next(r["Secret"] for r in rows if r["Secret"].startswith("AKIA"))
    iam = aws.client("iam")
    (user,) = {
        u["UserName"]
        for u in iam.list_users()["Users"]
        for k in iam.list_access_keys(UserName=u["UserName"])["AccessKeyMetadata"]
        if k["AccessKeyId"] == leaked
    }
    other = aws.key(user)["id"].reveal_text()
    iam.update_access_key(UserName=user, AccessKeyId=other, Status="Inactive")
    # A key made since the leak is a sign of a foothold, and there would be no new one: policy insists.
    policy = mine.scenario.policy
    policy.write_text(policy.read_text() + "insist = true\n")
    child = guide(mine)
    child.expect(WHAT)
    child.sendline(str(mine.scenario.report))
    child.expect(KILL)
    child.sendline("")
    child.expect(rf"Delete {other}, which is inactive, .*{YES_NO}")
    child.sendline(other)
    child.expect("Please answer yes or no")
    child.expect(YES_NO)
    child.sendline("n")
    child.expect(NAME)
    child.sendline("")
    assert ended(child) == 8
    keys = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    assert {k["AccessKeyId"] for k in keys} == {leaked, other}, "nothing was deleted, nothing made"
