"""What an Amazon Bedrock API key tells by itself: its owner and its account. Offline.

A long-term one (``ABSK…``) is a service-specific credential of an IAM user: after the prefix, base64 of
``ALIAS:SECRET``, the alias being ``USER-at-ACCOUNT``. A short-term one (``bedrock-api-key-…``) is base64 of a
presigned address of Bedrock, which names the access key that signed it. AWS documents neither form
(https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html): what does not decode is left to others.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from remediate.model import Credential
from remediate.plugins.provider import Found, Identified, Kind
from remediate_providers.aws import keys

PROVIDER = "aws-bedrock"
PART = "key"
CONSOLE = "https://console.aws.amazon.com/bedrock/home#/api-keys"
LONG = Kind(
    "aws-bedrock-api-key",
    "Amazon Bedrock API key (long-term, ABSK…)",
    revoke="api",
    reissue="api",
    page=CONSOLE,
    check="api",
)
SHORT = Kind(
    "aws-bedrock-session-api-key",
    "Amazon Bedrock API key (short-term, bedrock-api-key-…)",
    revoke="api",
    reissue="none",
    page=keys.CONSOLE_ROLES,
)
KINDS = (LONG, SHORT)

_LONG = re.compile(r"ABSK[A-Za-z0-9+/]{40,400}={0,2}")
_SHORT = re.compile(r"bedrock-api-key-[A-Za-z0-9+/_-]{60,8000}={0,2}")
_ALIAS = re.compile(r"(?P<user>[\w+=,.@-]{1,64})-at-(?P<account>[0-9]{12})")


@dataclass(frozen=True)
class Owner:
    """Whose a key is, as far as it tells."""

    kind: Kind
    public_id: str
    """The alias of a long-term key; the id of the access key that signed a short-term one."""
    account: str | None
    user: str | None = None


def owner_of(text: str) -> Owner | None:
    """What *text* tells of itself, None where it is no Bedrock API key."""
    if _LONG.fullmatch(text):
        alias = _decoded(text[4:]).partition(":")[0]
        named = _ALIAS.fullmatch(alias)
        if named is None:
            return None
        # A user's second credential for the same service is USER+1.
        user = re.sub(r"\+[0-9]+\Z", "", named["user"])
        return Owner(LONG, alias, named["account"], user)
    if _SHORT.fullmatch(text):
        address = _decoded(text.removeprefix("bedrock-api-key-"))
        signed_by = _signer(address)
        if signed_by is not None:
            return Owner(SHORT, signed_by, keys.account_of(signed_by))
    return None


def identify(found: Sequence[Found]) -> list[Identified]:
    """Each of *found* that is a Bedrock API key, as a credential of its own."""
    return [
        Identified(_credential(one, owner), {one.fingerprint: owner.kind.name})
        for one in found
        if (owner := owner_of(one.value.reveal_text())) is not None
    ]


def _credential(one: Found, owner: Owner) -> Credential:
    labels = {}
    if keys.is_canary(owner.account):
        labels["canary"] = (
            "this account's keys are laid out to be stolen; using one raises an alarm"
        )
    if owner.user is not None:
        labels["user"] = owner.user
    return Credential(
        id=f"{PROVIDER}:{one.fingerprint[:12]}",
        provider=PROVIDER,
        kind=owner.kind.name,
        parts={PART: one.fingerprint},
        public_id=owner.public_id,
        account=owner.account,
        labels=labels,
    )


def _decoded(text: str) -> str:
    """Base64, with or without its padding; empty where it is none, or no text."""
    bare = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _signer(address: str) -> str | None:
    """The access key in a presigned address (``X-Amz-Credential=ID/DATE/REGION/SERVICE/…``)."""
    try:
        asked = parse_qs(urlsplit(f"https://{address.removeprefix('https://')}").query)
    except ValueError:
        return None
    key_id = asked.get("X-Amz-Credential", [""])[0].partition("/")[0]
    return key_id if keys.kind_of_id(key_id) is not None else None
