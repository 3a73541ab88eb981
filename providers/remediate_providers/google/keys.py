"""Google's service-account keys, told by their JSON file. Offline.

The file names the account, the project and the key's id (https://cloud.google.com/iam/docs/keys-create-delete). A
private key alone names nothing: it stays the kind ``private-key``, unless its file is in the report too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remediate.model import Credential
from remediate.plugins.provider import Found, Held, Identified, Kind
from remediate.secret import Secret

PROVIDER = "google"
FILE = "file"
KEY = "key"
FILE_KIND = "gcp-service-account-key"
KEY_KIND = "gcp-service-account-private-key"
CONSOLE = "https://console.cloud.google.com"
PAGE = "/iam-admin/serviceaccounts"

KINDS = (
    Kind(
        FILE_KIND,
        "Google service-account key",
        revoke="api",
        reissue="api",
        page=CONSOLE + PAGE,
        check="api",
    ),
    Kind(
        KEY_KIND,
        "Private key of a Google service account, beside its file",
        revoke="api",
        reissue="api",
        page=CONSOLE + PAGE,
        check="api",
    ),
)

_EMAIL = re.compile(r"[a-z0-9.-]{1,100}@[a-z0-9.-]{1,100}\.gserviceaccount\.com")
_ID = re.compile(r"[0-9a-f]{8,64}")
_PROJECT = re.compile(r"[a-z0-9.:-]{1,100}")
LARGEST = 64 * 1024


@dataclass(frozen=True)
class Account:
    """What a key's file names in the open."""

    email: str
    project: str
    key_id: str


def account_of(value: Secret) -> Account | None:
    """What the file *value* names; None where it is no such file."""
    data = file_of(value)
    if data is None:
        return None
    email, key_id, project = (data.get(n) for n in ("client_email", "private_key_id", "project_id"))
    if not (isinstance(email, str) and isinstance(key_id, str) and isinstance(project, str)):
        return None
    if not (_EMAIL.fullmatch(email) and _ID.fullmatch(key_id) and _PROJECT.fullmatch(project)):
        return None
    return Account(email, project, key_id)


def file_of(value: Secret) -> Mapping[str, Any] | None:
    """A service account's key file, read; None for anything else."""
    raw = value.reveal().strip()
    if not raw.startswith(b"{") or b"service_account" not in raw or len(raw) > LARGEST:
        return None
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("type") != "service_account":
        return None
    return data if isinstance(data.get("private_key"), str) else None


def pem_of(held: Held) -> bytes | None:
    """The leaked private key as PEM; None where neither it nor its file is at hand."""
    file = held.values.get(FILE)
    data = file_of(file) if file is not None else None
    if data is not None:
        return str(data["private_key"]).encode()
    alone = held.values.get(KEY)
    return None if alone is None else alone.reveal().replace(b"\\n", b"\n")


def account_in(credential: Credential) -> Account | None:
    """The account that a credential of ours is of."""
    email = credential.labels.get("service_account", "")
    project, key_id = credential.account or "", credential.public_id or ""
    return Account(email, project, key_id) if email and project and key_id else None


def identify(found: Sequence[Found]) -> list[Identified]:
    """A credential for each key's file; the same private key alone, beside it, is a part of it."""
    alone: dict[str, list[Found]] = {}
    for one in found:
        if b"PRIVATE KEY-----" in one.value.reveal() and file_of(one.value) is None:
            alone.setdefault(_body(one.value.reveal()), []).append(one)
    made = []
    for account, ones in _files(found).items():
        data = file_of(ones[0].value)
        assert data is not None
        beside = alone.pop(_body(str(data["private_key"]).encode()), [])
        parts = _named(FILE, ones) | _named(KEY, beside)
        kinds = {f: FILE_KIND if p.startswith(FILE) else KEY_KIND for p, f in parts.items()}
        made.append(
            Identified(
                Credential(
                    id=f"{PROVIDER}:{account.key_id[:12]}",
                    provider=PROVIDER,
                    kind=FILE_KIND,
                    parts=parts,
                    public_id=account.key_id,
                    account=account.project,
                    labels={"service_account": account.email},
                ),
                kinds,
            )
        )
    return made


def _files(found: Sequence[Found]) -> dict[Account, list[Found]]:
    """The key files among *found*, by account: one key's file may be spelled in several ways."""
    files: dict[Account, list[Found]] = {}
    for one in sorted(found, key=lambda f: f.fingerprint):
        account = account_of(one.value)
        if account is not None:
            files.setdefault(account, []).append(one)
    return files


def _named(part: str, ones: Sequence[Found]) -> dict[str, str]:
    ordered = sorted(one.fingerprint for one in ones)
    return {part if at == 1 else f"{part}-{at}": f for at, f in enumerate(ordered, 1)}


def _body(pem: bytes) -> str:
    """What tells one private key from others however its lines are broken: a hash of its base64."""
    text = pem.replace(b"\\r", b"").replace(b"\\n", b"\n").replace(b"\\/", b"/")
    found = re.search(rb"PRIVATE KEY-----(.*?)(?:-----END|\Z)", text, re.DOTALL)
    body = re.sub(rb"\s", b"", found[1]) if found else text
    return hashlib.sha256(body).hexdigest()
