"""Which OS keyring may hold a secret: an allow-list, because the library's own choice may not be safe.

Left to itself, `keyring` 25.7 takes ``keyrings.alt``'s plain-text file where that package is installed
and nothing better is; and its null back end takes every password and keeps none, so that a new
credential would vanish without a word. Both were tried. So only back ends that are known to keep
values under the user's own login are used, whatever the environment or ``keyringrc.cfg`` names.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SAFE = frozenset(
    {
        "keyring.backends.SecretService.Keyring",
        "keyring.backends.Windows.WinVaultKeyring",
        "keyring.backends.kwallet.DBusKeyring",
        "keyring.backends.kwallet.DBusKeyringKWallet4",
        "keyring.backends.libsecret.Keyring",
        "keyring.backends.macOS.Keyring",
    }
)
"""Back ends that are trusted, by full class name (keyring 25.7)."""

_CHAINER = "keyring.backends.chainer.ChainerBackend"


def safe_keyring(also: Collection[type[KeyringBackend]] = ()) -> KeyringBackend | None:
    """The OS keyring where there is a safe one, else None; `why_not` then says why.

    Of a chain, which would fall through to its next member, the first safe member alone is used.
    *also*: classes that the caller trusts beside `SAFE`. No variable and no file can widen it.
    """
    found, _why = _look(also)
    return found


def why_not(also: Collection[type[KeyringBackend]] = ()) -> str:
    """Why `safe_keyring` gives None, and what to do instead; empty where it gives a keyring."""
    found, why = _look(also)
    return "" if found is not None else why


@dataclass(frozen=True)
class Answer:
    """What a keyring said when it was asked for a text."""

    text: str | None
    """None where it holds none, or could not be asked."""
    trouble: str = ""
    """Why it could not be asked, as the end of a sentence; empty where it could."""


def ask(ring: KeyringBackend, service: str, account: str) -> Answer:
    """The text that *ring* holds. It may be locked, or gone since it was found: that is told, not raised."""
    try:
        return Answer(ring.get_password(service, account))
    except Exception as error:  # each back end raises what its platform does
        return Answer(None, _trouble(error))


def keep(ring: KeyringBackend, service: str, account: str, text: str) -> str:
    """Have *ring* hold *text*, and read it back; why it does not, empty where it does."""
    try:
        ring.set_password(service, account, text)
    except Exception as error:
        return _trouble(error)
    back = ask(ring, service, account)
    if back.text == text:
        return ""
    drop(ring, service, account)
    return back.trouble or "it did not keep what it was given"


def drop(ring: KeyringBackend, service: str, account: str) -> str:
    """Have *ring* forget the text; why it could not, empty where it holds none now."""
    try:
        if ring.get_password(service, account) is not None:
            ring.delete_password(service, account)
    except Exception as error:
        return _trouble(error)
    return ""


def _trouble(error: Exception) -> str:
    # By name: each platform's library has its own tree, and its words may quote what was asked for.
    name = type(error).__name__
    if "Locked" in name or "Dismissed" in name:
        return "it is locked, and was not unlocked when it asked"
    return f"it does not answer ({name})"


def _look(also: Collection[type[KeyringBackend]]) -> tuple[KeyringBackend | None, str]:
    # Imported here: finding the back ends takes a tenth of a second, which most commands don't need.
    try:
        import keyring

        chosen = keyring.get_keyring()
        members = list(getattr(chosen, "backends", ())) if _name(chosen) == _CHAINER else [chosen]
    except Exception as error:  # a back end named in the environment may fail in any way it likes
        return None, (
            f"The keyring that is set up here can't be loaded ({type(error).__name__}). "
            "Look at PYTHON_KEYRING_BACKEND and keyringrc.cfg, or name another store."
        )
    safe = next((ring for ring in members if _name(ring) in SAFE or type(ring) in also), None)
    return (safe, "") if safe is not None else (None, _why(chosen))


def _name(ring: KeyringBackend) -> str:
    return f"{type(ring).__module__}.{type(ring).__qualname__}"


def _why(ring: KeyringBackend) -> str:
    name = _name(ring)
    if name == "keyring.backends.null.Keyring":
        return (
            "The keyring that is set up here takes values and keeps none (the null back end). "
            "Unset PYTHON_KEYRING_BACKEND, or name another store."
        )
    if name == "keyring.backends.fail.Keyring" or name == _CHAINER:
        return (
            "This machine has no OS keyring that remediate can reach. On a desktop, unlock it; on "
            "a Linux server, start one (dbus-run-session and gnome-keyring), or name another store."
        )
    return (
        f"The keyring that is set up here ({name}) is not one that is known to keep values "
        "encrypted under your login. Use the operating system's own, or name another store."
    )
