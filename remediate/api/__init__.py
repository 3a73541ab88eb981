"""What the command line does, for a program: three lines from Python.

    from remediate.api import Repository

    for event in Repository(".", yes=True, key_file="../key").run("leaks.json"):
        print(event.name, event.data)

The command line rests on the same functions. No secret is in an event, a result or a record; values travel as
`Secret`. What stops a run is a `remediate.errors.Error`, which knows its exit code and its hint.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remediate.api.assembling import Result
    from remediate.api.previewing import Preview
    from remediate.api.repository import Report, Repository
    from remediate.api.running import Running
    from remediate.api.verifying import Verification
    from remediate.errors import Error, ExitStatus
    from remediate.incident.events import Event
    from remediate.plugins.context import Asks
    from remediate.secret import Secret

__all__ = [
    "Asks",
    "Error",
    "Event",
    "ExitStatus",
    "Preview",
    "Report",
    "Repository",
    "Result",
    "Running",
    "Secret",
    "Verification",
]

if not TYPE_CHECKING:
    # Imported when asked for: the command line leans on parts of this package, and begins in half the time.
    _WHERE = {
        "Asks": "remediate.plugins.context",
        "Error": "remediate.errors",
        "Event": "remediate.incident.events",
        "ExitStatus": "remediate.errors",
        "Preview": "remediate.api.previewing",
        "Report": "remediate.api.repository",
        "Repository": "remediate.api.repository",
        "Result": "remediate.api.assembling",
        "Running": "remediate.api.running",
        "Secret": "remediate.secret",
        "Verification": "remediate.api.verifying",
    }

    def __getattr__(name):
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_WHERE[name]), name)

    def __dir__():
        return __all__
