"""What an AWS access key id tells by itself: its kind, its account, whether it is a canary. Offline."""

from __future__ import annotations

import base64
import binascii
import re

from remediate.plugins.provider import Kind

CONSOLE_USERS = "https://console.aws.amazon.com/iam/home#/users"
CONSOLE_ROLES = "https://console.aws.amazon.com/iam/home#/roles"
CONSOLE_ROOT = "https://console.aws.amazon.com/iam/home#/security_credentials"

KEY_ID = Kind(
    "aws-access-key-id",
    "AWS access key of an IAM user (or of root)",
    revoke="api",
    reissue="api",
    page=CONSOLE_USERS,
    check="api",
)
SECRET = Kind(
    "aws-secret-access-key",
    "AWS secret access key (paired with its id)",
    revoke="api",
    reissue="api",
    page=CONSOLE_USERS,
    check="api",
)
TEMPORARY = Kind(
    "aws-temporary-access-key-id",
    "AWS temporary access key of a session (ASIA…)",
    revoke="api",
    reissue="none",
    page=CONSOLE_ROLES,
)
BEARER = Kind(
    "aws-bearer-token-id",
    "AWS STS service bearer token (ABIA…)",
    revoke="manual",
    reissue="none",
    page=CONSOLE_ROLES,
)
CONTEXT = Kind(
    "aws-context-credential-id",
    "AWS context-specific credential (ACCA…)",
    revoke="manual",
    reissue="none",
    page=CONSOLE_ROLES,
)
KINDS = (KEY_ID, SECRET, TEMPORARY, BEARER, CONTEXT)

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
_BY_PREFIX = {"AKIA": KEY_ID, "ASIA": TEMPORARY, "ABIA": BEARER, "ACCA": CONTEXT}
_ID = re.compile(r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}")
SECRET_SHAPE = r"(?=.*[a-z])(?=.*[A-Z])(?![0-9a-fA-F]{40}\Z)[A-Za-z0-9/+]{40}"  # noqa: S105 - a shape, no value
_SECRET = re.compile(SECRET_SHAPE)

# Accounts whose keys are laid out to be stolen, so that their use raises an alarm. From trufflehog,
# pkg/detectors/aws/access_keys/canary.go: those of canarytokens.org, then those of its imitators.
# fmt: off
CANARY_ACCOUNTS = frozenset((
    "052310077262", "171436882533", "266735846894", "534261010715", "595918472158",
    "717712589309", "730335385048", "819147034852", "893192397702", "992382622183",
    "044858866125", "251535659677", "344043088457", "351906852752", "390477818340",
    "426127672474", "427150556519", "439872796651", "445142720921", "465867158099",
    "637958123769", "693412236332", "732624840810", "735421457923", "959235150393",
    "982842642351",
))
# fmt: on


def kind_of_id(text: str) -> Kind | None:
    """The kind of access key id that *text* is, None where it is none."""
    return _BY_PREFIX[text[:4]] if _ID.fullmatch(text) else None


def looks_secret(text: str) -> bool:
    """Whether *text* has the shape of a secret access key.

    Forty characters of the base64 alphabet are also the shape of a SHA-1 in hexadecimal; that, and a
    text all in one case, is left to others (a random key is so once in 10**9).
    """
    return _SECRET.fullmatch(text) is not None


def account_of(key_id: str) -> str | None:
    """The twelve-digit account that an access key id was issued in, None where it does not tell.

    Ids hold it in base32 since 2019; older ones (``AKIAI…``, ``AKIAJ…``) do not. AWS documents no such
    thing: https://medium.com/@TalBeerySec/a-short-note-on-aws-key-id-f88cc4317489
    """
    if kind_of_id(key_id) is None or key_id[4] in "IJ":
        return None
    try:
        number = int.from_bytes(base64.b32decode(key_id[4:])[:6], "big")
    except binascii.Error:
        return None
    account = (number & 0x7FFFFFFFFF80) >> 7
    return f"{account:012d}" if account < 10**12 else None


def is_canary(account: str | None) -> bool:
    """Whether keys of *account* are laid out to be stolen."""
    return account in CANARY_ACCOUNTS
