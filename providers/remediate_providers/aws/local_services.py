"""Service-specific credentials for the local AWS, which moto lacks: Bedrock's API keys."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from remediate.secret import Secret

PAGE = 2
"""Rows a page: few, so that readers have to turn it."""


class MissingError(Exception):
    """No such credential, or no such user."""


@dataclass
class ServiceCredentials:
    """An account's, by id."""

    account: str
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self, user: str, service: str = "bedrock.amazonaws.com") -> Secret:
        """A new one of *user*; its value, which is told this once."""
        alias = f"{user}-at-{self.account}"
        with self._lock:
            number = sum(row["UserName"] == user for row in self.rows.values())
            if number:
                alias = f"{user}+{number}-at-{self.account}"
            made = "ACCA" + secrets.token_hex(8).upper()
            self.rows[made] = {
                "UserName": user,
                "Status": "Active",
                "ServiceCredentialAlias": alias,
                "CreateDate": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "ServiceSpecificCredentialId": made,
                "ServiceName": service,
            }
        secret = base64.b64encode(secrets.token_bytes(64)).decode()
        value = base64.b64encode(f"{alias}:{secret}".encode()).decode()
        return Secret("ABSK" + value)

    def status(self, alias: str) -> str:
        """``Active``, ``Inactive``, or ``deleted``."""
        rows = list(self.rows.values())
        found = (r["Status"] for r in rows if r["ServiceCredentialAlias"] == alias)
        return next(found, "deleted")

    def listed(self, asked: Mapping[str, Any]) -> str:
        """``ListServiceSpecificCredentials``, in XML."""
        user, service = asked.get("UserName"), asked.get("ServiceName")
        everyone = str(asked.get("AllUsers", "")).lower() == "true"
        rows = [
            row
            for row in list(self.rows.values())
            if (everyone or row["UserName"] == user) and service in (None, row["ServiceName"])
        ]
        first = int(asked.get("Marker") or 0)
        more = first + PAGE < len(rows)
        members = "".join(f"<member>{_fields(row)}</member>" for row in rows[first : first + PAGE])
        marker = f"<Marker>{first + PAGE}</Marker>" if more else ""
        return (
            f"<ServiceSpecificCredentials>{members}</ServiceSpecificCredentials>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{marker}"
        )

    def update(self, asked: Mapping[str, Any]) -> str:
        """``UpdateServiceSpecificCredential``. Raises `MissingError`."""
        self._named(asked)["Status"] = str(asked["Status"])
        return ""

    def delete(self, asked: Mapping[str, Any]) -> str:
        """``DeleteServiceSpecificCredential``. Raises `MissingError`."""
        del self.rows[self._named(asked)["ServiceSpecificCredentialId"]]
        return ""

    def _named(self, asked: Mapping[str, Any]) -> dict[str, str]:
        row = self.rows.get(str(asked.get("ServiceSpecificCredentialId")))
        if row is None or asked.get("UserName") not in (None, row["UserName"]):
            raise MissingError
        return row


def _fields(row: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in row.items())
