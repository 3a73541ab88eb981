"""Spans of time, and the parts of a response, in words."""

from __future__ import annotations

from remediate.record.model import ResponseTime

RESPONSE_NAMES = {
    "out-before-detection": "Out before it was detected",
    "detection-to-containment": "Detection to containment",
    "detection-to-replacement": "Detection to replacement",
    "detection-to-verified": "Detection to a verified history",
}


def took(one: ResponseTime) -> str:
    """How long it took, or has taken so far."""
    if one.seconds is not None:
        return duration(one.seconds)
    return "not over, or not known" if one.so_far is None else f"{duration(one.so_far)} so far"


def duration(seconds: float) -> str:
    """A span of time for people: ``47 s``, ``12 min 5 s``, ``3 h 20 min``, ``2 d 4 h``."""
    whole = int(seconds)
    for size, word, less, smaller in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // less
            return f"{whole // size} {word}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"
