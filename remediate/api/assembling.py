"""From flags to a finished run: the steps that the command line and a program share."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from remediate.api.flags import Flags
from remediate.errors import ExitStatus, NoSuchIncidentError, RepositoryError, UsageError
from remediate.incident.conclusion import Conclusion
from remediate.incident.events import SCHEMA, Event, Listener

if TYPE_CHECKING:
    from remediate.history.repo import Repo
    from remediate.incident.intake import Intake
    from remediate.incident.opening import Installation, Known, Surroundings
    from remediate.incident.request import Handed
    from remediate.incident.run import Run
    from remediate.plugins.context import Asks
    from remediate.secret import Secret


@dataclass(frozen=True)
class Result(Conclusion):
    """How a run ended, and where it is kept."""

    incident: str | None = None
    """Its id; None where the report named no secret, so that none was opened."""
    record: Path | None = None
    """record.json; record.md and record.html lie beside it."""


def begun() -> Event:
    """The first event of a stream: which version of the schema it is of."""
    return Event("version", {"schema": SCHEMA})


def ended(conclusion: Conclusion, incident: str | None, record: Path | None) -> Event:
    """The last event of a stream."""
    return Event(
        "finished",
        {
            "status": conclusion.status,
            "exit": int(conclusion.exit),
            "incident": incident,
            "record": str(record) if record else None,
            "manual": [asdict(step) for step in conclusion.manual],
            "reruns": asdict(conclusion.reruns),
        },
    )


def installation(home: Path | None = None) -> Installation:
    """A user's state folder; ``REMEDIATE_HOME`` or the user's own where *home* is None."""
    from remediate.incident.home import home_path
    from remediate.incident.opening import Installation

    return Installation(home_path(os.environ) if home is None else home)


def repository(path: Path) -> Repo:
    """The repository at *path*. Raises `remediate.errors.RepositoryError`."""
    from remediate.history.repo import open_repo

    return open_repo(path)


def find(here: Installation, incident: str | None, repo: Path) -> Known:
    """The incident of that name, else the one open in *repo*, else the newest of *repo*.

    Raises `NoSuchIncidentError`.
    """
    from remediate.incident.opening import same_repository

    if incident is not None:
        return here.find(incident, None)
    try:
        where = repository(repo)
    except RepositoryError:
        where = None
    try:
        return here.find(None, where)
    except NoSuchIncidentError:
        for known in here.incidents():
            if where is None or same_repository(known.state, where):
                return known
        raise


def surroundings(
    flags: Flags,
    repo: Repo,
    *,
    asks: Asks,
    listener: Listener,
    user_key: Secret | None = None,
    tell: Callable[[str], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Surroundings:
    """Policy, options and the rest, checked before anything is done.

    Raises `UsageError` and `remediate.errors.PolicyError`.
    """
    from remediate.incident.approval import check_policy
    from remediate.incident.opening import Surroundings, load_policy
    from remediate.incident.policy import for_rotation
    from remediate.incident.sealing import read_key_file
    from remediate.plugins.registry import providers
    from remediate.stages.interface import stages
    from remediate.stages.targets import validate

    options = flags.options()
    policy = load_policy(options, repo)
    if options.planned:
        policy = for_rotation(policy, providers.names())
    if not options.offline:
        validate(policy, repo.work_tree or repo.git_dir)
    check_policy(policy, [stage.name for stage in stages()])
    if user_key is None and flags.key_file is not None:
        user_key = read_key_file(flags.key_file)
    return Surroundings(
        options=options,
        policy=policy,
        asks=asks,
        listener=listener,
        user_key=user_key,
        environment=environment,
        tell=tell,
    )


def conduct(run: Run) -> tuple[Conclusion, Path]:
    """The whole pipeline, and the record of it; the conclusion and the path of record.json."""
    from remediate.incident.runner import execute
    from remediate.record.writing import write_record

    conclusion = execute(run)
    return conclusion, write_record(run)


def start(here: Installation, taken: Intake, repo: Repo, around: Surroundings) -> Result:
    """The pipeline over *taken*: its open incident resumed, or a new one; nothing for an empty report."""
    from remediate.incident.opening import begin

    if not taken.secrets:
        return Result("clean", ExitStatus.DONE, ())
    with begin(here, taken, repo, around) as run:
        return _conducted(run)


def go_on(
    here: Installation,
    known: Known,
    around: Surroundings,
    taken: Intake | None = None,
    *,
    values: Mapping[str, Secret] | None = None,
    approval: Handed | None = None,
    done: Sequence[str] = (),
) -> Result:
    """The pipeline over an incident that was left, from where it stopped.

    *values*: what a person brought, by the manual step that asks for it. *approval*: a second person's. *done*: the
    steps that the caller says are done, where nobody else can see it.
    Raises `NoSuchIncidentError` for a step that is not waited for, `UsageError` for an approval that is not, and for
    a step that takes no word.
    """
    from remediate.incident.approval import waiting
    from remediate.incident.opening import again
    from remediate.incident.word import STEP, take

    with again(here, known, around, taken) as run:
        for step, value in (values or {}).items():
            steps = [s.id for s in run.state.manual_steps() if s.takes_value]
            if step not in steps:
                # Not by its name: some give the value itself there.
                run.refuse("take in a value", "no step of the name that was given waits for one")
                named = repr(step) if STEP.fullmatch(step) else "that"
                raise NoSuchIncidentError(
                    f"{run.state.id} waits for no value named {named}.",
                    hint=f"It waits for: {', '.join(steps) or 'none'}.",
                )
            run.handed[step] = value
        take(run, done)
        if approval is not None:
            if not waiting(run.state):
                raise UsageError(
                    f"{run.state.id} waits for no approval.",
                    hint=f"What it waits for: remediate show {run.state.id}",
                )
            run.approval = approval
        return _conducted(run)


def _conducted(run: Run) -> Result:
    conclusion, record = conduct(run)
    return Result(**vars(conclusion), incident=run.state.id, record=record)
