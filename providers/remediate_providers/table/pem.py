"""Private keys: which values are one key in different wrappings.

A service account's file has the key's lines joined with a literal ``\\n``, a deployment has it with ``BEGIN RSA
PRIVATE KEY``, an export with ``BEGIN PRIVATE KEY``: several secrets, each to be found in history as it
stands, and one credential.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

from remediate.secret import Secret

_BLOCK = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]{0,40})PRIVATE KEY(?: BLOCK)?-----(.*?)(?:-----END|\Z)", re.DOTALL
)
_ENCRYPTED = re.compile(rb"(?m)^(?:Proc-Type|DEK-Info|Comment|Version|Hash):.*$")


def identity(value: Secret) -> tuple[str, bool]:
    """What tells this key from others: 64 hex digits, and whether they are of its public half.

    The SHA-256 of the public key (SubjectPublicKeyInfo, DER) where the key can be read; else of the body
    without its line breaks, for a key behind a passphrase or cut short.
    """
    kind, body = _block(value)
    public = _public(kind, body) if kind is not None else None
    return hashlib.sha256(public or body).hexdigest(), public is not None


def public_half(value: Secret) -> bytes | None:
    """The public key (SubjectPublicKeyInfo, DER) of a private one; None where it can't be read."""
    kind, body = _block(value)
    return None if kind is None else _public(kind, body)


def _block(value: Secret) -> tuple[bytes | None, bytes]:
    """What the header calls it, and the body without line breaks; None and all of it for no such block."""
    # As JSON has it: \n, \r and \/ in two characters each.
    text = value.reveal().replace(b"\\r", b"").replace(b"\\n", b"\n").replace(b"\\/", b"/")
    found = _BLOCK.search(text)
    if found is None:
        return None, text
    return found[1].strip(), re.sub(rb"\s", b"", _ENCRYPTED.sub(b"", found[2]))


def _public(kind: bytes, body: bytes) -> bytes | None:
    """The public key of an unprotected private key, DER; None where it can't be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        der = base64.b64decode(body, validate=True)
        if kind == b"OPENSSH":
            lines = b"-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n-----END OPENSSH PRIVATE KEY-----\n"
            key: Any = serialization.load_ssh_private_key(lines % body, None)
        else:
            # The header is not believed: a PKCS#1 body under a PKCS#8 header is what leaks look like.
            # The proof that an RSA key is sound takes a tenth of a second, and nothing here needs it.
            key = serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
        public: bytes = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return public
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error, AttributeError):
        return None
