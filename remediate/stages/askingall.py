"""Asking about many credentials side by side: before the kill quickly, or not at all; after it, in full."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from remediate.errors import Error
from remediate.incident.run import PATIENCE, Run
from remediate.model import Credential
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import Held

BEFORE_THE_KILL = 15.0
"""Seconds that all the questions of one stage before the kill may take together: what they tell is worth
less than the minutes in which a stranger uses the key."""
WORKERS = 8

Ask = Callable[[Held, VendorContext], Facts]


def ask_all(run: Run, topic: str, purpose: str, asks: Sequence[tuple[Credential, Ask]]) -> None:
    """Ask each credential's question before the kill, and write down the answers in one go.

    What could not be asked in time is written down as not known, with that reason. A fault in one
    provider is too: it must not keep the others alive. Raises `remediate.errors.Error` as a provider does,
    after every answer that came is written.
    """
    _ask(run, topic, purpose, asks, time.monotonic() + BEFORE_THE_KILL)


def ask_each(run: Run, topic: str, purpose: str, asks: Sequence[tuple[Credential, Ask]]) -> None:
    """As `ask_all`, after the kill: each question has the patience of an effect of its own."""
    _ask(run, topic, purpose, asks, None)


def _ask(
    run: Run,
    topic: str,
    purpose: str,
    asks: Sequence[tuple[Credential, Ask]],
    until: float | None,
) -> None:
    if not asks:
        return
    held = run.held_all([credential for credential, _ in asks], purpose)
    contexts = [run.vendor(credential, until=until) for credential, _ in asks]

    def one(ask: Ask, what: Held, vendor: VendorContext) -> Facts:
        if until is None:
            end = time.monotonic() + PATIENCE  # from when its turn comes
            vendor = replace(vendor, deadline=lambda: end)
        elif time.monotonic() > until:
            return Facts(unknown={topic: "there was no time to ask before the kill"})
        try:
            return ask(what, vendor)
        except Error:
            raise
        except Exception as error:
            return Facts(unknown={topic: f"a fault inside remediate ({type(error).__name__})"})

    with ThreadPoolExecutor(min(WORKERS, len(asks))) as pool:
        waiting: list[Future[Facts]] = [
            pool.submit(one, ask, what, vendor)
            for (_, ask), what, vendor in zip(asks, held, contexts, strict=True)
        ]
    stopped = [error for future in waiting if (error := future.exception()) is not None]
    run.learn_all(
        topic,
        [
            (credential, future.result())
            for (credential, _), future in zip(asks, waiting, strict=True)
            if future.exception() is None
        ],
    )
    if stopped:
        raise stopped[0]


def unseen(run: Run, topic: str, credentials: Sequence[Credential]) -> str:
    """``; 2 of them could not be looked at``: of how many of *credentials* nothing at all was learnt of *topic*."""
    told = (run.knows(topic, credential) for credential in credentials)
    number = sum(facts is not None and _nothing(facts, topic) for facts in told)
    return f"; {number} of them could not be looked at" if number else ""


def _nothing(facts: Facts, topic: str) -> bool:
    """Whether *topic* as a whole is not known: some of it may be, under names of its own."""
    return topic in facts.unknown and not facts.known.get(topic)
