"""What a person who is being guided sees of a run: where we are, what is still dangerous, since when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from remediate.cli.console import Console
from remediate.cli.guide_danger import dangers
from remediate.cli.progress import duration
from remediate.cli.prompts import Guided
from remediate.cli.stream import Stream, tell_step
from remediate.clock import parse
from remediate.model import ManualStep
from remediate.stages.interface import stages
from remediate.wording import count, rewriting

if TYPE_CHECKING:
    from remediate.incident.state import State

_HEAD = 5
"""Lines that a step and its dangers take, on a narrow terminal."""


class GuideStream(Stream):
    """A `Stream` that says before each stage where we are, and keeps it in sight."""

    def __init__(self, console: Console, since: str | None, state: State | None = None) -> None:
        super().__init__(console)
        self._since = _moment(since)
        self._titles = {stage.name: stage.title for stage in stages()}
        self._state = state
        self._stage_now = ""
        self._told_at = 0
        self._command_told = True
        self._by_hand: list[ManualStep] = []
        console.lead = self._lead

    def follow(self, state: State, asks: object) -> None:
        """Tell of *state* from now on; whoever *asks* says before each question where we are."""
        self._state = state
        if isinstance(asks, Guided):
            asks.before, asks.script = self._remind, self._script

    def danger(self) -> str:
        """What is still dangerous, and how long it has been."""
        words = "; ".join(dangers(self._state))
        return f"Still dangerous: {words or 'nothing that we know of'} ({self._spent()} so far)."

    def _spent(self) -> str:
        return duration((datetime.now(UTC) - self._since).total_seconds())

    def last_word(self) -> str:
        """What is still dangerous at the end, and how long it took."""
        if dangers(self._state):
            return self.danger()
        return f"{self._spent()} after it was found out, nothing that we know of is dangerous any more."

    def _number(self) -> str:
        names = list(self._titles)
        number = names.index(self._stage_now) + 1 if self._stage_now in names else 0
        return f"Step {number} of {len(names)}"

    def _lead(self) -> str:
        """What a line that moves begins with."""
        return f"{self._number()}, {self._spent()} so far: " if self._stage_now else ""

    def _head(self) -> None:
        say = self._console
        say.say()
        say.paragraph(f"{self._number()}: {self._titles.get(self._stage_now, '')}", style="bold")
        colour = "red" if dangers(self._state) else "green"  # the words say it, too
        say.paragraph(self.danger(), indent="  ", style=colour)
        self._told_at = say.lines

    def _remind(self, lines: int) -> None:
        """Once more where we are, where it leaves the screen with a question that takes *lines*."""
        if not self._stage_now:
            return
        height = int(self._console.rich.size.height)
        # What was told of the step itself takes up to five lines on a narrow terminal.
        if self._console.lines - self._told_at + lines + _HEAD > height:
            self._head()

    def _script(self, option: str) -> str:
        """What does this step in a script."""
        self._command_told = True
        if option.startswith("remediate ") or self._state is None:
            return option if option.startswith("remediate ") else ""
        more = f" {option}" if option != "--yes" else ""
        only = f" --only {self._stage_now}" if self._stage_now else ""
        return f"remediate resume {self._state.id} --yes{only}{more}"

    def _stage(self, data: Mapping[str, Any]) -> None:
        if data["status"] == "started":
            self._stage_now, self._command_told = str(data["name"]), False
            self._head()
            return
        super()._stage(data)
        for step in self._by_hand:
            self._console.say()
            tell_step(self._console, step)
        self._by_hand = []
        if data["status"] != "skipped" and not self._command_told:
            self._console.say(f"  In a script: {self._script('--yes')}", style="dim")
        self._stage_now = ""

    def _manual(self, data: Mapping[str, Any]) -> None:
        """How a person kills a key that still works: told now, not with what can wait until the end."""
        if self._stage_now == "contain":
            step = ManualStep(**{**data, "instructions": tuple(data["instructions"])})
            self._by_hand.append(step)

    def _preview(self, data: Mapping[str, Any]) -> None:
        self._console.say(
            f"     {rewriting(data['rewritten'], data['commits'], data['blobs'])}, "
            f"{count(len(data['refs']), 'ref moves', 'refs move')}:"
        )
        for ref in data["refs"][:10]:
            self._console.say(f"       {ref['name']}  {ref['old'][:12]} -> {ref['new'][:12]}")
        if len(data["refs"]) > 10:
            self._console.say(f"       and {len(data['refs']) - 10} more")


def _moment(since: str | None) -> datetime:
    try:
        found = parse(since) if since else None
    except ValueError:
        found = None
    return found or datetime.now(UTC)
