"""The one error tree.

Every error that stops the program knows three things: what happened (its message), the exit code
that a script sees, and the next thing to type (its hint). Library code raises; the edge of the
command line (``remediate.cli.app``) is the one place that turns an error into a line and a code.

"Could not" that does not stop the pipeline is data, not an exception: see
`remediate.plugins.outcome.Outcome`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path


class ExitStatus(IntEnum):
    """The exit codes of the command line; docs/exit-codes.md says what a script may rely on."""

    DONE = 0
    BUG = 1
    USAGE = 2
    MANUAL = 3
    REMNANTS = 4
    VENDOR = 5
    REPOSITORY = 6
    DECLINED = 8
    TAMPERED = 9
    INTERRUPTED = 130


#: What each code means, and what to do then: for the docs and the man page.
MEANINGS: dict[ExitStatus, tuple[str, str]] = {
    ExitStatus.DONE: (
        (
            "All that was asked is done, and nothing was found in the scopes asked for; or what was left out, or could "
            "not be read, was so on the caller's word (status `partial`)."
        ),
        "Nothing.",
    ),
    ExitStatus.BUG: (
        "A bug in remediate.",
        (
            "Please report the line on the screen; it names the place, and holds no secret. Everything done so far "
            "is in the journal: `remediate resume`."
        ),
    ),
    ExitStatus.USAGE: (
        (
            "Bad usage, or a report or policy that can't be read. The message has file, line and what was expected. "
            "Also a question that nobody could answer: it names the option."
        ),
        "Correct it, run the same again.",
    ),
    ExitStatus.MANUAL: (
        "Done as far as possible. Manual steps or waiting approvals are left, and listed.",
        "Do them, then `remediate resume`.",
    ),
    ExitStatus.REMNANTS: (
        "Remnants were found, or part of the repository could not be read.",
        (
            "The record names each one and why. Where nothing was found and something could not be read, a manual step "
            "says how to look into it: `remediate resume --done STEP`."
        ),
    ),
    ExitStatus.VENDOR: (
        "A vendor refused, or could not be reached, for something that was wanted.",
        "The message names the missing permission where the vendor told. Then `remediate resume`.",
    ),
    ExitStatus.REPOSITORY: (
        "The repository is not in a state to be rewritten.",
        "The message says which state, and how to mend it.",
    ),
    ExitStatus.DECLINED: (
        "You said no.",
        "Nothing more was done. What was done before is in the record.",
    ),
    ExitStatus.TAMPERED: (
        "The journal is not what this installation wrote: a row was changed or is missing.",
        "Nothing is done with it. Keep its folder as evidence: `remediate log --check` names what does not fit.",
    ),
    ExitStatus.INTERRUPTED: (
        "Interrupted: Ctrl-C, SIGTERM, or standard output that can't be written to any more.",
        "`remediate resume` goes on.",
    ),
}

#: Where several apply, the first of these is the one that is told.
PRECEDENCE: tuple[ExitStatus, ...] = (
    ExitStatus.BUG,
    ExitStatus.USAGE,
    ExitStatus.TAMPERED,
    ExitStatus.INTERRUPTED,
    ExitStatus.DECLINED,
    ExitStatus.REPOSITORY,
    ExitStatus.REMNANTS,
    ExitStatus.VENDOR,
    ExitStatus.MANUAL,
    ExitStatus.DONE,
)


def worst(statuses: Iterable[ExitStatus]) -> ExitStatus:
    """The one exit code for a run in which all of *statuses* apply; `ExitStatus.DONE` for none."""
    seen = set(statuses)
    return next((status for status in PRECEDENCE if status in seen), ExitStatus.DONE)


class Error(Exception):
    """Something that stops remediate. *message* and *hint* never hold a secret.

    The message says what happened and what it means for the leak; the hint is the next thing to
    type or to do.
    """

    exit_status: ExitStatus = ExitStatus.BUG

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def code(self) -> str:
        """A stable name for scripts, from the class: ``ReportError`` is ``report-error``."""
        name = type(self).__name__
        return "".join(
            f"-{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name)
        )


class UsageError(Error):
    """A command line that can't be followed."""

    exit_status = ExitStatus.USAGE


class MissingOptionError(UsageError):
    """A question came up with nobody to ask: names the option that answers it."""

    def __init__(self, question: str, option: str) -> None:
        super().__init__(
            f"A decision is needed and there is no terminal to ask at: {question}",
            hint=f"Give {option}, or run remediate on a terminal.",
        )
        self.option = option


