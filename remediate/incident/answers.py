"""Vendors' raw answers, kept in the incident's folder for forensics, with secrets taken out.

One file an answer, 0600, numbered in the order in which they came. The journal has each one's SHA-256, so that a
file that was changed afterwards is told.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from remediate.incident.home import private_folder, write_private

FOLDER = "answers"
MOST = 2000
"""Answers that one run keeps; a vendor's history is read in pages of some fifty events."""
REMOVED = "[removed]"
_SECRET = re.compile(
    r"(?:secret|token|password|passwd|private_?key|ciphertext|authorization|cookie|credentials?"
    r"|secret_?access_?key|session_?token|access_?token|refresh_?token|client_?secret|secret_?string"
    r"|secret_?token|secret_?binary|encrypted_?value)",
    re.IGNORECASE,
)


class Answers:
    """What one run keeps. Safe to add to from threads."""

    def __init__(self, folder: Path, redact: Callable[[], Callable[[str], str]]) -> None:
        self._folder = folder / FOLDER
        self._redact = redact
        self._lock = threading.Lock()
        self._kept: dict[str, dict[str, str]] = {}
        self._number = -1

    def keep(self, subject: str, name: str, answer: object) -> None:
        """Write down *answer*: bytes or text as a vendor sent it, or its JSON already read."""
        text = self._redact()(_text(answer))
        with self._lock:
            if self._number < 0:
                private_folder(self._folder)
                self._number = sum(1 for _ in self._folder.iterdir())
            if self._number >= MOST:
                return
            self._number += 1
            safe = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{subject}-{name}")[:120]
            path = self._folder / f"{self._number:04}-{safe}.json"
            write_private(path, text.encode())
            digest = hashlib.sha256(text.encode()).hexdigest()
            self._kept.setdefault(subject, {})[path.name] = digest

    def of(self, subject: str) -> Mapping[str, str]:
        """File name to SHA-256 of what this run kept about *subject*."""
        with self._lock:
            return dict(self._kept.get(subject, {}))


def scrubbed(data: Any) -> Any:
    """*data* without what stands under a name that only secrets have."""
    if isinstance(data, Mapping):
        return {
            str(key): REMOVED
            if _SECRET.fullmatch(str(key)) and isinstance(value, str) and value
            else scrubbed(value)
            for key, value in data.items()
        }
    if isinstance(data, list | tuple):
        return [scrubbed(one) for one in data]
    if isinstance(data, str) and data[:1] in "{[":
        # CloudTrail's events are JSON in a string of JSON.
        inner = _json(data)
        return data if inner is None else json.dumps(scrubbed(inner), ensure_ascii=False)
    return data


def _text(answer: object) -> str:
    if isinstance(answer, bytes):
        answer = answer.decode("utf-8", "replace")
    data = _json(answer) if isinstance(answer, str) else answer
    if data is None:
        return str(answer)
    return json.dumps(scrubbed(data), ensure_ascii=False, indent=1, default=str) + "\n"


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
