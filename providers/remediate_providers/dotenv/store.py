"""``dotenv:PATH#NAME``: a ``.env`` file, changed in one step, everything else in it kept."""

from __future__ import annotations

from collections.abc import Mapping
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
from remediate_providers.private_file import alone, leftover, read, replace


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
            with alone(file):
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
            found = values_in(read(located(target)))
        except (Error, OSError):
            return None
        return all(found.get(name) == value for name, value in wanted.items())


def _put(target: Target, file: Path, wanted: Mapping[str, str], vendor: VendorContext) -> Outcome:
    leftover(file).unlink(missing_ok=True)  # what a crash left, whatever becomes of this call
    before = read(file)
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
    warnings += replace(file, after)
    if {name: values_in(read(file)).get(name) for name in wanted} != dict(wanted):
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
