"""What runs with a leaked value at a vendor, so that it is given the new one.

Read after the kill, of everything that a vendor shows; `remediate.stages.uses` asks the stores of the successor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from remediate.errors import Error
from remediate.incident.policy import CredentialPolicy
from remediate.incident.rows import Topic
from remediate.incident.run import Run
from remediate.model import Credential, Json
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import FindsHolders
from remediate.plugins.registry import providers

MOST_ADVICE = 20
"""Uses that get a line of advice each; all of them are in the record."""


def look_for_holders(run: Run, credentials: Sequence[Credential]) -> int:
    """Ask, once, and write down what was found and what could not be read; how many uses there are.

    Those of one policy together: a vendor is read once for all of them.
    """
    unasked = [c for c in credentials if run.knows(Topic.HOLDERS, c) is None]
    together: dict[tuple[str | None, CredentialPolicy], list[Credential]] = {}
    for credential in unasked:
        same = (credential.provider, run.policy.for_credential(credential))
        together.setdefault(same, []).append(credential)
    for batch in together.values():
        _look(run, batch)
    return sum(len(_holders(run.knows(Topic.HOLDERS, credential))) for credential in credentials)


def _look(run: Run, batch: Sequence[Credential]) -> None:
    asked = _asked(run, batch[0])
    if not asked:
        return
    held = run.held_all(batch, "looking who uses it")
    answers: list[Mapping[str, Facts]] = []
    for provider in asked:
        try:
            answers.append(provider.holders(held, run.vendor(batch[0])))
        except Error:
            raise
        except Exception as error:
            # It is for advice: a fault here stops nothing. Its text may hold a value.
            why = Facts(unknown={"holders": f"a fault inside remediate ({type(error).__name__})"})
            answers.append({credential.id: why for credential in batch})
    learned = [(c, _joined([a[c.id] for a in answers if c.id in a])) for c in batch]
    run.learn_all(Topic.HOLDERS, learned)
    for credential, facts in learned:
        _advise(run, credential, facts)


def _advise(run: Run, credential: Credential, facts: Facts) -> None:
    found = _holders(facts)
    for use in found[:MOST_ADVICE]:
        where = f" ({use['region']})" if use.get("region") else ""
        run.advise(
            f"{use.get('what')} {use.get('id')}{where} uses the leaked {credential.kind} by "
            f"{use.get('how')}: {use.get('then')}."
        )
    if len(found) > MOST_ADVICE:
        run.advise(
            f"{len(found) - MOST_ADVICE} more use the leaked {credential.kind}: the record has all."
        )


def _asked(run: Run, credential: Credential) -> list[FindsHolders]:
    """Its own provider, and whose stores policy names for it: nobody else's account is searched."""
    schemes = {spec.partition(":")[0] for spec in run.policy.for_credential(credential).stores}
    own = run.provider(credential)
    return [
        provider
        for provider in providers
        if isinstance(provider, FindsHolders)
        and (provider is own or not schemes.isdisjoint(provider.beside))
    ]


def _joined(answers: Iterable[Facts]) -> Facts:
    """Several providers' answers as one; two of one vendor's see the same."""
    answers = list(answers)
    uses: list[dict[str, Json]] = []
    for use in (dict(use) for answer in answers for use in _holders(answer)):
        uses += [use] if use not in uses else []
    return Facts(
        {"holders": list(uses)},
        {name: why for answer in answers for name, why in answer.unknown.items()},
        tuple(one for answer in answers for one in answer.evidence),
    )


def _holders(facts: Facts | None) -> list[Mapping[str, Json]]:
    found = facts.known.get("holders") if facts is not None else None
    return [u for u in found if isinstance(u, Mapping)] if isinstance(found, list | tuple) else []
