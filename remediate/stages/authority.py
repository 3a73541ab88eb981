"""Authority: a report is input, not an order.

A credential is acted on where its value stands in this repository, or a person typed it, or policy
insists. A scanner's line alone, maybe forged, kills nothing.
"""

from __future__ import annotations

import functools
from pathlib import Path

from remediate.clock import utc_now
from remediate.history.git import run as git
from remediate.incident.run import Run
from remediate.model import Credential, LeakedSecret, Location, ManualStep
from remediate.plugins.outcome import Evidence, Facts, Outcome, Status
from remediate.stages.looking import scan

LOOKING = "looking whether it stands in this repository"


def standing(run: Run, credential: Credential) -> Facts:
    """Whether remediate may act on *credential*: ``known["ours"]`` and ``known["because"]``."""
    if credential.labels.get("canary"):
        return Facts({"ours": False, "because": "a canary: it is there to be stolen, and watched"})
    if any(fingerprint in run.options.typed for fingerprint in credential.parts.values()):
        return Facts({"ours": True, "because": "its value was typed by a person"})
    # The secret part is what proves possession; a public id alone stands in many a README.
    for fingerprint in credential.parts.values():
        secret = run.state.secrets.get(fingerprint)
        if secret is None:
            continue
        for location in secret.locations:
            if _stands_at(run, secret, location):
                return Facts(
                    {"ours": True, "because": "its value stands in this repository"},
                    evidence=(
                        Evidence(
                            f"git cat-file blob {(location.commit or '')[:12]}:{location.path}",
                            "the value stands there",
                            utc_now(),
                        ),
                    ),
                )
    found = {hit.needle for hit in scan(run).hits} | {h.needle for h in scan(run).file_hits}
    if found & set(credential.parts.values()):
        return Facts({"ours": True, "because": "its value stands in this repository"})
    if run.policy.for_credential(credential).insist:
        return Facts({"ours": True, "because": "policy insists"})
    return Facts({"ours": False, "because": "its value stands nowhere in this repository"})


def _stands_at(run: Run, secret: LeakedSecret, location: Location) -> bool:
    value = run.value(secret.fingerprint, LOOKING)
    commit, path = location.commit, location.path
    if value is None or not commit or not path:
        return False
    if not all(c in "0123456789abcdefABCDEF" for c in commit):
        return False
    try:
        return value.reveal() in _blob(run.repo.git_dir, commit, path)
    except ValueError:  # a NUL in the path
        return False


@functools.lru_cache(maxsize=8)
def _blob(git_dir: Path, commit: str, path: str) -> bytes:
    """A file as a commit has it, empty where it has none. A few are kept: a report is in their order."""
    return git(git_dir, "cat-file", "blob", f"{commit}:{path}", accept=(0, 128))


def may_act(run: Run, credential: Credential) -> Outcome | None:
    """None where remediate may act on *credential*; else the outcome that says why it does not."""
    facts = run.knows("authority", credential)
    if facts is None or facts.known.get("ours") is True:
        return None
    because = str(facts.known.get("because", ""))
    if credential.labels.get("canary"):
        return Outcome(Status.SKIPPED, f"Left {credential.id} alone", reason=because)
    run.refuse(f"act on {credential.id}", because)
    return Outcome(
        Status.MANUAL,
        f"Did not act on {credential.id}",
        reason=because,
        manual=ManualStep(
            id=f"claim-{credential.id.replace(':', '-')}",
            title="Say that this credential is yours to kill",
            why=f"A report is input, not an order, and {because}.",
            instructions=(
                "Look whether the report belongs to this repository (--repo PATH names another).",
                (
                    "If it is yours, add to remediate.toml: [[credential]] match = "
                    f'"{next(iter(credential.parts.values()))[:12]}", insist = true'
                ),
                "Then: remediate resume",
            ),
        ),
    )
