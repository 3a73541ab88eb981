"""The state folder: where incidents, their journals and the installation's key live.

Folders are made 0700 and files 0600, made so and not changed after, whatever the umask. A symbolic
link, a foreign owner or an open door where one of ours should be is refused.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from remediate.errors import StateError
from remediate.incident.lock import hold
from remediate.keyrings import Answer, ask, keep, safe_keyring, why_not
from remediate.secret import InstallationKey

_SERVICE = "remediate"


def home_path(environment: Mapping[str, str]) -> Path:
    """``REMEDIATE_HOME``, else the user's state directory (XDG_STATE_HOME on Linux)."""
    given = environment.get("REMEDIATE_HOME")
    return Path(given).absolute() if given else Path(platformdirs.user_state_path("remediate"))


def private_folder(path: Path) -> Path:
    """*path* as a folder of ours, made if need be. Raises `StateError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        old = os.umask(0o077)
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            pass
        else:
            # What is brought to disk within it would be gone with it.
            sync_folder(path.parent)
        finally:
            os.umask(old)
        found = path.lstat()
    except OSError as error:
        raise StateError(
            f"The state folder {path} can't be used: {error.strerror}.",
            hint="Set REMEDIATE_HOME to a folder that you can write to.",
        ) from None
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISDIR(found.st_mode):
        raise StateError(
            f"{path} is not a folder but a link or a file; somebody may have put it there.",
            hint="Look at it, remove it, or set REMEDIATE_HOME to another folder.",
        )
    _ours_alone(path, found)
    return path


def inspect(folder: Path) -> None:
    """Look whether *folder*, and all that lies in it, is still as we made it. Raises `StateError`.

    Folders within it are looked at from outside: who can't enter them can't change what is in them.
    """
    private_folder(folder)
    for path in folder.iterdir():
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue  # a draft, or what SQLite keeps beside a database, gone meanwhile
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            raise StateError(
                f"{path} is a link, or no file at all; somebody may have put it there.",
                hint="Look at it before you go on: what it leads to may not be what was written.",
            )
        _ours_alone(path, found)


def _ours_alone(path: Path, found: os.stat_result) -> None:
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        raise StateError(
            f"{path} belongs to another user.", hint="Set REMEDIATE_HOME to a folder of your own."
        )
    if found.st_mode & 0o077:
        raise StateError(
            f"{path} can be opened by others (mode {stat.S_IMODE(found.st_mode):o}).",
            hint=f"Look who wrote there, then: chmod {700 if path.is_dir() else 600} {path}",
        )


def write_private(path: Path, data: bytes) -> None:
    """Write *data* to *path* whole or not at all, 0600 from its first moment, on disk on return."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(temporary, flags, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise StateError(
            f"{path} can't be written: {error.strerror}.",
            hint="Make room or mend the permissions, then: remediate resume",
        ) from None


def sweep_drafts(folder: Path, name: str | None = None) -> None:
    """Remove what `write_private` had begun in *folder* when the machine or the process died.

    Of the file *name* alone, where one is given. Only for what nobody else writes now: the caller holds
    its lock.
    """
    begun = re.escape(name) if name is not None else ".+"
    for path in folder.iterdir():
        if re.fullmatch(rf"\.{begun}\.[0-9a-f]{{12}}", path.name):
            path.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Bring a folder's entries to disk, so that a rename in it survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Home:
    """The state folder, opened."""

    def __init__(self, path: Path) -> None:
        self.path = private_folder(path)
        self.incidents = private_folder(path / "incidents")
        self.locks = private_folder(path / "locks")
        self.heads = private_folder(path / "heads")

    def installation_key(self) -> InstallationKey:
        """This installation's key: from its file, else the OS keyring; made on first use.

        Raises `StateError` where the file is there but is no key, or others can read it; and where the key
        lies in a keyring that is locked or gone: with another one, made in its place, every journal here would
        look forged.
        """
        file = self.path / "installation.key"
        if os.path.lexists(file):
            return InstallationKey(_read_key(file))
        ring = safe_keyring()
        said = Answer(None, why_not().rstrip("."))
        if ring is not None:
            said = ask(ring, _SERVICE, self._account())
        if said.text is not None:
            self._mark()
            return InstallationKey(_from_hex(said.text, "What the OS keyring holds"))
        # Two first runs at once must agree on one key.
        with hold(self.locks / "installation", "The state folder", "making its key", wait=True):
            if os.path.lexists(file):
                return InstallationKey(_read_key(file))
            if ring is not None and not said.trouble:
                said = ask(ring, _SERVICE, self._account())
                if said.text is not None:
                    return InstallationKey(_from_hex(said.text, "What the OS keyring holds"))
            if self._was_used():
                raise StateError(
                    "The key of this state folder lies in the OS keyring, and it can't be had: "
                    f"{said.trouble or 'the keyring holds no such key any more'}. Nothing was done: "
                    "without it no journal here can be checked, nor gone on with.",
                    hint="Unlock that keyring, then the same again. Where a new leak can't wait for it: "
                    "REMEDIATE_HOME=ANOTHER-FOLDER remediate run REPORT",
                )
            fresh = secrets.token_bytes(32)
            usable = ring if not said.trouble else None
            if usable is not None and not keep(usable, _SERVICE, self._account(), fresh.hex()):
                self._mark()
                return InstallationKey(fresh)
            write_private(file, fresh.hex().encode() + b"\n")
            return InstallationKey(fresh)

    @property
    def _marked(self) -> Path:
        """Says that the key lies in the keyring, and under which name."""
        return self.path / "installation.keyring"

    def _account(self) -> str:
        # As it was called when it was made: a state folder may have been moved since.
        try:
            return self._marked.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return f"installation {self.path}"

    def _mark(self) -> None:
        if not os.path.lexists(self._marked):
            with contextlib.suppress(StateError):  # a read-only folder, which may be looked at
                write_private(self._marked, self._account().encode() + b"\n")

    def _was_used(self) -> bool:
        """Whether anything here was sealed with a key. Before the mark was made there were incidents alone."""
        return os.path.lexists(self._marked) or any(self.incidents.iterdir())


def _read_key(file: Path) -> bytes:
    try:
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
            raise StateError(
                f"{file} is not a private file of ours; fingerprints made with it prove nothing.",
                hint=f"Look who wrote it, then: chmod 600 {file}",
            )
        text = file.read_text("ascii")
    except (OSError, ValueError):
        text = ""
    return _from_hex(text, str(file))


def _from_hex(text: str, what: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise StateError(
            f"{what} is not an installation key (64 hex digits).",
            hint="Restore it from a backup; without it older incidents can't be checked.",
        )
    return key
