"""Where GitHub trusts an SSH key: your account's keys, and the deploy keys of named repositories.

GitHub has a key in one place alone, a person's or one repository's
(https://docs.github.com/authentication/troubleshooting-ssh/error-key-already-in-use). It lists public halves,
so a leaked private key is found by its own: the two are compared as `remediate_providers.table.pem` names
them, and nothing is tried with the leaked one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from remediate.http import Answer, HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.wording import count
from remediate_providers.github import responder
from remediate_providers.github.host_talk import repository
from remediate_providers.github.server import Api, Server
from remediate_providers.table.pem import public_half, ssh_fingerprint

USER = "your account"
SIGNING = "your account's signing keys"
"""Told, and never taken away: what they signed goes first."""
PAGE = 100
PAGES = 20
PREFIX = "sha256:"


@dataclass(frozen=True)
class Registered:
    """One public key as GitHub lists it."""

    place: str
    """`USER`, or ``OWNER/REPO``."""
    number: int
    title: str
    read_only: bool
    last_used: str | None = None
    added_by: str | None = None
    """Who put a deploy key there."""

    def row(self) -> dict[str, Json]:
        """For `Facts.known`."""
        return {
            "place": self.place,
            "id": self.number,
            "title": self.title,
            "read_only": self.read_only,
            "last_used": self.last_used,
            "added_by": self.added_by,
        }


@dataclass
class Looked:
    """What the lists told."""

    found: list[Registered] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    """Place to why it could not be read."""
    down: bool = False
    """Whether one was not read for a trouble that passes."""
    evidence: list[Evidence] = field(default_factory=list)

    @property
    def reason(self) -> str:
        """Why it may be somewhere else yet."""
        return "; ".join(f"{place}: {why}" for place, why in self.unread.items())


def name_of(held: Held) -> str | None:
    """What tells the key from others: 64 hex digits of its public half; None where that can't be read."""
    for value in held.values.values():
        der = public_half(value)
        if der is not None:
            return hashlib.sha256(der).hexdigest()
    public = held.credential.public_id or ""
    return public.removeprefix(PREFIX) if public.startswith(PREFIX) else None


def fingerprint(held: Held) -> str | None:
    """As GitHub's pages show it, ``SHA256:…`` (OpenSSH's); None where the value is not at hand."""
    return next((f for value in held.values.values() if (f := ssh_fingerprint(value))), None)


def named_in_list(line: object) -> str | None:
    """`name_of` for a public key as GitHub lists it; None for one that can't be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        der = serialization.load_ssh_public_key(str(line).encode()).public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return hashlib.sha256(der).hexdigest()


def new_pair() -> tuple[Secret, str]:
    """A new Ed25519 key: the private half in OpenSSH's own form, without a passphrase; the public line."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return Secret(private), public_line(Secret(private)) or ""


def public_line(value: Secret) -> str | None:
    """``ssh-ed25519 AAAA…``: the public half as GitHub takes it; None where it can't be read."""
    from cryptography.hazmat.primitives import serialization

    der = public_half(value)
    if der is None:
        return None
    key = serialization.load_der_public_key(der)
    return key.public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    ).decode()


def places(vendor: VendorContext) -> list[str]:
    """Where to look: your account, what the policy's ``with`` names under ``repositories``, this clone's remotes."""
    options = vendor.settings.get("with")
    named = options.get("repositories") if isinstance(options, Mapping) else None
    names = [named] if isinstance(named, str) else named if isinstance(named, Sequence) else []
    server = Server.of(vendor.environment)
    remotes = [found for url in vendor.remotes() if (found := repository(url, server)) is not None]
    here = ("/".join(one) for one in remotes)
    return list(dict.fromkeys([USER, *(str(name) for name in names), *here]))


def path(place: str) -> str:
    """The list's path in the API."""
    if place == USER:
        return "/user/keys"
    if place == SIGNING:
        return "/user/ssh_signing_keys"
    owner, _, name = place.partition("/")
    return f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}/keys"


