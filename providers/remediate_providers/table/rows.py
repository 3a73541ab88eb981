"""The whole table, in the order in which a value is looked up: the first row that it matches is its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from remediate.secret import Secret
from remediate_providers.table import (
    calls_cloud,
    calls_code,
    calls_services,
    rows_cloud,
    rows_code,
    rows_services,
)
from remediate_providers.table.calls import Calls
from remediate_providers.table.row import Row

PRIVATE_KEY = Row(
    kind="private-key",
    title="Private key (PEM, OpenSSH or PGP)",
    vendor="private-key",
    # A header without a body is no secret: it stands in every program that looks for one.
    looks=r"\s*-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?=.{64}).*",
    page=None,
    where="Everywhere its public half is trusted: authorized_keys, deploy keys, certificates, service "
    "accounts, signing keys.",
    end="Where it decrypts or signs, that goes first: encrypt and sign anew with the new pair, and keep the old key until "
    "nothing needs it. Then take the public key away in each of these places. A certificate: have its issuer revoke it. A "
    "Google service account: disable, then delete the key of that id. An SSH key at GitHub: with "
    'provider = "github-ssh" in the policy it is done for you.',
    new="Make a new pair (ssh-keygen -t ed25519, openssl genpkey), and put the public half in place first.",
)
AGE_KEY = Row(
    kind="age-secret-key",
    title="age secret key",
    vendor="age",
    looks=r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
    page=None,
    where="Nobody can end an encryption key: whoever copied it reads what was encrypted to it, for ever.",
    end="Encrypt to a new key what is still secret, and treat what the old one opened as read by others.",
    new="age-keygen; then encrypt everything again.",
)
JWT = Row(
    kind="jwt",
    title="JSON Web Token",
    vendor="jwt",
    looks=r"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,8000}\.[A-Za-z0-9_-]{16,2000}",
    page=None,
    where="Whoever issued it: its labels name the issuer where it names one.",
    end="Revoke it there; where that can't be done it works until it expires, or until its signing key is "
    "changed.",
    new="Ask the issuer for another one.",
)

CALLS: Mapping[str, Calls] = {**calls_code.CALLS, **calls_cloud.CALLS, **calls_services.CALLS}


def _joined(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(replace(row, calls=CALLS.get(row.kind)) for row in rows)


ROWS: tuple[Row, ...] = (
    PRIVATE_KEY,
    AGE_KEY,
    *_joined((*rows_code.ROWS, *rows_cloud.ROWS, *rows_services.ROWS)),
    JWT,
)
BY_KIND: Mapping[str, Row] = {row.kind: row for row in ROWS}


def row_of(value: Secret) -> Row | None:
    """The row that *value* belongs to; None where nobody knows it."""
    raw = value.reveal()
    return next((row for row in ROWS if row.pattern.fullmatch(raw)), None)
