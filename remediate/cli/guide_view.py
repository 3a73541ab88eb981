"""What a person who is being guided sees of a run: where we are, what is still dangerous, since when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from remediate.cli.console import Console
from remediate.cli.progress import duration
from remediate.cli.stream import Stream
from remediate.clock import parse
from remediate.stages.interface import stages
from remediate.wording import count, rewriting

#: What is dangerous until a stage is done, in the order in which people have to think of it.
DANGERS = (
    ("contain", "the key still works"),
    ("recover", "applications lack the new key"),
    ("clean", "its value is in this clone's history"),
    ("publish", "its value is on the remote"),
)


class GuideStream(Stream):
    """A `Stream` that says before each stage where we are."""

    def __init__(self, console: Console, since: str | None) -> None:
        super().__init__(console)
        self._since = _moment(since)
        self._names = [stage.name for stage in stages()]
        self._open = [name for name, _ in DANGERS]

    def done_before(self, finished: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over what an incident that is gone on with has behind it."""
        self._open = [n for n in self._open if finished.get(n, {}).get("status") != "done"]

    def danger(self) -> str:
        """What is still dangerous, and how long it has been."""
        words = [text for name, text in DANGERS if name in self._open]
        return f"Still dangerous: {'; '.join(words) or 'nothing that we know of'} ({self._spent()} so far)."

    def _spent(self) -> str:
        return duration((datetime.now(UTC) - self._since).total_seconds())

    def last_word(self) -> str:
        """What is still dangerous at the end, and how long it took."""
        if self._open:
            return self.danger()
        return f"{self._spent()} after it was found out, nothing that we know of is dangerous any more."

    def _stage(self, data: Mapping[str, Any]) -> None:
        if data["status"] == "started":
            name = data["name"]
            number = self._names.index(name) + 1 if name in self._names else 0
            self._console.say()
            step = f"Step {number} of {len(self._names)}: {data['title']}"
            self._console.paragraph(step, style="bold")
            self._console.paragraph(self.danger(), indent="  ")
            return
        if data["status"] == "done" and data["name"] in self._open:
            self._open.remove(data["name"])
        super()._stage(data)

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
