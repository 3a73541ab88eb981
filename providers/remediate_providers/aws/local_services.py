"""Service-specific credentials for the local AWS, which moto lacks: Bedrock's API keys, CodeCommit's passwords."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from remediate.secret import Secret

BEDROCK = "bedrock.amazonaws.com"
QUOTA = 2
PREFIX = "ABSK"
PAGE = 2
"""Rows a page: few, so that readers have to turn it."""


_NAMES = ("ServiceCredentialAlias", "ServiceUserName")
"""What a key of Bedrock's is called by, and what any other credential is."""


class FullError(Exception):
    """``LimitExceeded``."""


class MissingError(Exception):
    """No such credential, or no such user."""


@dataclass
class ServiceCredentials:
    """An account's, by id."""

    account: str
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self, user: str, service: str = BEDROCK, days: int | None = None) -> Secret:
        """A new one of *user*; its key or its password, which is told this once. Raises `FullError`."""
        return Secret(self._made(user, service, days)[1])

    def create(self, asked: Mapping[str, Any]) -> str:
        """``CreateServiceSpecificCredential``, in XML. Raises `FullError`."""
        service, days = str(asked["ServiceName"]), asked.get("CredentialAgeDays")
        row, value = self._made(str(asked["UserName"]), service, int(days) if days else None)
        told = "ServiceCredentialSecret" if service == BEDROCK else "ServicePassword"
        inner = _fields({**row, told: value})
        return f"<ServiceSpecificCredential>{inner}</ServiceSpecificCredential>"

    def _made(self, user: str, service: str, days: int | None) -> tuple[dict[str, str], str]:
        alias = f"{user}-at-{self.account}"
        with self._lock:
            mine = [
                row
                for row in self.rows.values()
                if (row["UserName"], row["ServiceName"]) == (user, service)
            ]
            if len(mine) >= QUOTA:
                raise FullError
            names = {row[name] for row in mine for name in _NAMES if name in row}
            if alias in names:
                alias = f"{user}+1-at-{self.account}"
            made = "ACCA" + secrets.token_hex(8).upper()
            now = datetime.now(UTC)
            row = {
                "UserName": user,
                "Status": "Active",
                _NAMES[service != BEDROCK]: alias,
                "CreateDate": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "ServiceSpecificCredentialId": made,
                "ServiceName": service,
            }
            if days:
                row["ExpirationDate"] = (now + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.rows[made] = row
        if service != BEDROCK:
            return row, base64.b64encode(secrets.token_bytes(32)).decode()
        secret = base64.b64encode(secrets.token_bytes(64)).decode()
        return row, PREFIX + base64.b64encode(f"{alias}:{secret}".encode()).decode()

    def status(self, alias: str) -> str:
        """``Active``, ``Inactive``, or ``deleted``."""
        rows = list(self.rows.values())
        found = (r["Status"] for r in rows if alias in [r.get(name) for name in _NAMES])
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
