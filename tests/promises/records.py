"""Records made comparable: without times, ids of one incident, new values, and the mention of resumes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ][\d:.]+Z?)?(?![\w-])")
_TIMES = frozenset(
    {"at", "ended_at", "meant_at", "generated_at", "dead_since", "done_at", "times", "response"}
)
"""Keys that hold a time, or how long something took."""
_ONE_RUN = frozenset(
    {
        "attempts",
        "evidence",
        "events",
        "custody",
        "last_used",
        "timeline",
        "actions_taken",
        "files",
        "bytes",
        "sha256",
        "size",
    }
)
"""Keys that tell how it went and not what came of it: how often something was tried, what was seen
meanwhile at the vendor, each taking of a value, the encrypted backup's own bytes."""
_OF_AN_ACTION = frozenset({"summary", "reason", "data"})
"""Of an effect that a crash cut off, the words: "refused already" in place of "revoked"."""
_ENDED = frozenset({"action", "store"})
"""What tells an effect's end from other things with a summary."""
_HOW_LONG = re.compile(r"^(From detection to containment it took|It was out for) ")
"""Lessons that are told of durations alone."""
_CAUGHT_UP = re.compile(r"^Pushed (refs/\S+)$|^(refs/\S+) is at its new value on the remote$")
"""A push whose answer a crash cut off is told by what the remote has."""
_RANDOM = re.compile(
    r"\b(mk_1\w{10,}|remediate-[0-9a-f]{12}-[0-9a-f]{8}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)


def reduced(document: Any, incident: str, new: Iterable[str]) -> Any:
    """*document* with what may differ between two runs of the same leak taken out.

    *new* are the texts that stand for what was issued in this run.
    """
    known = sorted((text for text in new if len(text) > 8), key=len, reverse=True)

    def walk(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            if value.get("topic") == "events":
                # Our own calls are among what the vendor saw, and a resume makes others.
                value = {k: v for k, v in value.items() if k != "known"}
            out = _TIMES | _ONE_RUN | (_OF_AN_ACTION if _ENDED & value.keys() else frozenset())
            return {k: walk(v, k) for k, v in value.items() if k not in out}
        if isinstance(value, list):
            # A search that a later one of its kind replaced tells of a run that was gone on with.
            kept = [i for i in value if not (isinstance(i, dict) and i.get("stands") is False)]
            items = [walk(i, key) for i in kept if not (isinstance(i, str) and _HOW_LONG.match(i))]
            return sorted({json.dumps(item, sort_keys=True) for item in items})
        if key == "status" and value in ("done", "unchanged"):
            return "settled"
        if not isinstance(value, str):
            return value
        value = _CAUGHT_UP.sub(r"PUSHED \1\2", value)
        for text in known:
            value = value.replace(text, "NEW")
        return _RANDOM.sub("ID", _TIME.sub("TIME", value.replace(incident, "INCIDENT")))

    return walk(document)
