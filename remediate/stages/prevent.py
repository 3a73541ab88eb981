"""Prevent: what keeps the secret from coming back. Advice and ready texts; never a commit."""

from __future__ import annotations

from remediate.incident.run import Run
from remediate.stages.interface import DONE, Result, Stage


def act(run: Run) -> Result:
    """Write the advice that this incident calls for."""
    before = len(run.state.advice)
    rewritten = (run.state.rehearsed or {}).get("commits_rewritten")
    if rewritten:
        run.advise(
            "Every other clone still holds the secrets. Ask for a fresh clone; whoever has unpublished "
            "work rebases it (git rebase --onto NEW OLD) and never merges an old branch back."
        )
    if any(_is_dotenv(path) for path in _paths(run)):
        run.advise(
            "A .env file was committed. Add it to .gitignore, and keep an .env.example without values."
        )
    if run.state.secrets:
        run.advise(
            "Run a scanner before each commit and on each push (for example gitleaks by pre-commit), "
            "and switch on push protection where the host has it."
        )
    return Result(DONE, f"{len(run.state.advice) - before} pieces of advice")


def _paths(run: Run) -> set[str]:
    return {loc.path for s in run.state.secrets.values() for loc in s.locations if loc.path}


def _is_dotenv(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name == ".env" or name.startswith(".env.")


STAGE = Stage("prevent", 90, "Keep it from coming back", act)
