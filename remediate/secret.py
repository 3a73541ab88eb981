"""`Secret`: a value that never shows itself, and the installation's key that names it.

Every way in which Python turns an object into text is closed here: ``repr``, ``str``, ``format``,
``json``, ``pickle``, a traceback's locals. The one way to the bytes is `Secret.reveal`, so that
``grep -r reveal`` lists each place where a value leaves its wrapping.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NoReturn, final

_SHOWN = "Secret(...)"


@final
class Secret:
    """A secret value, as bytes. Equal to another by value, in constant time; hashable."""

    __slots__ = ("__value",)

    def __init__(self, value: bytes | str) -> None:
        raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value)
        object.__setattr__(self, "_Secret__value", raw)

    def reveal(self) -> bytes:
        """The bytes. Whoever calls this answers for where they go."""
        value: bytes = object.__getattribute__(self, "_Secret__value")
        return value

    def reveal_text(self) -> str:
        """The value as text (UTF-8; bytes that are not come back as surrogates)."""
        return self.reveal().decode("utf-8", "surrogateescape")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret does not change")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.reveal(), other.reveal())

    def __hash__(self) -> int:
        return hash((Secret, hashlib.sha256(self.reveal()).digest()))

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __repr__(self) -> str:
        return _SHOWN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return _SHOWN

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is never pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret is never serialised")


class InstallationKey:
    """This installation's own 32-byte key: names secrets by fingerprint and seals the journal.

    One key, three uses, kept apart by a label (as in HKDF's *info*, RFC 5869), so that a fingerprint
    can never pass for a journal's seal.
    """

    __slots__ = ("_fingerprints", "_memories", "_seals")

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError("an installation key is 32 bytes")
        self._fingerprints = hmac.digest(key, b"remediate fingerprint 1", "sha256")
        self._seals = hmac.digest(key, b"remediate journal 1", "sha256")
        self._memories = hmac.digest(key, b"remediate memory 1", "sha256")

    def fingerprint(self, secret: Secret) -> str:
        """HMAC-SHA-256 of the value: 64 hex digits, the only form of it ever stored in clear."""
        return hmac.digest(self._fingerprints, secret.reveal(), "sha256").hex()

    def seal(self, data: bytes) -> str:
        """The HMAC that chains journal rows: 64 hex digits."""
        return hmac.digest(self._seals, data, "sha256").hex()

    def memory(self, data: bytes) -> str:
        """The HMAC that names and seals what earlier looks at a repository found: 64 hex digits."""
        return hmac.digest(self._memories, data, "sha256").hex()

    def __repr__(self) -> str:
        return "InstallationKey(...)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("an InstallationKey is never pickled")
