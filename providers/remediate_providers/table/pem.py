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
_MAGIC = b"openssh-key-v1\0"
_ENCRYPTED = re.compile(rb"(?m)^(?:Proc-Type|DEK-Info|Comment|Version|Hash):.*$")


def identity(value: Secret) -> tuple[str, bool]:
    """What tells this key from others: 64 hex digits, and whether they are of its public half.

    The SHA-256 of the public key (SubjectPublicKeyInfo, DER) where that can be read; else of the body
    without its line breaks, for a key cut short, or behind a passphrase in another form than OpenSSH's.
    """
    kind, body = _block(value)
    public = _public(kind, body) if kind is not None else None
    return hashlib.sha256(public or body).hexdigest(), public is not None


def public_half(value: Secret) -> bytes | None:
    """The public key (SubjectPublicKeyInfo, DER) of a private one; None where it can't be read.

    OpenSSH writes it in clear before a private half that a passphrase locks. Then it is what the file says, and
    nothing proves it.
    """
    kind, body = _block(value)
    return None if kind is None else _public(kind, body)


def locked(value: Secret) -> bool:
    """Whether the private half is behind a passphrase."""
    kind, body = _block(value)
    if kind is None:
        return False
    if kind == b"OPENSSH":
        head = _openssh(body)
        return head is not None and head[0] != b"none"
    return kind == b"ENCRYPTED" or b"Proc-Type: 4,ENCRYPTED" in value.reveal()


def ssh_fingerprint(value: Secret) -> str | None:
    """``SHA256:…`` as ``ssh-keygen -l`` has it, of the public half; None where that can't be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    der = public_half(value)
    if der is None:
        return None
    try:
        line = serialization.load_der_public_key(der).public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def unreadable(value: Secret) -> str:
    """Why there is no public half, and what to do about it, in half a sentence."""
    if locked(value):
        return (
            "its public half can't be computed without its passphrase (ssh-keygen -y -f FILE asks for "
            "that, and prints it)"
        )
    return "its public half can't be read: it is cut short, or of a sort that is not known here"


def _openssh(body: bytes) -> tuple[bytes, bytes] | None:
    """The cipher's name and the public key of OpenSSH's own form; None where it is none.

    https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key: both stand in clear.
    """
    try:
        raw = base64.b64decode(body, validate=True)
    except (ValueError, binascii.Error):
        return None
    if not raw.startswith(_MAGIC):
        return None
    at, fields = len(_MAGIC), list[bytes]()
    for _ in range(3):  # cipher, kdf, kdf's options; then the number of keys
        field, at = _field(raw, at)
        fields.append(field)
    public, _end = _field(raw, at + 4)
    return (fields[0], public) if fields[0] and public else None


def _field(raw: bytes, at: int) -> tuple[bytes, int]:
    size = int.from_bytes(raw[at : at + 4], "big")
    return raw[at + 4 : at + 4 + size], at + 4 + size


def _block(value: Secret) -> tuple[bytes | None, bytes]:
    """What the header calls it, and the body without line breaks; None and all of it for no such block."""
    # As JSON has it: \n, \r and \/ in two characters each.
    text = value.reveal().replace(b"\\r", b"").replace(b"\\n", b"\n").replace(b"\\/", b"/")
    found = _BLOCK.search(text)
    if found is None:
        return None, text
    return found[1].strip(), re.sub(rb"\s", b"", _ENCRYPTED.sub(b"", found[2]))


def _public(kind: bytes, body: bytes) -> bytes | None:
    """The public key of a private key, DER; None where it can't be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        der = base64.b64decode(body, validate=True)
        head = _openssh(body) if kind == b"OPENSSH" else None
        if head is not None and head[0] != b"none":
            sort = head[1][4 : 4 + int.from_bytes(head[1][:4], "big")]
            line = serialization.load_ssh_public_key(sort + b" " + base64.b64encode(head[1]))
            return line.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
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
