"""Assess: what leaked, whose it is, how long it has been out, and whether it is ours to act on."""

from __future__ import annotations

from remediate.errors import Error
from remediate.history.remote import address
from remediate.history.signingin import HELPER, password_for
from remediate.incident.run import Run
from remediate.model import Credential, Json
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import Describes, NamesResponder
from remediate.stages.askingall import Ask, ask_all
from remediate.stages.authority import LOOKING, standing
from remediate.stages.elsewhere import outside_git
from remediate.stages.exposure import exposure
from remediate.stages.interface import DONE, Result, Stage
from remediate.wording import count


def act(run: Run) -> Result:
    """Nothing is changed anywhere: facts alone."""
    unseen = [c for c in run.credentials() if run.knows("authority", c) is None]
    run.held_all(unseen, LOOKING)  # each taking journalled at once, not one by one
    run.learn_all("authority", [(credential, standing(run, credential)) for credential in unseen])
    if not run.options.offline:
        _identities(run)
        _responders(run)
    outside_git(run)
    if run.knows("exposure") is None:
        run.learn("exposure", exposure(run))
    secrets, credentials = len(run.state.secrets), len(run.credentials())
    return Result(DONE, f"{count(secrets, 'secret')}, {count(credentials, 'credential')}")


def _identities(run: Run) -> None:
    asks: list[tuple[Credential, Ask]] = []
    for credential in run.credentials():
        provider = run.provider(credential)
        if isinstance(provider, Describes) and run.knows("identity", credential) is None:
            asks.append((credential, provider.describe))
    ask_all(run, "identity", "identify", asks)


def _responders(run: Run) -> None:
    """Whether a responder's own credential is itself a leaked one: known by comparison."""
    mine: dict[str, set[str]] = {}
    leaked: list[Credential] = []
    for credential in run.credentials():
        provider = run.provider(credential)
        if not isinstance(provider, NamesResponder):
            continue
        if credential.provider not in mine:
            values = provider.responder_values(run.vendor(credential))
            mine[credential.provider] = {run.key.fingerprint(value) for value in values}
        if mine[credential.provider] & set(credential.parts.values()):
            leaked.append(credential)
    known: dict[str, Json] = {"leaked": True}
    run.learn_all("responder", [(credential, Facts(known=known)) for credential in leaked])
    for credential in leaked:
        run.advise(
            f"The credential that you would act with at {credential.provider} is itself the leaked "
            "one. Its work is done before it dies; put another one in its place on this machine."
        )
    _signing_in(run)


def _signing_in(run: Run) -> None:
    """Whether git would sign in at a remote with a leaked one: then the push needs another."""
    by_value = {name: c for c in run.credentials() for name in c.parts.values()}
    for remote in run.policy.remotes:
        try:
            where = address(run.repo, remote)
        except Error:
            continue  # publish says what is wrong with it
        found = password_for(where, run.vendor().environment)
        credential = by_value.get(run.key.fingerprint(found[0])) if found is not None else None
        if found is None or credential is None:
            continue
        _value, source, host = found
        known: dict[str, Json] = {"leaked": True, "signs_in_at": host, "from": source}
        run.learn("responder", Facts(known=known), credential)
        another = (
            f"make git forget it (printf 'protocol=https\\nhost={host}\\n\\n' | git credential reject) and "
            "sign in with another"
            if source == HELPER
            else f"give {remote} an address without it (git remote set-url {remote} URL)"
        )
        run.advise(
            f"git signs in at {host} with the leaked {credential.kind}, out of {source}: once it is dead the "
            f"push is refused. Before that, {another}. Then: remediate resume"
        )


STAGE = Stage("assess", 10, "See what leaked and whose it is", act)
