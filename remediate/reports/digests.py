"""Hashes of a value that some reports hold in its place, and whether a value is the one that was hashed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping

from remediate.model import Digest

# HasMySecretLeaked's own: scrypt with a pepper that is public.
# https://github.com/GitGuardian/ggshield/blob/main/ggshield/verticals/hmsl/crypto.py, 1.56.1.
_PEPPER = hashlib.sha256(b"GitGuardian").digest()
_HEX = re.compile(r"[0-9a-fA-F]+")


def _hmsl(value: bytes) -> str:
    return hashlib.scrypt(value, salt=_PEPPER, n=2048, r=8, p=1, dklen=32).hex()


_ALGORITHMS: Mapping[str, tuple[int, Callable[[bytes], str]]] = {
    # SHA-1 is what detect-secrets writes; nothing rests on its strength here.
    "sha1": (40, lambda value: hashlib.sha1(value, usedforsecurity=False).hexdigest()),
    "sha256": (64, lambda value: hashlib.sha256(value).hexdigest()),
    "hmsl": (64, _hmsl),
}


def digest(algorithm: str, text: str, after: str = "") -> Digest | None:
    """*text* as a digest, None where it is none of that algorithm's."""
    size, _ = _ALGORITHMS[algorithm]
    if len(text) != size or not _HEX.fullmatch(text):
        return None
    return Digest(algorithm, text.lower(), after)


def proves(known: Digest, value: bytes) -> bool:
    """Whether *value* is what was hashed."""
    _, compute = _ALGORITHMS[known.algorithm]
    return compute(value + known.after.encode()) == known.hex


def most(known: Digest) -> int:
    """How many values are tried against it at one place: scrypt takes milliseconds for each."""
    return 64 if known.algorithm == "hmsl" else 4096