class Keys:
    """One piece of work's conversation about keys. A context manager."""

    def __init__(self, vendor: VendorContext) -> None:
        self.api = Api(vendor)
        self.vendor = vendor
        self._own = responder.token(vendor, self.api.server)

    def __enter__(self) -> Keys:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.__exit__(None, None, None)

    def look(self, name: str, where: Sequence[str]) -> Looked:
        """Where the key of that *name* is registered."""
        looked = Looked()
        for place in where:
            if self._own is None:
                looked.unread[place] = f"there is no token of yours: {responder.HOW}"
                continue
            rows = list(self._rows(place, looked))
            ours = [row for row in rows if named_in_list(row.get("key")) == name]
            looked.found += [_registered(place, row) for row in ours]
            if place not in looked.unread:
                saw = (
                    f"200, {count(len(rows), 'key')}, {'it is' if ours else 'it is not'} among them"
                )
                looked.evidence.append(self._seen("GET", path(place), saw))
        return looked

    def remove(self, one: Registered) -> tuple[Evidence | None, str]:
        """Take it away. What was seen, and why it may not have worked; empty where GitHub said so."""
        where = f"{path(one.place)}/{one.number}"
        answer = self._effect("DELETE", where)
        if isinstance(answer, HttpError):
            return None, self.api.refusal(answer)
        gone = answer.status in (204, 404)
        return self._seen("DELETE", where, str(answer.status)), (
            "" if gone else self.api.refusal(answer)
        )

    def add(
        self, place: str, title: str, line: str, *, read_only: bool
    ) -> tuple[Evidence | None, str]:
        """Register a public key. Harmless when made twice: GitHub refuses a key that it has."""
        body: dict[str, Json] = {"title": title, "key": line}
        if place != USER:
            body["read_only"] = read_only
        answer = self._effect("POST", path(place), body)
        if isinstance(answer, HttpError):
            return None, self.api.refusal(answer)
        why = "" if answer.status == 201 else self.api.refusal(answer)
        return self._seen("POST", path(place), str(answer.status)), why

    def _effect(self, method: str, where: str, json: object | None = None) -> Answer | HttpError:
        try:
            return self.api.ask(method, where, self._own, repeat=True, json=json)
        except HttpError as error:
            return error

    def _rows(self, place: str, looked: Looked) -> Iterator[Mapping[str, Any]]:
        for page in range(1, PAGES + 1):
            words = {"per_page": str(PAGE), "page": str(page)}
            try:
                answer = self.api.ask("GET", path(place), self._own, query=words)
            except HttpError as error:
                looked.unread[place], looked.down = self.api.refusal(error), True
                return
            rows = answer.json()
            if answer.status != 200 or not isinstance(rows, list):
                looked.unread[place] = self.api.refusal(answer)
                looked.down |= answer.status >= 500 or answer.status == 200 or answer.limited
                return
            yield from (row for row in rows if isinstance(row, dict))
            if len(rows) < PAGE:
                return
        looked.unread[place] = f"there are more than {PAGE * PAGES} keys"

    def _seen(self, method: str, where: str, saw: str) -> Evidence:
        return Evidence(f"{method} {where} at {self.api.server.host}", saw, self.vendor.now())


def _registered(place: str, row: Mapping[str, Any]) -> Registered:
    last, who = row.get("last_used"), row.get("added_by")
    return Registered(
        place,
        int(row.get("id") or 0),
        str(row.get("title") or ""),
        row.get("read_only") is True,
        last if isinstance(last, str) else None,
        who if isinstance(who, str) and who else None,
    )


def known(vendor: VendorContext) -> list[Registered]:
    """Where it was registered when it was looked at last, before anything was taken away."""
    rows = vendor.known.get("registered")
    return [
        _registered(str(row["place"]), row)
        for row in (rows if isinstance(rows, Sequence) else ())
        if isinstance(row, Mapping) and "place" in row
    ]
