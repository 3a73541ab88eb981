"""The envelope in which Stripe hands over a new live key: made for one call, opened here.

A compact JWE (RFC 7516): the content key wrapped with RSA-OAEP or RSA-OAEP-256, the content sealed with
A256GCM, the protected header as additional data. The RSA key pair lives as long as the call.
"""

from __future__ import annotations

import base64
import binascii
import json

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from remediate.secret import Secret

_OAEP: dict[str, type[hashes.HashAlgorithm]] = {
    # The JOSE name without a number is OAEP with SHA-1 (RFC 7518, 4.3); used as Stripe chooses.
    "RSA-OAEP": hashes.SHA1,
    "RSA-OAEP-256": hashes.SHA256,
}


class EnvelopeError(Exception):
    """An envelope that can't be opened; says why, nothing of what is in it."""


class Envelope:
    """A key pair for one answer."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public_pem(self) -> str:
        """The public half as Stripe wants it: SubjectPublicKeyInfo in PEM."""
        return (
            self._key.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )

    def open(self, compact: str) -> Secret:
        """What is in the JWE *compact*. Raises `EnvelopeError`."""
        segments = compact.split(".")
        if len(segments) != 5:
            raise EnvelopeError("not five parts")
        try:
            protected, wrapped, nonce, sealed, tag = (_decoded(part) for part in segments)
            header = json.loads(protected)
        except (ValueError, RecursionError):
            raise EnvelopeError("not base64url and JSON") from None
        if not isinstance(header, dict):
            raise EnvelopeError("its header is no object")
        digest = _OAEP.get(str(header.get("alg")))
        if digest is None or header.get("enc") != "A256GCM" or "zip" in header or "crit" in header:
            raise EnvelopeError("sealed in another way than RSA-OAEP with A256GCM")
        try:
            key = self._key.decrypt(
                wrapped, padding.OAEP(padding.MGF1(digest()), digest(), label=None)
            )
            # AESGCM would take a key of 128 bits too.
            if len(key) != 32 or len(nonce) != 12 or len(tag) != 16:
                raise EnvelopeError("its parts have the wrong size")
            return Secret(AESGCM(key).decrypt(nonce, sealed + tag, segments[0].encode("ascii")))
        except (ValueError, InvalidTag):
            raise EnvelopeError("not sealed for this call, or changed on the way") from None


def _decoded(part: str) -> bytes:
    try:
        # Strict: Python's own decoder would skip characters that are none of base64's.
        padded = part.encode("ascii") + b"=" * (-len(part) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("base64url") from error
