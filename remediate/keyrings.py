"""Which OS keyring may hold a secret: an allow-list, because the library's own choice may not be safe.

Left to itself, `keyring` 25.7 takes ``keyrings.alt``'s plain-text file where that package is installed
and nothing better is; and its null back end takes every password and keeps none, so that a new
credential would vanish without a word. Both were tried. So only back ends that are known to keep
values under the user's own login are used, whatever the environment or ``keyringrc.cfg`` names.
"""

from __future__ import annotations

from collections.abc import Collection
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
