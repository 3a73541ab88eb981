"""A request for approval, as a file: what somebody is asked to agree to, and what is signed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from remediate import signing
from remediate.errors import InputError

SCHEMA = "remediate.approval/1"
_LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True)
class Request:
    """What somebody is asked to agree to."""

    schema: str
    incident: str
    stage: str
    title: str
    """What the stage does, for people."""
    repository: str
    remote: str | None
    asked_at: str
    asked_by: Mapping[str, str | None]
    """``user``, ``email`` and ``key`` (an SSH key's fingerprint) of whoever ran it."""
    plan: tuple[str, ...]
    """What would be done, a line each."""
    plan_hash: str
    journal: Mapping[str, int | str]
    """``seq`` and ``seal`` of the journal's last row when it was asked."""

    def to_bytes(self) -> bytes:
        """The file's content: exactly what is signed."""
        return json.dumps(asdict(self), indent=2, sort_keys=True).encode() + b"\n"

    @classmethod
    def of(cls, data: bytes, name: str) -> Request:
        """The request that `to_bytes` wrote. Raises `InputError` for anything else."""
        expected = "a request for approval, as remediate wrote it"
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            raise InputError(name, expected, found="no JSON") from None
        if not isinstance(found, dict) or found.get("schema") != SCHEMA:
            raise InputError(name, expected, found="something else")
        texts = ("incident", "stage", "title", "repository", "asked_at", "plan_hash")
        plan, by, at = found.get("plan"), found.get("asked_by"), found.get("journal")
        if not (
            set(found) == {"schema", "remote", "plan", "asked_by", "journal", *texts}
            and all(isinstance(found[key], str) for key in texts)
            and isinstance(found["remote"], str | None)
            and isinstance(plan, list)
            and all(isinstance(line, str) for line in plan)
            and isinstance(by, dict)
            and all(isinstance(by.get(key), str | None) for key in ("user", "email", "key"))
            and isinstance(at, dict)
            and isinstance(at.get("seq"), int)
            and isinstance(at.get("seal"), str)
        ):
            raise InputError(name, expected, found="one with other fields")
        request = cls(**{**found, "plan": tuple(plan)})
        if request.plan_hash != hash_of(request.plan):
            raise InputError(
                name,
                "a plan that fits its hash",
                found="another",
                hint="Somebody has edited it. Sign nothing; ask whoever sent it.",
            )
        return request


@dataclass(frozen=True)
class Handed:
    """What ``resume --approval`` was given."""

    name: str
    signature: bytes
    request: bytes | None = None
    """Where the request itself was named, its signature lying beside it."""


def hash_of(plan: Sequence[str]) -> str:
    """The hash by which a plan is known: SHA-256 over its lines as JSON."""
    return hashlib.sha256(json.dumps(list(plan)).encode()).hexdigest()


def read(path: Path) -> Handed:
    """The approval in *path*: a signature, or a request with its signature (.sig) beside it.

    Raises `InputError`.
    """
    data = _bytes(path, "an approval: REQUEST.sig, or the request it lies beside")
    if data.startswith(signing.ARMOUR):
        return Handed(path.name, data)
    Request.of(data, str(path))
    beside = signature_path(path)
    return Handed(path.name, _bytes(beside, "the signature of the request beside it"), data)


def read_request(path: Path) -> tuple[Request, bytes]:
    """The request in *path*, and the bytes that are signed. Raises `InputError`."""
    data = _bytes(path, "a request for approval")
    return Request.of(data, str(path)), data


def signature_path(request: Path) -> Path:
    """Where a request's signature lies."""
    return request.with_name(request.name + ".sig")


def _bytes(path: Path, expected: str) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(str(path), expected, found=error.strerror or "") from None
    if len(data) > _LARGEST:
        raise InputError(str(path), expected, found="more than 64 MiB")
    return data
