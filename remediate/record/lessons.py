"""What this incident teaches, as far as its own journal shows it. What it means is for people to say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remediate.record.model import (
    CredentialEntry,
    Gap,
    ManualEntry,
    NotSearched,
    ResponseTime,
    Search,
)
from remediate.record.reading import Data, text
from remediate.record.spans import duration
from remediate.wording import count

_LONG_OUT = 24 * 3600.0
_MOST = 5


def lessons(
    response: Sequence[ResponseTime],
    credentials: Sequence[CredentialEntry],
    manual: Sequence[ManualEntry],
    gaps: Sequence[Gap],
    searches: Sequence[Search],
    not_searched: Sequence[NotSearched],
    exposure: Data,
) -> tuple[str, ...]:
    """Each in a sentence or two: what was seen, and what would make it better next time."""
    return (
        *_times(response),
        *_credentials(credentials),
        *_manual(manual),
        *_evidence(gaps, exposure),
        *_history(searches, not_searched),
    )


def _times(response: Sequence[ResponseTime]) -> Iterator[str]:
    by_name = {one.name: one for one in response}
    out = by_name["out-before-detection"].seconds
    if out is not None and out > _LONG_OUT:
        yield (
            f"It was out for {duration(out)} before anybody knew. A hook before the commit, or push protection at "
            "the host, would have kept it in."
        )
    contained = by_name["detection-to-containment"]
    if contained.met is False and contained.target is not None:
        took = contained.seconds if contained.seconds is not None else contained.so_far or 0.0
        still = " so far" if contained.seconds is None else ""
        yield (
            f"From detection to containment it took {duration(took)}{still}; the target is "
            f"{duration(contained.target)}. Alerts that start the response by themselves close that gap."
        )


def _credentials(credentials: Sequence[CredentialEntry]) -> Iterator[str]:
    bare = [entry.id for entry in credentials if not entry.stores]
    if bare:
        yield (
            f"No store is named for {_some(bare)}. With one in the policy (stores), the new value is put in place "
            "without a person."
        )


def _manual(manual: Sequence[ManualEntry]) -> Iterator[str]:
    # A step that only waits at the vendor's page is none that could have been automated here.
    taken = [step for step in manual if step.takes_value]
    if taken:
        yield (
            f"{count(len(taken), 'new value')} had to be made by a person at the "
            "vendor's page. A kind of credential that can be issued by call, or one that lives for an hour, would not need it."
        )


def _evidence(gaps: Sequence[Gap], exposure: Data) -> Iterator[str]:
    unknown = exposure.get("first_out")
    if isinstance(unknown, str):
        yield f"When it was first out is not known: {text(exposure, 'first_out')}. A host's audit log would tell."
    blind = sorted({gap.about for gap in gaps if gap.topic == "events" and gap.about})
    if blind:
        yield (
            f"What was done with {_some(blind)} while it was out can't be told in full. Logs that are kept before a leak "
            "are the only ones there are after it."
        )


def _history(searches: Sequence[Search], not_searched: Sequence[NotSearched]) -> Iterator[str]:
    left = sum(len(search.remnants) for search in searches if search.stands)
    if left:
        yield f"{count(left, 'copy is', 'copies are')} still there. A rewrite is hygiene; the key's death is the remedy."
    if len(not_searched) > 1:
        yield (
            f"{count(len(not_searched), 'place')} could not be searched by anybody. Fewer forks, copies and caches of a "
            "repository mean fewer of them."
        )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")
