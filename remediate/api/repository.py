"""`Repository`: what the command line does, for a program."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from remediate.api import assembling
from remediate.api.answers import unasked
from remediate.api.assembling import Result
from remediate.api.flags import Flags
from remediate.api.previewing import Preview, rehearsed
from remediate.api.running import Running
from remediate.api.verifying import Verification, look
from remediate.errors import UsageError
from remediate.hardening import harden
from remediate.history.model import Progress, no_progress
from remediate.incident.events import Listener, nobody

if TYPE_CHECKING:
    from remediate.history.repo import Repo
    from remediate.incident.intake import Intake
    from remediate.incident.opening import Known, Surroundings
    from remediate.incident.policy import Policy
    from remediate.plugins.context import Asks
    from remediate.record.model import Record
    from remediate.secret import Secret

Report = str | os.PathLike[str] | bytes
"""A report's file, or its content."""


class Repository:
    """A git repository, and how it is to be dealt with: the options mean what they mean on the command line.

    Raises `remediate.errors.RepositoryError` where there is no repository at *path*, and `UsageError` for a stage
    that does not exist.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = ".",
        *,
        policy: str | os.PathLike[str] | None = None,
        only: Sequence[str] = (),
        skip: Sequence[str] = (),
        yes: bool = False,
        offline: bool = False,
        push: bool = True,
        undo: bool = True,
        key_file: str | os.PathLike[str] | None = None,
        expressions: str | os.PathLike[str] | None = None,
        asks: Asks | None = None,
        home: str | os.PathLike[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing is done yet, but that this process leaves no core dump any more, and that libraries
        which would log requests whole (botocore, urllib3) log warnings alone.

        *push* and *undo*: False is ``--no-push`` and ``--no-undo``. *asks* answers questions; without one
        *yes* agrees with every default, and a question without it is a `MissingOptionError`. *home*: the state folder
        (default: ``REMEDIATE_HOME``, else the user's own). *environment*: where vendors' credentials and addresses
        are looked up (default: this process's).
        """
        harden()
        self._flags = Flags(
            repo=Path(path),
            policy=_path(policy),
            only=tuple(only),
            skip=tuple(skip),
            yes=yes,
            offline=offline,
            no_push=not push,
            no_undo=not undo,
            key_file=_path(key_file),
            expressions=_path(expressions),
        )
        self._flags.options()
        self._asks = asks
        self._environment = environment
        self._repo = assembling.repository(Path(path))
        self._here = assembling.installation(_path(home))

    def preview(self, report: Report, *, progress: Progress = no_progress) -> Preview:
        """What a run would change, with the exact new ids. Touches nothing, calls no vendor."""
        taken = self._taken(report)
        with rehearsed(
            taken,
            self._repo,
            self._here,
            self._rules(),
            expressions=self._flags.expressions,
            progress=progress,
        ) as made:
            return made

    def run(self, report: Report) -> Running:
        """The whole pipeline, or the open incident for the same secrets gone on with.

        The report and the policy are read at once, and refused here; nothing is done before the first
        event is asked for.
        """
        repo, here = self._repo, self._here
        with here.refusals(repo, "run"):
            taken, around = self._taken(report), self._surroundings(self._flags)
        return Running(lambda tell: assembling.start(here, taken, repo, _with(around, tell)))

    def resume(
        self,
        incident: str | None = None,
        *,
        report: Report | None = None,
        values: Mapping[str, Secret] | None = None,
        approval: str | os.PathLike[str] | None = None,
        done: Sequence[str] = (),
    ) -> Running:
        """An incident gone on with where it stopped: *incident*, else the one that is open here.

        *report*: once more, where its values were in memory alone. *values*: what a person brought, by the
        id of the manual step that asks for it. *approval*: a second person's. *done*: the ids of steps that a person
        says are done, of those that nobody else can see done (`ManualStep.on_word`); their name is journalled. Options that were not given are those
        that it was begun with.
        """
        from remediate.history.repo import open_repo
        from remediate.incident.refusals import noted_of
        from remediate.incident.request import read

        here = self._here
        known = here.find(incident, None if incident else self._repo)
        flags = self._flags.inheriting(known.state)
        with noted_of(here, [known], "resume"):
            where = open_repo(Path(str(known.state.opened["repository"])))
            around = self._surroundings(flags, where)
            taken = self._taken(report, where) if report is not None else None
            handed = read(Path(approval)) if approval is not None else None

        def work(tell: Listener) -> Result:
            return assembling.go_on(
                here,
                known,
                _with(around, tell),
                taken,
                values=values,
                approval=handed,
                done=done,
            )

        return Running(work)

    def rotate(self, *values: Secret) -> Running:
        """A credential that has not leaked, replaced and then ended: *values* are the parts of the present one.

        Stores, deploy and check are the policy's. Asked again, it goes on where it stopped.
        Raises `UsageError` for no value at all.
        """
        if not all(values) or not values:
            raise UsageError("No value was given, so nothing can be rotated.")
        repo, here, flags = self._repo, self._here, self._flags.rotating()
        with here.refusals(repo, "rotate"):
            around = self._surroundings(flags)
        taken = self._taken(b"\n".join(value.reveal() for value in values))
        # Whoever hands a value in has it: that is authority enough.
        options = replace(around.options, typed=frozenset(taken.values))
        around = replace(around, options=options)
        return Running(lambda tell: assembling.start(here, taken, repo, _with(around, tell)))

    def verify(self, report: Report, *, remote: bool = False, by_id: bool = False) -> Verification:
        """Look for what is left, in every object and file; with *remote* in a fresh clone of the remote, too."""
        taken = self._taken(report)
        return look(taken, self._repo, self._here, self._rules(), remote=remote, by_id=by_id)

    def undo(self, incident: str | None = None) -> tuple[str, ...]:
        """Until it is published, the history back as it was; the files changed since, which keep that."""
        from remediate.api.undoing import undo

        return undo(self._here, self._find(incident), self._surroundings(self._flags))

    def record(self, incident: str | None = None, *, share: bool = False) -> Record:
        """The incident's record, from its journal as it is now: the newest here, or *incident*.

        `remediate.record` writes it: ``to_json``, ``to_markdown``, ``to_html``, ``to_ocsf``. *share* leaves out what
        leads back to the secrets.
        """
        from remediate.record.build import build
        from remediate.record.sharing import share as shared

        with self._here.journal(self._find(incident).folder, reader=True) as journal:
            made = build(journal.rows)
        return shared(made) if share else made

    def incidents(self) -> Iterator[Known]:
        """The incidents of this repository, newest first: each one's folder and state."""
        from remediate.incident.opening import same_repository

        return (k for k in self._here.incidents() if same_repository(k.state, self._repo))

    def _find(self, incident: str | None) -> Known:
        return assembling.find(self._here, incident, self._flags.repo)

    def _taken(self, report: Report, repo: Repo | None = None) -> Intake:
        from remediate.incident.intake import take_in
        from remediate.reports.read import load

        if isinstance(report, bytes):
            document = load("-", io.BytesIO(report))
        else:
            name = os.fspath(report)
            # Only the command line has a standard input to read.
            document = load("./-" if name == "-" else name, io.BytesIO())
        return take_in(document, repo or self._repo, self._here.key)

    def _rules(self) -> Policy:
        from remediate.incident.opening import load_policy

        return load_policy(self._flags.options(), self._repo)

    def _surroundings(self, flags: Flags, repo: Repo | None = None) -> Surroundings:
        return assembling.surroundings(
            flags,
            repo or self._repo,
            asks=self._asks or unasked(yes=flags.yes),
            listener=nobody,
            environment=self._environment,
        )


def _path(name: str | os.PathLike[str] | None) -> Path | None:
    return None if name is None else Path(name)


def _with(around: Surroundings, tell: Listener) -> Surroundings:
    return replace(around, listener=tell)
