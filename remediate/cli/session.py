"""From flags to a finished run: the steps that run, resume and the guide share."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from remediate.cli.console import Console
from remediate.errors import UsageError

if TYPE_CHECKING:
    from remediate.history.repo import Repo
    from remediate.incident.conclusion import Conclusion
    from remediate.incident.intake import Intake
    from remediate.incident.opening import Installation, Surroundings
    from remediate.incident.options import Options
    from remediate.incident.run import Run
    from remediate.incident.state import State
    from remediate.plugins.context import Asks
    from remediate.secret import Secret


@dataclass(frozen=True)
class Flags:
    """The flags of one command, as they were given."""

    repo: Path = Path()
    policy: Path | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    yes: bool = False
    offline: bool = False
    no_push: bool = False
    no_undo: bool = False
    key_file: Path | None = None
    expressions: Path | None = None
    planned: bool = False

    def options(self) -> Options:
        """As the pipeline wants them. Raises `UsageError` for a stage that does not exist."""
        from remediate.incident.options import Options
        from remediate.stages.interface import stages

        known = [stage.name for stage in stages()]
        for name in (*self.only, *self.skip):
            if name not in known:
                raise UsageError(
                    f"There is no stage named {name!r}.", hint=f"Stages: {', '.join(known)}."
                )
        return Options(
            repository=self.repo,
            policy_file=self.policy,
            only=self.only,
            skip=self.skip,
            offline=self.offline,
            push=not self.no_push,
            undo=not self.no_undo,
            agreed=self.yes,
            expressions=self.expressions,
            planned=self.planned,
        )

    def inheriting(self, state: State) -> Flags:
        """These flags; where none was given, those of the run that *state* was left by.

        A run that was cut off, or that waits for a person, is gone on with as it was begun: with the
        yes and with the limits that it had. One that ended as asked is not: what is left then was
        left out on the caller's word, and wants a new one.
        """
        given = (self.only, self.skip, self.yes, self.offline, self.no_push, self.no_undo)
        ended = (state.concluded or {}).get("status")
        if any(given) or ended in ("clean", "partial"):
            return self
        asked = state.asked
        policy, rules = asked.get("policy"), asked.get("expressions")
        return replace(
            self,
            policy=self.policy or (Path(policy) if isinstance(policy, str) else None),
            expressions=self.expressions or (Path(rules) if isinstance(rules, str) else None),
            only=_words(asked.get("only")),
            skip=_words(asked.get("skip")),
            yes=asked.get("agreed") is True,
            offline=asked.get("offline") is True,
            no_push=asked.get("push") is False,
            no_undo=asked.get("undo") is False,
            planned=asked.get("planned") is True,
        )


def _words(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def installation() -> Installation:
    """This user's state folder."""
    from remediate.incident.home import home_path
    from remediate.incident.opening import Installation

    return Installation(home_path(os.environ))


def repository(path: Path) -> Repo:
    """The repository at *path*. Raises `remediate.errors.RepositoryError`."""
    from remediate.history.repo import open_repo

    return open_repo(path)


def intake(report: str, repo: Repo, here: Installation) -> Intake:
    """A report from a file or standard input, taken in."""
    from remediate.incident.intake import take_in
    from remediate.reports.read import load

    if report == "-" and sys.stdin.isatty():
        sys.stderr.write("Reading the report from standard input; end with Ctrl-D.\n")
    return take_in(load(report, sys.stdin.buffer), repo, here.key)


def surroundings(
    flags: Flags, repo: Repo, console: Console, listener: object, *, user_key: Secret | None = None
) -> Surroundings:
    """Policy, options and the rest, checked before anything is done."""
    from remediate.cli.prompts import asks
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
    who: Asks = asks(console, yes=flags.yes)
    return Surroundings(
        options=options,
        policy=policy,
        asks=who,
        listener=listener,  # type: ignore[arg-type]
        user_key=user_key,
        tell=(lambda line: console.say(line, style="dim")) if console.verbose else None,
    )


def conduct(run: Run) -> tuple[Conclusion, Path]:
    """The whole pipeline, and the record of it; the conclusion and the path of record.json."""
    from remediate.incident.runner import execute
    from remediate.record.writing import write_record

    conclusion = execute(run)
    return conclusion, write_record(run)
