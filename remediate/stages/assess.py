"""Assess: what leaked, whose it is, how long it has been out, and whether it is ours to act on."""

from __future__ import annotations

from remediate.incident.run import Run
from remediate.model import Credential, Json
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import Describes, NamesResponder
from remediate.stages.authority import standing
from remediate.stages.elsewhere import outside_git
from remediate.stages.exposure import exposure
from remediate.stages.interface import DONE, Result, Stage


def act(run: Run) -> Result:
    """Nothing is changed anywhere: facts alone."""
    for credential in run.credentials():
        if run.knows("authority", credential) is None:
            run.learn("authority", standing(run, credential), credential)
    if not run.options.offline:
        for credential in run.credentials():
            _identity(run, credential)
            _responder(run, credential)
    outside_git(run)
    if run.knows("exposure") is None:
        run.learn("exposure", exposure(run))
    secrets, credentials = len(run.state.secrets), len(run.credentials())
    return Result(DONE, f"{_count(secrets, 'secret')}, {_count(credentials, 'credential')}")


def _identity(run: Run, credential: Credential) -> None:
    provider = run.provider(credential)
    if run.knows("identity", credential) is not None or not isinstance(provider, Describes):
        return
    facts = provider.describe(run.held(credential, "identify"), run.vendor(credential))
    run.learn("identity", facts, credential)


def _responder(run: Run, credential: Credential) -> None:
    """Whether the responder's own credential is itself the leaked one: known by comparison."""
    provider = run.provider(credential)
    if not isinstance(provider, NamesResponder):
        return
    mine = {run.key.fingerprint(v) for v in provider.responder_values(run.vendor(credential))}
    if mine & set(credential.parts.values()):
        known: dict[str, Json] = {"leaked": True}
        run.learn("responder", Facts(known=known), credential)
        run.advise(
            f"The credential that you would act with at {credential.provider} is itself the leaked "
            "one. Its work is done before it dies; put another one in its place on this machine."
        )


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


STAGE = Stage("assess", 10, "See what leaked and whose it is", act)
