"""Surroundings for a provider or a store under test: answers given beforehand, no real waiting."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence

from remediate.model import Json, Location
from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Found
from remediate.secret import InstallationKey, Secret

KEY = InstallationKey(b"remediate's contract suites, 32b")
"""Names the values of tests. No installation has it."""


class Answers:
    """A person who has made up their mind. Every question that was put is kept in `asked`."""

    def __init__(self, yes: bool | None = None, values: Sequence[Secret] = ()) -> None:
        self._yes = yes
        self._values = list(values)
        self.asked: list[str] = []

    def confirm(
        self,
        question: str,
        *,
        option: str,
        default: bool,
        why: str = "",
        typed: str = "",  # noqa: ARG002
    ) -> bool:
        """What was made up, else the default, as under ``--yes``."""
        self.asked.append(" ".join(part for part in (question, why, option) if part))
        return default if self._yes is None else self._yes

    def secret(self, question: str, *, option: str, why: str = "") -> Secret | None:
        """The next value, None when there is none left."""
        self.asked.append(" ".join(part for part in (question, why, option) if part))
        return self._values.pop(0) if self._values else None


def surroundings(
    environment: Mapping[str, str],
    *,
    asks: Answers | None = None,
    use_leaked: bool = True,
    settings: Mapping[str, Json] | None = None,
    known: Mapping[str, Json] | None = None,
    seconds: float = 30,
    longest: float = 0.05,
) -> VendorContext:
    """A context in which nobody sleeps longer than *longest* seconds at a time."""
    end = time.monotonic() + seconds
    return VendorContext(
        environment=environment,
        asks=asks or Answers(),
        use_leaked=use_leaked,
        settings=settings or {},
        known=known or {},
        sleep=lambda pause: time.sleep(min(pause, longest)),
        deadline=lambda: end,
    )


def found(
    value: Secret | str | bytes, *places: Location, groups: frozenset[int] = frozenset()
) -> Found:
    """A value as it comes out of a report."""
    secret = value if isinstance(value, Secret) else Secret(value)
    return Found(KEY.fingerprint(secret), secret, places, groups)


def nowhere() -> str:
    """A base address on loopback where nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
