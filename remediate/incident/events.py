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
    """One of `EVENTS`."""
    data: Mapping[str, Json] = field(default_factory=dict)

    def line(self) -> dict[str, Json]:
        """As a line of ``--json`` has it."""
        return {"event": self.name, **self.data}


@dataclass(frozen=True)
class Described:
    """An event that there is, for whoever reads the stream."""

    means: str
    fields: Mapping[str, tuple[str, str]]
    """Field to its type (in JSON's words, ``or null``) and what it holds."""
    optional: frozenset[str] = frozenset()
    """Fields that are not in every such event."""


EVENTS: Mapping[str, Described] = {
    "version": Described(
        "The first one.", {"schema": ("string", f"``{SCHEMA}``; it changes where a field goes.")}
    ),
    "incident": Described(
        "The incident was opened, or an open one is gone on with.",
        {"id": ("string", "Its id."), "resumed": ("boolean", "Whether it had been opened before.")},
    ),
    "stage": Described(
        "A stage began, ended, or was left out.",
        {
            "name": ("string", "``assess``, ``contain``, ``clean`` …"),
            "title": ("string", "What it does, for people."),
            "status": ("string", "``started``, ``done``, ``waiting``, ``failed`` or ``skipped``."),
            "summary": ("string", "How it ended; not with ``started`` and ``skipped``."),
            "reason": ("string", "With ``skipped``: why."),
        },
        frozenset({"summary", "reason"}),
    ),
    "effect": Described(
        "Something outside of remediate was changed, or could not be.",
        {
            "stage": ("string or null", "The stage that wanted it."),
            "action": ("string", "``revoke``, ``reissue``, ``store``, ``apply``, ``push`` …"),
            "subject": ("string", "What it was done to: a credential's id, a store, a ref."),
            "status": (
                "string",
                "``done``, ``unchanged``, ``manual``, ``refused``, ``unreachable``, ``unknown`` or ``skipped``.",
            ),
            "summary": ("string", "One sentence."),
            "reason": ("string", "Why not, where it is not done; else empty."),
        },
    ),
    "progress": Described(
        "A long step goes on; four times a second at most.",
        {
            "step": ("string", "What is done."),
            "done": ("integer", "How much of it."),
            "total": ("integer or null", "Of how much, where that is known."),
        },
    ),
    "preview": Described(
        "The rewrite was rehearsed: this is what will be applied.",
        {
            "commits": ("integer", "Commits that are reachable from any ref."),
            "rewritten": ("integer", "Those of them that get a new id."),
            "blobs": ("integer", "Files' contents that change."),
            "refs": ("list", "Each ref that moves: ``name``, ``old``, ``new``, ``renamed``."),
        },
    ),
    "verified": Described(
        "It was looked for what is left.",
        {
            "when": ("string", "``after-purge``, ``after-push`` or ``new-value``."),
            "clean": ("boolean", "Whether nothing was found and everything could be read."),
            "remnants": ("integer", "How many places still hold a secret."),
            "unreadable": ("integer", "How many could not be read; not with ``new-value``."),
            "unread": (
                "list",
                "The first ten of those: ``what``, ``reason``; the record has all. Where there are any.",
            ),
        },
        frozenset({"unreadable", "unread"}),
    ),
    "manual": Described(
        "A person has to do something.",
        {
            "id": ("string", "Its name for ``resume --value`` and ``resume --done``."),
            "title": ("string", "One line, an order."),
            "why": ("string", "Why remediate can't."),
            "url": ("string or null", "The exact page."),
            "instructions": ("list", "What to do there, in order."),
            "check": ("string", "What is looked at afterwards, to see that it was done."),
            "takes_value": ("boolean", "Whether it yields a new value to be handed in."),
            "owner": ("string or null", "Who can do it, where it is somebody else."),
            "on_word": (
                "boolean",
                "Whether only a person can tell that it is done: ``resume --done`` takes their word.",
            ),
        },
    ),
    "advice": Described(
        "Something worth doing that nothing hangs on.", {"text": ("string", "A sentence.")}
    ),
    "rerun": Described(
        "A job that ran into the old value's death, to be run again; once, and once more when it has ended.",
        {
            "credential": ("string", "Whose old value it read."),
            "store": ("string", "Where it read it, as the policy has it."),
            "what": ("string", "What it is called."),
            "id": ("integer", "Its vendor's number for it."),
            "state": ("string", "``failed``; ``running`` where it had begun and not ended."),
            "began": ("string or null", "When it was begun."),
            "ended": ("string or null", "When it failed."),
            "page": ("string or null", "Its page."),
            "command": ("string or null", "What runs it again; null where only the page does."),
            "sure": (
                "boolean",
                "Whether it was seen to ask for that value; else it may have been given it.",
            ),
            "why": ("string", "How that is known."),
        },
    ),
    "error": Described(
        "Something stopped the run, or a stage of it.",
        {"error": ("object", "``code``, ``message`` and ``hint``.")},
    ),
    "demo": Described(
        "Only in the demo: its vendors are up.",
        {"folder": ("string", "Where it plays."), "vendors": ("list", "Their names.")},
    ),
    "person": Described(
        "Only in the demo: it played a person's part.",
        {"did": ("string", "Which manual step."), "at": ("string or null", "Its page.")},
    ),
    "finished": Described(
        "The last one, also where the run failed.",
        {
            "status": (
                "string",
                "``clean``, ``partial``, ``manual``, ``remnants``, ``refused``, ``interrupted`` or ``failed``.",
            ),
            "exit": ("integer", "The exit code."),
            "incident": ("string or null", "Its id."),
            "record": ("string or null", "The path of record.json."),
            "manual": ("list", "The manual steps that are left; each as in ``manual``."),
            "reruns": (
                "object",
                (
                    "``jobs``: those to run again, each as in ``rerun``. ``not_known``: what nobody can tell of, with "
                    "``credential``, ``what``, ``why``, and ``asked``, whether there was somebody to ask."
                ),
            ),
        },
    ),
}
"""Every event there is, in the order in which a reader meets them."""

Listener: TypeAlias = Callable[[Event], None]


def nobody(event: Event) -> None:
    """A `Listener` that does not listen."""
