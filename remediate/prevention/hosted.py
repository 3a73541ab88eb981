"""The host's own push protection: switched on where it has one, and back by the same command.

What it was before is on disk before anything is changed, so that a crash leaves it to be put back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from remediate.errors import Error
from remediate.incident.home import private_folder, write_private
from remediate.plugins.context import VendorContext
from remediate.plugins.host import Change, Guards, Host
from remediate.plugins.registry import hosts


def switch_on(addresses: Sequence[str], vendor: VendorContext, note: Path) -> Iterator[str]:
    """For each remote's address on a host that has it; what came of it, each in a sentence.

    *note*: the file that keeps what was there before. What an earlier run noted stays as it is.
    """
    before = _noted(note)
    for url in addresses:
        host = _host(url, vendor)
        if not isinstance(host, Guards):
            continue
        try:
            change = host.unguarded(url, vendor)
        except Error as error:
            yield f"Push protection of {url} was not looked at: {error.message} {error.hint or ''}".strip()
            continue
        if change is None:
            yield f"Push protection of {url} is on."
            continue
        if not any(one["url"] == url for one in before):
            before.append({"host": host.name, "url": url, "change": change.to_json()})
            private_folder(note.parent)
            write_private(note, json.dumps(before).encode())
        outcome = host.guard(url, change, vendor)
        yield outcome.summary + (f": {outcome.reason}." if outcome.reason else ".")


def switch_back(vendor: VendorContext, note: Path) -> Iterator[str]:
    """Everything that `switch_on` changed, as it was; what can't be is kept for the next time."""
    left = []
    for one in _noted(note):
        try:
            host = hosts.get(one["host"])
            if not isinstance(host, Guards):
                continue
            outcome = host.unguard(one["url"], Change.from_json(one["change"]), vendor)
            done = outcome.status.settled
            yield outcome.summary + (f": {outcome.reason}." if outcome.reason else ".")
        except Error as error:
            done = False
            yield f"Push protection of {one['url']} was not put back: {error.message}"
        if not done:
            left.append(one)
    if left:
        write_private(note, json.dumps(left).encode())
    else:
        note.unlink(missing_ok=True)


def _host(url: str, vendor: VendorContext) -> Host | None:
    return next((host for host in hosts if host.matches(url, vendor)), None)


def _noted(note: Path) -> list[dict[str, Any]]:
    try:
        read = json.loads(note.read_bytes())
    except (OSError, ValueError):
        return []
    return read if isinstance(read, list) else []
