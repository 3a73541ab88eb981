"""Signing in to Google with a key, and making a new one: JWTs (RFC 7519, RS256) and certificates, by `cryptography`.

https://developers.google.com/identity/protocols/oauth2/service-account#jwt-auth
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from remediate.secret import Secret

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
AUDIENCE = "https://oauth2.googleapis.com/token"
"""Always this one: a file from a leak may name any address."""
SECONDS = 600
FOREVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True)
class Pair:
    """A new key pair: the private half, and a certificate that carries the public one."""

    private_pem: str
    certificate_pem: str


def assertion(pem: bytes, email: str, key_id: str) -> Secret | None:
    """A signed request for a token; None where the key can't be read."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        key: Any = serialization.load_pem_private_key(
            pem, None, unsafe_skip_rsa_key_validation=True
        )
    except (ValueError, TypeError):
        return None
    if not isinstance(key, rsa.RSAPrivateKey):
        return None
    now = int(time.time())
    head = {"alg": "RS256", "typ": "JWT", "kid": key_id}
    claims = {"iss": email, "scope": SCOPE, "aud": AUDIENCE, "iat": now, "exp": now + SECONDS}
    text = f"{_encoded(head)}.{_encoded(claims)}"
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return Secret(f"{text}.{_base64url(signature)}")


def new_pair(name: str) -> Pair:
    """A new RSA key, and a certificate for it whose subject is *name*: Google lists it again."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(minutes=5))
        .not_valid_after(FOREVER)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    return Pair(private.decode(), public.decode())


def subject_of(certificate: bytes) -> str | None:
    """The common name of a certificate (PEM); None where it can't be read."""
    from cryptography import x509

    try:
        names = x509.load_pem_x509_certificate(certificate).subject.get_attributes_for_oid(
            x509.NameOID.COMMON_NAME
        )
    except ValueError:
        return None
    return str(names[0].value) if names else None


def _encoded(data: Mapping[str, object]) -> str:
    return _base64url(json.dumps(data, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
