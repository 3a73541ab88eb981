"""A verdict as a row's data."""

from __future__ import annotations

from dataclasses import asdict

from remediate.history.model import Place, Remnant, Scope, Searched, Unreadable, Verdict
from remediate.model import Json

_NAMED = 10
"""So many things that could not be read are named in an event."""


def verdict_data(verdict: Verdict) -> dict[str, Json]:
    """Everything of *verdict*, fit for the journal and for ``verify --json``."""
    return {
        "clean": verdict.clean,
        "scope": asdict(verdict.scope),
        "searched": asdict(verdict.searched),
        "remnants": [remnant_data(remnant) for remnant in verdict.remnants],
        "unreadable": [unreadable_data(thing) for thing in verdict.unreadable],
    }


def verified_data(when: str, verdict: Verdict) -> dict[str, Json]:
    """What the event ``verified`` tells of *verdict*: how many, and what could not be read."""
    dark = verdict.unreadable
    named = [{"what": thing.what, "reason": thing.reason} for thing in dark[:_NAMED]]
    unread: dict[str, Json] = {"unread": [*named]} if named else {}
    return {
        "when": when,
        "clean": verdict.clean,
        "remnants": len(verdict.remnants),
        "unreadable": len(dark),
        **unread,
    }


def unreadable_data(thing: Unreadable) -> dict[str, Json]:
    """What could not be read, as a row's data; with what was in it, where it is a file."""
    data: dict[str, Json] = {"what": thing.what, "reason": thing.reason}
    return {**data, "sha256": thing.sha256} if thing.sha256 else data


def joined(one: Verdict, other: Verdict) -> Verdict:
    """Two verdicts over different scopes as one."""
    return Verdict(
        Scope(
            **{
                name: value or getattr(other.scope, name)
                for name, value in asdict(one.scope).items()
            }
        ),
        Searched(
            one.searched.objects + other.searched.objects,
            one.searched.bytes + other.searched.bytes,
            one.searched.files + other.searched.files,
            max(one.searched.forms, other.searched.forms),
        ),
        one.remnants + other.remnants,
        one.unreadable + other.unreadable,
    )


def remnant_data(remnant: Remnant) -> dict[str, Json]:
    """A remnant as a row's data: the secret by its fingerprint, and what names the place."""
    data: dict[str, Json] = {
        "fingerprint": remnant.needle,
        "where": remnant.where,
        "encoding": remnant.encoding,
    }
    if remnant.object is not None:
        data["object"] = remnant.object
    if remnant.path is not None:
        data["path"] = remnant.path
    return data


def place_data(place: Place) -> dict[str, Json]:
    """A place as a row's data, the secret by its fingerprint."""
    data = asdict(place)
    return {"fingerprint": data.pop("needle"), **data}
