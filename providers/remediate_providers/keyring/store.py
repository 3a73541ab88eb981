"""``keyring:SERVICE#USER``: the operating system's keyring, where it is a safe one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from remediate.errors import UsageError
from remediate.keyrings import safe_keyring, why_not
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.store import Target
from remediate.secret import Secret

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend


class KeyringStore:
    """One password for each ``#USER``; several are written together or put back as they were.

    *also*: back ends that are trusted beside `remediate.keyrings.SAFE`, for tests with a real one of
    their own.
    """

    scheme = "keyring"

    def __init__(self, also: Collection[type[KeyringBackend]] = ()) -> None:
        self._also = tuple(also)

    def validate(self, target: Target) -> None:
        """See `remediate.plugins.store.Store.validate`."""
        if not target.place or not target.keys or not all(user for user, _part in target.keys):
            raise UsageError(
                f"{target.spec!r} does not name a password of the keyring.",
                hint="Write keyring:SERVICE#USER, with SERVICE and USER as the application asks.",
            )
        if safe_keyring(self._also) is None:
            raise UsageError(
                f"{target.spec}: {why_not(self._also)}",
                hint="For a file beside the work tree, say: dotenv:PATH#NAME",
            )

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """See `remediate.plugins.store.Store.put`."""
        ring = safe_keyring(self._also)
        if ring is None:
            return self._refused(target, why_not(self._also))
        try:
            wanted = _texts(target, values)
        except ValueError as error:
            return self._refused(target, str(error))
        before: dict[str, str | None] = {}
        try:
            for user in wanted:
                before[user] = ring.get_password(target.place, user)
            if before == wanted:
                return Outcome(
                    Status.UNCHANGED,
                    f"{target.spec} already holds the new value",
                    evidence=(_seen(ring, "holds the new value", vendor),),
                    data=_public(target, ring),
                )
            for user, text in wanted.items():
                ring.set_password(target.place, user, text)
            for user, text in wanted.items():
                # The null back end, and others that lose what they are given, are found out here.
                if ring.get_password(target.place, user) != text:
                    raise _LostError
        except Exception as error:  # each back end raises what its platform does
            left = _put_back(ring, target.place, before)
            return self._refused(target, f"{_reason(error)}{left}")
        return Outcome(
            Status.DONE,
            f"Wrote {target.spec} and read it back",
            evidence=(_seen(ring, "read back, equal", vendor),),
            data=_public(target, ring),
        )

    def holds(
        self,
        target: Target,
        values: Mapping[str, Secret],
        vendor: VendorContext,  # noqa: ARG002
    ) -> bool | None:
        """See `remediate.plugins.store.Store.holds`."""
        ring = safe_keyring(self._also)
        if ring is None:
            return None
        try:
            return all(
                ring.get_password(target.place, user) == text
                for user, text in _texts(target, values).items()
            )
        except Exception:  # locked, no bus, a value that is no text: it can't be told
            return None

    def _refused(self, target: Target, reason: str) -> Outcome:
        return Outcome(Status.REFUSED, f"{target.spec} was not written", reason=reason)


class _LostError(Exception):
    """What was written did not come back."""


def _texts(target: Target, values: Mapping[str, Secret]) -> dict[str, str]:
    """User to text. Raises ValueError, with what to do, for what a keyring can't take."""
    try:
        assigned = target.assign(values)
    except KeyError as error:
        raise ValueError(
            f"The credential has no part named {error.args[0]!r}; "
            f"its parts are: {', '.join(sorted(values))}."
        ) from None
    try:
        return {user: secret.reveal().decode() for user, secret in assigned.items()}
    except UnicodeDecodeError:
        raise ValueError("A keyring holds text, and the new value is not UTF-8.") from None


def _reason(error: Exception) -> str:
    if isinstance(error, _LostError):
        return "The keyring took the value and gave back another one."
    # Only the name: a back end's own words could repeat what it was given.
    return f"The keyring failed: {type(error).__name__}. Unlock it, then: remediate resume."


def _put_back(ring: KeyringBackend, service: str, before: Mapping[str, str | None]) -> str:
    """Undo a half-written target; a sentence about what could not be undone, or nothing."""
    stuck = []
    for user, text in before.items():
        try:
            if ring.get_password(service, user) == text:
                continue
            if text is None:
                ring.delete_password(service, user)
            else:
                ring.set_password(service, user, text)
        except Exception:
            stuck.append(user)
    return f" Not put back as it was: {', '.join(stuck)}." if stuck else ""


def _seen(ring: KeyringBackend, what: str, vendor: VendorContext) -> Evidence:
    return Evidence(f"get_password ({ring.name})", what, vendor.now())


def _public(target: Target, ring: KeyringBackend) -> dict[str, str | list[str]]:
    return {
        "service": target.place,
        "users": [user for user, _part in target.keys],
        "backend": ring.name,
    }
