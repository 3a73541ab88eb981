"""Prevent: what keeps the secret from coming back. Advice and ready texts; never a commit."""

from __future__ import annotations

from collections.abc import Iterator

from remediate.incident.run import Run
from remediate.stages.interface import DONE, Result, Stage


def act(run: Run) -> Result:
    """Write the advice that this incident calls for."""
    before = len(run.state.advice)
    for text in _called_for(run):
        run.advise(text)
    return Result(DONE, f"{len(run.state.advice) - before} pieces of advice")


def more_to_say(run: Run) -> bool:
    """Whether the incident calls for advice that was not given: the history was cleaned since."""
    return any(text not in run.state.advice for text in _called_for(run))


def _called_for(run: Run) -> Iterator[str]:
    if (run.state.rehearsed or {}).get("commits_rewritten"):
        yield (
            "Every other clone still holds the secrets. Ask for a fresh clone; whoever has unpublished "
            "work rebases it (git rebase --onto NEW OLD) and never merges an old branch back."
        )
    if any(_is_dotenv(path) for path in _paths(run)):
        yield (
            "A .env file was committed. Add it to .gitignore, and keep an .env.example without values."
        )
    if run.state.secrets:
        yield (
            "Run a scanner before each commit and on each push (for example gitleaks by pre-commit), "
            "and switch on push protection where the host has it."
        )


def _paths(run: Run) -> set[str]:
    return {loc.path for s in run.state.secrets.values() for loc in s.locations if loc.path}


def _is_dotenv(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name == ".env" or name.startswith(".env.")


STAGE = Stage("prevent", 90, "Keep it from coming back", act, again=more_to_say)
