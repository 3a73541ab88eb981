"""What is refused is written into the incident's journal, wherever there is one to write into.

A stage's refusals are written by the runner and by the stage itself (`remediate.incident.run.Run.refuse`).
Here are those that come before a stage begins, or beside all of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from remediate.errors import (
    BusyError,
    CustodyError,
    DeclinedError,
    Error,
    GitError,
    InputError,
    ManualStepsError,
    RepositoryError,
    UsageError,
)
from remediate.incident.lock import hold
from remediate.incident.redaction import harmless
from remediate.incident.rows import Kind, Row
from remediate.incident.who import user

if TYPE_CHECKING:
    from remediate.incident.journal import Journal
    from remediate.incident.opening import Installation, Known

_REFUSING = (
    UsageError,
    InputError,
    DeclinedError,
    ManualStepsError,
    RepositoryError,
    CustodyError,
)
_FAULTS = (GitError, BusyError)
"""Nobody said no: a git that failed, and a second process that comes while the first works."""


def refuses(error: Error) -> bool:
    """Whether *error* says that something was asked for and is not done, and not that it failed."""
    return isinstance(error, _REFUSING) and not isinstance(error, _FAULTS)


def told(rows: Sequence[Row]) -> bool:
    """Whether the last of *rows* is a refusal: then what was raised since is that one."""
    return bool(rows) and rows[-1].kind == Kind.REFUSAL


def note(journal: Journal, asked: str, error: Error) -> None:
    """Write into *journal* that *asked* was refused with *error*."""
    data = {"asked": asked, "why": harmless(error.message), "by": user()}
    journal.append(Kind.REFUSAL, data)


@contextlib.contextmanager
def noted(journal: Journal, asked: str) -> Iterator[None]:
    """What is refused within is written into *journal* as *asked*, once, and goes on up."""
    before = len(journal.rows)
    try:
        yield
    except Error as error:
        if refuses(error) and not told(journal.rows[before:]):
            note(journal, asked, error)
        raise


@contextlib.contextmanager
def noted_of(installation: Installation, known: Iterable[Known], asked: str) -> Iterator[None]:
    """Like `noted`, into the journal of each incident *known*, none of which is worked on here.

    Where another process works on one, or its journal can't be written, whoever asked is told all the
    same, and no row is written.
    """
    try:
        yield
    except Error as error:
        if refuses(error):
            for each in known:
                with (
                    contextlib.suppress(Error),
                    hold(each.folder / "lock", each.folder.name, "noting a refusal"),
                    installation.journal(each.folder) as journal,
                ):
                    note(journal, asked, error)
        raise