class InputError(Error):
    """A file we were given can't be read: says the file, the line, and what was expected."""

    exit_status = ExitStatus.USAGE

    def __init__(
        self, file: str, expected: str, *, line: int | None = None, found: str = "", hint: str = ""
    ) -> None:
        where = file if line is None else f"{file}, line {line}"
        super().__init__(
            f"{where}: expected {expected}" + (f"; found {found}" if found else "") + ".", hint=hint
        )
        self.file = file
        self.line = line
        self.expected = expected


class ReportError(InputError):
    """A report that can't be read."""


class PolicyError(InputError):
    """A policy file that can't be read, or says what it may not."""


class NoSuchIncidentError(UsageError):
    """No incident of that name, or none open here."""


class ManualStepsError(Error):
    """Nothing more can be done without a person (raised only where no record can say it)."""

    exit_status = ExitStatus.MANUAL


class RemnantsError(Error):
    """A secret is still there, or could be where we could not look."""

    exit_status = ExitStatus.REMNANTS


class VendorError(Error):
    """A vendor refused, or could not be reached, and nothing can go on without it."""

    exit_status = ExitStatus.VENDOR


class RepositoryError(Error):
    """The repository is not in a state to be rewritten; the hint says how to mend it."""

    exit_status = ExitStatus.REPOSITORY


class GitError(RepositoryError):
    """A git command failed in a way that nothing foresaw; the message ends in git's own words."""

    killed = False
    """Whether a signal ended it: then it could not tidy up after itself."""


class BackupError(RepositoryError):
    """The backup can't be written, or what is there is damaged or sealed with another key."""


class BusyError(RepositoryError):
    """Another process holds this incident or this repository; says which one."""


class RemoteError(VendorError):
    """A git remote could not be reached, or would not talk to this user."""


class DeclinedError(Error):
    """The user said no."""

    exit_status = ExitStatus.DECLINED


class TamperedError(Error):
    """The journal is not what this installation wrote."""

    exit_status = ExitStatus.TAMPERED


class CustodyError(Error):
    """A secret value that is needed is not in custody, or custody can't be opened."""

    exit_status = ExitStatus.USAGE


class StateError(Error):
    """The state folder can't be used (permissions, space, a link where a folder should be)."""

    exit_status = ExitStatus.USAGE


class InterruptedRunError(Error):
    """Ctrl-C or SIGTERM: everything done so far is in the journal."""

    exit_status = ExitStatus.INTERRUPTED


class OutputError(InterruptedRunError):
    """Standard output can't be written to: a full disk, or whoever read it has left."""

    left = False
    """Whether whoever read it has left: nothing has to be said of that."""


class ExhaustedError(Error):
    """The machine has no more of something: room on a disk, memory, open files, processes."""

    exit_status = ExitStatus.USAGE


class PluginError(Error):
    """Two plugins of one name, or a plugin that was asked for and can't be loaded."""

    exit_status = ExitStatus.USAGE


#: What the machine can run out of, and what to do then.
_SCARCE = {
    errno.ENOSPC: "Make room where the repository, the state folder and TMPDIR lie",
    errno.EDQUOT: "Make room within your quota",
    errno.EFBIG: "Allow larger files (ulimit -f)",
    errno.EROFS: "Set TMPDIR and REMEDIATE_HOME to folders that can be written to",
    errno.EMFILE: "Allow more open files (ulimit -n 1024)",
    errno.ENFILE: "Have another program close some files",
    errno.ENOMEM: "Free some memory, or allow more (ulimit -v)",
    errno.EAGAIN: "Allow more processes (ulimit -u)",
    errno.EIO: "Look at the disk",
}


def unforeseen(error: BaseException) -> Error:
    """What is said of an exception that nobody foresaw: its type and place, never its text."""
    number = errno.ENOMEM if isinstance(error, MemoryError) else getattr(error, "errno", None)
    if isinstance(error, OSError | MemoryError) and number in _SCARCE:
        return ExhaustedError(
            f"This machine stopped the work: {os.strerror(number)} ({_place(error)}). What was done is in the "
            "journal.",
            hint=f"{_SCARCE[number]}, then: remediate resume (or the same command again)",
        )
    return Error(
        f"A bug in remediate: {type(error).__name__} at {_place(error)}. What was done is in the journal.",
        hint="Please report that line. Go on: remediate resume",
    )


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
