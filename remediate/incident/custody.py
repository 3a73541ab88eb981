"""Custody: the one holder of secret values, old and new, by fingerprint.

In memory always; on disk only sealed (`remediate.incident.sealing`). A value is on disk before `put`
returns, so that a new one can't be lost between its making and its use.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyrage

from remediate.errors import CustodyError
from remediate.history.expressions import Rule
from remediate.incident.home import write_private
from remediate.incident.sealing import Seal
from remediate.secret import InstallationKey, Secret

#: Where the rules' texts lie among the values: no fingerprint, which is hex.
_RULES = "rules"


class Custody:
    """The values of one incident."""

    def __init__(self, folder: Path, key: InstallationKey, seal: Seal | None) -> None:
        self._path = folder / "custody.age"
        self._key = key
        self._seal = seal
        self._lock = threading.Lock()
        self._values: dict[str, Secret] = {}
        self._rules: tuple[Rule, ...] = ()
        if seal is not None and self._path.exists():
            self._values = self._open(seal)

    @property
    def persistent(self) -> bool:
        """Whether values outlive this process."""
        return self._seal is not None

    @property
    def seal(self) -> Seal | None:
        """The key pair that values and backups are sealed with, where there is one."""
        return self._seal

    def adopt(self, seal: Seal) -> None:
        """Keep every value on disk too, from now on."""
        with self._lock:
            self._seal = seal
            self._save()

    def put(self, value: Secret) -> str:
        """Take *value* in and give its fingerprint; on disk, where custody is persistent."""
        return self.put_all([value])[0]

    def put_all(self, values: list[Secret]) -> list[str]:
        """Take all of *values* in at once, with one write."""
        with self._lock:
            names = [self._key.fingerprint(value) for value in values]
            fresh = {n: v for n, v in zip(names, values, strict=True) if n not in self._values}
            if fresh:
                self._values |= fresh
                self._save()
            return names

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Texts that the user's own patterns matched. They are no leaked values: nothing is redacted for them."""
        return self._rules

    def put_rules(self, rules: Sequence[Rule]) -> None:
        """Keep *rules* in place of those before; on disk, where custody is persistent."""
        with self._lock:
            if tuple(rules) != self._rules:
                self._rules = tuple(rules)
                self._save()

    def __contains__(self, fingerprint: object) -> bool:
        return fingerprint in self._values

    def get(self, fingerprint: str) -> Secret | None:
        """The value of that fingerprint, None where it is not here."""
        return self._values.get(fingerprint)

    def take(self, fingerprint: str) -> Secret:
        """The value of that fingerprint. Raises `CustodyError` with how to bring it back."""
        value = self._values.get(fingerprint)
        if value is None:
            raise CustodyError(
                f"The value of secret {fingerprint[:12]} is not in custody any more.",
                hint="Give the report once more: remediate resume --report FILE",
            )
        return value

    def fingerprints(self) -> list[str]:
        """The fingerprint of every value here."""
        return list(self._values)

    def every(self) -> list[Secret]:
        """Every value, for redaction and for comparing with a responder's own."""
        return list(self._values.values())

    def empty(self) -> None:
        """Forget every value, in memory and on disk."""
        with self._lock:
            self._values.clear()
            self._rules = ()
            self._path.unlink(missing_ok=True)

    def _save(self) -> None:
        if self._seal is None:
            return
        document: dict[str, Any] = {k: _text(v.reveal()) for k, v in self._values.items()}
        if self._rules:
            document[_RULES] = [
                [_text(rule.secret.reveal()), _text(rule.replacement)] for rule in self._rules
            ]
        sealed = pyrage.encrypt(json.dumps(document).encode(), [self._seal.recipient])
        write_private(self._path, sealed)

    def _open(self, seal: Seal) -> dict[str, Secret]:
        try:
            plain = pyrage.decrypt(self._path.read_bytes(), [seal.identity])
            document = json.loads(plain)
            self._rules = tuple(
                Rule(Secret(base64.b64decode(old)), base64.b64decode(new))
                for old, new in document.pop(_RULES, [])
            )
            return {k: Secret(base64.b64decode(v)) for k, v in document.items()}
        except (pyrage.DecryptError, OSError, ValueError):
            raise CustodyError(
                f"{self._path} can't be opened; it is damaged or was sealed with another key.",
                hint="Give the report once more: remediate resume --report FILE",
            ) from None


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
