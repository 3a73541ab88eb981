"""What no rewrite reaches: copies outside git, and entries of the report whose value is not known."""

from __future__ import annotations

import functools
import hashlib

from remediate.incident.run import Run
from remediate.model import ManualStep
from remediate.plugins.outcome import Outcome, Status


def outside_git(run: Run) -> None:
    """A manual step for each such place, once."""
    urls = sorted({p.url for s in run.state.secrets.values() for p in s.locations if p.url})
    for url in urls:
        run.effect("remove-copy", url, functools.partial(_copy, url), key=f"copy/{url}")
    facts = run.knows("unread")
    entries = facts.known.get("entries") if facts else None
    for entry in entries if isinstance(entries, list | tuple) else ():
        if isinstance(entry, dict):
            what, reason = str(entry.get("what")), str(entry.get("reason"))
            run.effect(
                "read-value", what, functools.partial(_value, what, reason), key=f"unread/{what}"
            )


def _copy(url: str) -> Outcome:
    return Outcome(
        Status.MANUAL,
        "A copy stands outside git",
        reason="an issue, a comment or a wiki page is not part of the repository",
        manual=ManualStep(
            id=f"copy-{_short(url)}",
            title="Remove the secret from this page, its edit history too",
            why="It is not in git, so no rewrite reaches it.",
            url=url,
            instructions=("Edit the secret out.", "Delete the older revisions of the text."),
            on_word=True,
        ),
    )


def _value(what: str, reason: str) -> Outcome:
    return Outcome(
        Status.MANUAL,
        "An entry of the report could not be followed",
        reason=reason,
        manual=ManualStep(
            id=f"unread-{_short(what)}",
            title=f"Find out which secret the report means at {what}",
            why="The report is redacted there, and the value could not be read from the repository.",
            instructions=("Export the report without redaction, and run remediate with it.",),
            on_word=True,
        ),
    )


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
