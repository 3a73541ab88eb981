"""A manual step on the screen: prose in the terminal's width, commands and addresses in one piece."""

from __future__ import annotations

import pytest

from remediate.cli.console import Console
from remediate.cli.guide_view import GuideStream
from remediate.cli.stream import Stream, tell_step
from remediate.incident.events import Event
from remediate.model import ManualStep

URL = "https://vendor.example.com/settings/tokens/new?name=a-rather-long-name&scopes=repo,workflow"
COMMAND = "git clone --mirror https://git.example.com/acme/a-rather-long-name-of-it.git FOLDER"
KEY = "(umask 077; head -c 32 /dev/urandom | base64 > ~/a-rather-long-name-of-a.key)"
STEP = ManualStep(
    id="look-1a2b3c4d",
    title="Look into everything that has been told here so far, and then look once more",
    why="Nobody but a person who sits in front of it can tell whether it has been done by anybody at all.",
    url=URL,
    instructions=(
        f"From a new clone of the remote, so that nothing of yours is in it: {COMMAND}",
        f"Make a key: {KEY}",
        "See what the hook wants, or ask the server's administrator about it. Then: remediate resume",
    ),
    on_word=True,
)


def said(console: Console, capsys: pytest.CaptureFixture[str]) -> list[str]:
    console.settle()
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_no_word_is_cut_and_what_is_copied_stays_whole(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    console = Console(plain=True)
    tell_step(console, STEP)
    lines = said(console, capsys)
    for whole in (URL, COMMAND, KEY, "remediate resume --done look-1a2b3c4d"):
        (line,) = [line for line in lines if whole in line]
        if len(line) > min(columns, 100):
            before = line.replace(whole, "").strip().strip(".")
            assert not before, "nothing else stands where the line is too long"
    words = " ".join(" ".join(lines).split())
    for text in (STEP.title, STEP.why, *STEP.instructions):
        assert text in words
    long = [line for line in lines if len(line) > min(columns, 100)]
    assert all(any(whole in line for whole in (URL, COMMAND, KEY)) for line in long), long
    assert all(line.startswith("  ") for line in lines if line), "what follows is set in"
    assert "When you have: remediate resume --done look-1a2b3c4d" in words


def test_what_could_not_be_read_is_named_up_to_ten(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(plain=True)
    unread = [{"what": f"worktree {n}.zip", "reason": "it is encrypted"} for n in range(10)]
    Stream(console)(
        Event("verified", {"when": "after-purge", "clean": False, "remnants": 0, "unreadable": 12,
                           "unread": unread})
    )  # fmt: skip
    text = "\n".join(said(console, capsys))
    assert "NOT clean: nothing found, 12 things could not be read" in text
    assert all(f"worktree {n}.zip: it is encrypted" in text for n in range(10))
    assert "and 2 more, which the record names" in text


def manual(**more: object) -> Event:
    from dataclasses import asdict

    return Event("manual", {**asdict(STEP), "instructions": list(STEP.instructions), **more})


@pytest.mark.parametrize("stage", ["contain", "recover"])
def test_how_to_kill_it_by_hand_is_told_at_once(
    stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In contain and nowhere else: the key still works, all else can wait for the end."""
    console = Console(plain=True)
    guide = GuideStream(console, None)
    begun = {"name": stage, "title": "x", "status": "started"}
    guide(Event("stage", begun))
    guide(manual(title="Delete the token"))
    guide(Event("stage", {**begun, "status": "waiting", "summary": "0 of 1 is dead"}))
    text = "\n".join(said(console, capsys))
    assert ("Yours to do: Delete the token" in text) is (stage == "contain")
    assert (URL in text) is (stage == "contain")
    assert ("    1. From a new clone" in text) is (stage == "contain")
    guide(Event("stage", {**begun, "status": "waiting", "summary": "0 of 1 is dead"}))
    assert "Delete the token" not in "\n".join(said(console, capsys)), "once"
