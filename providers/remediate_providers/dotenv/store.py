"""``dotenv:PATH#NAME``: a ``.env`` file, changed in one step, everything else in it kept."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from remediate.errors import Error, UsageError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.worktree import is_ignored
from remediate_providers.dotenv.lines import UnwritableError, edited, values_in
from remediate_providers.dotenv.place import located

PRIVATE = 0o600


class DotenvStore:
    """All variables of one target are written together, by a rename, or none is."""

    scheme = "dotenv"

    def validate(self, target: Target) -> None:
        """See `remediate.plugins.store.Store.validate`. A file that git tracks is refused."""
        located(target)

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """See `remediate.plugins.store.Store.put`.

        ``data["warnings"]`` says where git does not ignore the file, and what was changed about who
        may read it.
        """
        try:
            wanted = _texts(target, values)
            file = located(target)
            with _alone(file):
                outcome = _put(target, file, wanted, vendor)
        except UsageError as error:
            return _refused(target, f"{error.message} {error.hint}".strip())
        except Error as error:
            return _refused(target, error.message)
        except OSError as error:
            return _refused(target, f"{target.place}: {error.strerror or type(error).__name__}.")
        return outcome

    def holds(
        self,
        target: Target,
        values: Mapping[str, Secret],
        vendor: VendorContext,  # noqa: ARG002
    ) -> bool | None:
        """See `remediate.plugins.store.Store.holds`. A file that is not there holds nothing."""
        try:
            wanted = _texts(target, values)
            found = values_in(_read(located(target)))
        except (Error, OSError):
            return None
        return all(found.get(name) == value for name, value in wanted.items())


def _put(target: Target, file: Path, wanted: Mapping[str, str], vendor: VendorContext) -> Outcome:
    _beside(file).unlink(missing_ok=True)  # what a crash left, whatever becomes of this call
    before = _read(file)
    known = values_in(before)
    data: dict[str, Json] = {"file": target.place, "names": list(wanted)}
    if all(known.get(name) == value for name, value in wanted.items()):
        return Outcome(
            Status.UNCHANGED,
            f"{target.spec} already holds the new value",
            evidence=(Evidence(f"read {target.place}", "holds the new value", vendor.now()),),
            data=data,
        )
    try:
        after = edited(before, wanted)
    except UnwritableError as error:
        return _refused(
            target, f"The new value can't be written into a .env file: {error}. Use another store."
        )
    if values_in(after) != {**known, **wanted}:
        # A quote left open further up swallows what follows: seen before anything is written.
        return _refused(
            target,
            f"{target.place} has a line that can't be read, and the new one would be lost in it. "
            "Mend the file, then: remediate resume",
        )
    warnings: list[str] = []
    if is_ignored(file) is False:
        warnings.append(
            f"git does not ignore {target.place}: add it to .gitignore before the next commit"
        )
    warnings += _replace(file, after)
    if {name: values_in(_read(file)).get(name) for name in wanted} != dict(wanted):
        return Outcome(
            Status.UNKNOWN,
            f"{target.spec} was written, and read back as something else",
            reason="Another program changed the file at the same time.",
            data=data,
        )
    return Outcome(
        Status.DONE,
        f"Wrote {target.spec} and read it back",
        evidence=(Evidence(f"read {target.place}", "read back, equal", vendor.now()),),
        data=data | {"warnings": warnings},
    )


def _refused(target: Target, reason: str) -> Outcome:
    return Outcome(Status.REFUSED, f"{target.spec} was not written", reason=reason)


def _texts(target: Target, values: Mapping[str, Secret]) -> dict[str, str]:
    try:
        assigned = target.assign(values)
    except KeyError as error:
        raise UsageError(
            f"The credential has no part named {error.args[0]!r}; "
            f"its parts are: {', '.join(sorted(values))}."
        ) from None
    return {name: secret.reveal_text() for name, secret in assigned.items()}


def _read(file: Path) -> str:
    """The file's text, its line endings as they are; bytes that are not UTF-8 come through."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read().decode("utf-8", "surrogateescape")


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Keep other remediates off this folder's files. Ends with the process, leaves no file."""
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _replace(file: Path, text: str) -> list[str]:
    """Put *text* in the place of *file* in one step, on disk when this returns; warnings.

    A file that everyone could read becomes 0600. One that a group may read was made so on purpose,
    for the program that reads it, and stays so.
    """
    warnings: list[str] = []
    mode, owner = PRIVATE, None
    with contextlib.suppress(FileNotFoundError):
        found = file.lstat()
        mode, owner = stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid)
        if mode & stat.S_IRWXO:
            warnings.append(f"its mode was {mode:04o} and is now {PRIVATE:04o}")
            mode = PRIVATE
    new = _beside(file)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(new, flags, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            if owner is not None and owner != (os.geteuid(), os.fstat(descriptor).st_gid):
                os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
            stream.write(text.encode("utf-8", "surrogateescape"))
            stream.flush()
            os.fsync(descriptor)
        new.replace(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync(file.parent)
    return warnings


def _beside(file: Path) -> Path:
    """Where the new text is written first: one name, so that a crash can't leave many."""
    return file.with_name(f".{file.name}.remediate")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
