"""Tokens of Vault and OpenBao, told by their form alone.

Service tokens begin with ``hvs.`` (Vault from 1.10), ``s.`` (before, and OpenBao), batch tokens with ``hvb.`` or
``b.``, recovery tokens with ``hvr.`` or ``r.``; after another point may stand the id of a namespace.
https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from remediate.model import Credential
from remediate.plugins.provider import Found, Held, Identified, Kind
from remediate.secret import Secret

NAME = "vault"
PART = "value"
SERVICE = "vault-token"
BATCH = "vault-batch-token"
RECOVERY = "vault-recovery-token"

KINDS = (
    Kind(SERVICE, "Vault or OpenBao service token", "api", "api", check="api"),
    Kind(BATCH, "Vault or OpenBao batch token", "manual", "manual", check="api"),
    Kind(RECOVERY, "Vault or OpenBao recovery token", "manual", "none"),
)

_NAMESPACE = rb"(?:\.[A-Za-z0-9]{5,6})?"
_SHAPES = (
    (SERVICE, re.compile(rb"hvs\.[A-Za-z0-9_-]{24,300}" + _NAMESPACE)),
    (SERVICE, re.compile(rb"s\.[A-Za-z0-9]{24}" + _NAMESPACE)),
    (BATCH, re.compile(rb"hvb\.[A-Za-z0-9_-]{60,400}" + _NAMESPACE)),
    # The first bytes are a version and a length, and so nearly always zero: AAAA….
    (BATCH, re.compile(rb"b\.AAAA[A-Za-z0-9_-]{60,400}" + _NAMESPACE)),
    (RECOVERY, re.compile(rb"hvr\.[A-Za-z0-9_-]{24,300}")),
    (RECOVERY, re.compile(rb"r\.[A-Za-z0-9]{24}")),
)


def kind_of(value: Secret) -> str | None:
    """The kind of token that *value* has the form of; None where it has none."""
    raw = value.reveal()
    kind = next((name for name, shape in _SHAPES if shape.fullmatch(raw)), None)
    if kind is not None and raw[:2] in (b"s.", b"r.") and not _random(raw[2:26]):
        return None  # code has names of 24 letters after a point too: s.getElementsByTagNameNS…
    return kind


def _random(letters: bytes) -> bool:
    """Whether 24 letters and digits were drawn and not written: about one token in 1,000 looks written."""
    capitals = sum(65 <= letter <= 90 for letter in letters)
    return any(48 <= letter <= 57 for letter in letters) or 7 <= capitals <= 19


def identify(found: Sequence[Found]) -> Sequence[Identified]:
    """A credential for each value that has a token's form."""
    made = []
    for one in found:
        kind = kind_of(one.value)
        if kind is not None:
            credential = Credential(
                id=f"{NAME}:{one.fingerprint[:12]}",
                provider=NAME,
                kind=kind,
                parts={PART: one.fingerprint},
            )
            made.append(Identified(credential, {one.fingerprint: kind}))
    return made


def token_of(held: Held) -> Secret | None:
    """The token itself, where it is at hand."""
    return held.values.get(PART)
