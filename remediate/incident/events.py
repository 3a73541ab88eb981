"""Events: how the pipeline tells what it does, to whoever listens. The library never prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from remediate.model import Json

SCHEMA = "remediate.events/1"


@dataclass(frozen=True)
class Event:
    """Something that happened. As JSON it is one line: ``{"event": name, **data}``."""

    name: str
    """``incident``, ``stage``, ``effect``, ``fact``, ``progress``, ``preview``, ``manual``,
    ``advice``, ``verified``, ``error``."""
    data: Mapping[str, Json] = field(default_factory=dict)

    def line(self) -> dict[str, Json]:
        """As a line of ``--json`` has it."""
        return {"event": self.name, **self.data}


Listener: TypeAlias = Callable[[Event], None]


def nobody(event: Event) -> None:
    """A `Listener` that does not listen."""
