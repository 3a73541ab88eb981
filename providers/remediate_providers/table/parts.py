"""What a value tells of itself: the id under which its vendor keeps it. Offline."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from remediate.secret import Secret


def named(pattern: str) -> Callable[[Secret], Mapping[str, str]]:
    """The named groups of *pattern* in a value."""
    compiled = re.compile(pattern.encode("ascii"))

    def groups(value: Secret) -> Mapping[str, str]:
        found = compiled.fullmatch(value.reveal())
        return {} if found is None else {n: t.decode("ascii") for n, t in found.groupdict().items()}

    return groups


def webhook(value: Secret) -> Mapping[str, str]:
    """A webhook's address without its host: the credential is the address."""
    return {"hook": urlsplit(value.reveal_text()).path.removeprefix("/")}


def mapbox(value: Secret) -> Mapping[str, str]:
    """``u`` and ``a`` of the claims in a Mapbox token: its user and its authorization's id."""
    try:
        middle = value.reveal().split(b".")[1]
        data = json.loads(base64.urlsafe_b64decode(middle + b"=" * (-len(middle) % 4)))
        user, authorization = data["u"], data["a"]
    except (ValueError, KeyError, TypeError, IndexError, binascii.Error, RecursionError):
        return {}
    if not isinstance(user, str) or not isinstance(authorization, str):
        return {}
    return {"user": user, "id": authorization}


def openshift(value: Secret) -> Mapping[str, str]:
    """The name of an OpenShift token's object: ``sha256~`` and the hash of what follows that in the token."""
    digest = hashlib.sha256(value.reveal().removeprefix(b"sha256~")).digest()
    return {"id": "sha256~" + base64.urlsafe_b64encode(digest).decode().rstrip("=")}
