"""The record for people outside the incident: without what leads back to the secrets.

Left out: ids of the old history (with one, a host may still hand the secret out), the fingerprints (a weak
secret could be guessed by whoever gets hold of the key as well), authors, folders of this machine, the backup, and
what was learned word for word. What is left says what happened, when, and with what proof.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import PurePath
from typing import Any, cast

from remediate.record.model import ManualEntry, Record

LEFT_OUT = "left out"
_PERSON = "a person"
_ID = re.compile(r"(?<![0-9A-Za-z])(?=[0-9]*[a-f])[0-9a-f]{7,64}(?![0-9A-Za-z])")
_FOLDER = re.compile(
    r"(?<![\w.:/])/(?:home|root|Users|tmp|var|private|work|mnt|srv|opt)(?:/[^\s\"'`<>|:;,()]*)+"
)
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_SHORTEST_AUTHOR = 4
_LEARNED = ("identity", "exposure", "preserved", "reach", "authority")


def share(record: Record) -> Record:
    """*record*, fit to leave the house. Of the same shape, so that every form of it can be written."""
    new = {ref.new for ref in record.history.refs}
    names = {
        secret.fingerprint: f"secret-{number}"
        for number, secret in enumerate(record.secrets, 1)
        if _FINGERPRINT.fullmatch(secret.fingerprint)
    }
    people = {
        place.author: "a person"
        for secret in record.secrets
        for place in secret.places
        # Shorter ones are part of too many words.
        if place.author and len(place.author) >= _SHORTEST_AUTHOR
    }

    # Only where their word is told: a user's name may be a word of the language.
    names_given = {step.done_by for step in record.manual if step.done_by}
    names_given |= {one.by for search in record.searches for one in search.vouched}
    words = [
        re.compile(rf"(?<!\w){re.escape(name)}(?= (?:and .* )?vouch(?:es)? for |'s word| says so)")
        for name in sorted(names_given)
    ]

    def cleaned(text: str) -> str:
        for author, instead in people.items():
            text = text.replace(author, instead)
        for said in words:
            text = said.sub(_PERSON, text)
        for fingerprint, name in names.items():
            text = text.replace(fingerprint, name)
            # Names of credentials and steps hold its beginning.
            text = re.sub(rf"(?<![0-9a-f]){re.escape(fingerprint[:8])}[0-9a-f]*", name, text)
        text = _FOLDER.sub(LEFT_OUT, text)
        return _ID.sub(lambda id_: id_[0] if id_[0] in new else LEFT_OUT, text)

    told = replace(
        record,
        repository=PurePath(record.repository).name,
        started_by="",
        manual=tuple(
            replace(step, owner=_role(step, record), done_by=_PERSON if step.done_by else None)
            for step in record.manual
        ),
        searches=tuple(
            replace(search, vouched=tuple(replace(one, by=_PERSON) for one in search.vouched))
            for search in record.searches
        ),
        report={"format": record.report.get("format")},
        options={},
        history=replace(record.history, backup=None),
        custody=(),
        facts=tuple(fact for fact in record.facts if fact.topic in _LEARNED),
        actions=tuple(replace(action, data={}) for action in record.actions),
    )
    return replace(
        cast("Record", _each(told, cleaned)), schema=record.schema, incident=record.incident
    )


def _role(step: ManualEntry, record: Record) -> str | None:
    """A step's owner without the name of a user of this machine; a role ("whoever holds…") stays."""
    named = step.owner and (step.owner == record.started_by or " " not in step.owner)
    return "whoever ran remediate" if named else step.owner


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """*value* with every text in it changed, keys of mappings too."""
    if type(value) is str:
        return change(value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{f.name: _each(getattr(value, f.name), change) for f in fields(value)}
        )
    if isinstance(value, Mapping):
        return {change(str(name)): _each(item, change) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_each(item, change) for item in value)
    return value
