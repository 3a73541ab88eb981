"""Every refusal passes the journal, told from the source: no command has a way past what writes it down."""

from __future__ import annotations

from pathlib import Path

import pytest

import remediate
from remediate.cli import app

from .paths import Place, Source, counted, leaks

TOP = Path(remediate.__file__).parent
pytestmark = pytest.mark.skipif(
    not (TOP.parent / "pyproject.toml").exists(), reason="needs the source tree, not the wheel"
)

#: Commands that belong to no incident's journal, and why.
OUTSIDE = {
    "preview": "touches nothing, whether or not there is an incident",
    "verify": "changes nothing",
    "list": "shows what is there",
    "log": "shows what is there",
    "record": "shows what is there, and signs it with the reader's own key",
    "approve": "on any machine, where the incident may not be",
    "rescue": "another clone, of another person",
    "prevent": "a repository's hooks, with or without an incident",
    "review": "looks at credentials that have not leaked",
    "providers": "shows what is there",
    "doctor": "looks at the machine",
    "demo": "an incident of its own, from its first word on",
}

_THERE_IS_NONE_YET = "a new incident that is only being made: it is there whole, or not at all"
_READ_BEFORE = f"{_THERE_IS_NONE_YET}; it was read, and refused, within `refusals` just before"

#: Out of which functions a refusal may come all the same, and why nobody can write it down.
ALLOWED = {
    "incident.opening:Installation.find": "it says that there is no such incident",
    "incident.custody:Custody._open": _THERE_IS_NONE_YET,
    "incident.approval:signers": _READ_BEFORE,
    "incident.trusted:read": _READ_BEFORE,
    "incident.trusted:_alone": _READ_BEFORE,
    "api.answers:Nobody.confirm": "the guide's first question: whether to go on at all",
    "cli.prompts:ask_line": "the guide's first question: whether to go on at all",
}

#: Before any incident is known: no repository, no state folder, no options.
_BEFORE = frozenset(
    {
        "api.assembling:repository",
        "api.assembling:installation",
        "api.assembling:find",
        "api.flags:Flags.options",
    }
)

INSIDE = sorted({*app._COMMANDS, "guide"} - set(OUTSIDE))


def place(command: str) -> Place:
    """The function of a command."""
    module, name = app._COMMANDS.get(command, f"{command}:{command}").split(":")
    return Place(f"remediate.cli.{module}", name)


def test_what_counts_is_what_the_journal_counts() -> None:
    assert {"UsageError", "PolicyError", "ReportError", "CustodyError"} <= counted()
    assert not {"GitError", "BusyError", "TamperedError", "VendorError"} & counted()


def test_every_command_is_told_apart(source: Source) -> None:
    """A new one passes the journal, or it is said here why it belongs to none."""
    assert set(OUTSIDE) < set(app._COMMANDS)
    assert {"run", "resume", "undo", "notify", "rotate", "show", "guide"} <= set(INSIDE)
    for command in INSIDE:
        assert place(command) in source.bodies


@pytest.mark.parametrize("command", INSIDE)
def test_a_refusal_has_no_way_past_the_journal(source: Source, command: str) -> None:
    start = place(command)
    past = [
        f"{found} (by {caller}) raises {sorted(filter(source.is_refusal, source.bodies[found].raises))}"
        for found, caller in leaks(source, start, _BEFORE).items()
        if str(found) not in ALLOWED
    ]
    own = sorted(filter(source.is_refusal, source.bodies[start].raises))
    # The guide is for a terminal: without one there is nobody to be refused anything.
    assert past == [] and own == (["UsageError"] if command == "guide" else [])


def test_nothing_is_allowed_that_is_not_there(source: Source) -> None:
    found = {str(f) for command in INSIDE for f in leaks(source, place(command), _BEFORE)}
    assert set(ALLOWED) <= found


NEW = {
    "by_itself": (
        "from remediate.errors import UsageError",
        'def wipe(incident: str) -> None:\n    raise UsageError("no")',
    ),
    "by_what_it_calls": (
        "from remediate.incident.sealing import read_key_file",
        "def wipe(incident: str) -> None:\n    read_key_file(incident)",
    ),
    "by_a_method": (
        "from remediate.incident.custody import Custody",
        'def wipe(custody: Custody) -> None:\n    custody.take("x")',
    ),
    "behind_the_with": (
        "from remediate.incident.refusals import noted_of",
        "from remediate.incident.sealing import read_key_file",
        "def wipe(here, known, path) -> None:",
        '    with noted_of(here, [known], "wipe"):\n        pass\n    read_key_file(path)',
    ),
    "within_it": (
        "from remediate.incident.refusals import noted_of",
        "from remediate.incident.sealing import read_key_file",
        "def wipe(here, known, path) -> None:",
        '    with noted_of(here, [known], "wipe"):\n        read_key_file(path)',
    ),
}
"""Files of new commands: all but the last go past the journal."""


@pytest.fixture(scope="module")
def source() -> Source:
    return Source(TOP, {f"remediate.cli.{name}": "\n".join(text) for name, text in NEW.items()})


@pytest.mark.parametrize("how", NEW)
def test_a_new_command_that_goes_past_it_is_found(source: Source, how: str) -> None:
    start = Place(f"remediate.cli.{how}", "wipe")
    past = {*source.bodies[start].raises, *leaks(source, start, _BEFORE)}
    assert bool(past) == (how != "within_it")
