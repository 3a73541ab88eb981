"""A preview: the rewrite done in a quarantine, so that the exact result is known and nothing is touched."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remediate.history.model import Needle, Place, Progress, Rehearsal, no_progress
from remediate.incident.intake import Intake
from remediate.passing import passing_folder
from remediate.stages.verdicts import unreadable_data

if TYPE_CHECKING:
    from remediate.history.repo import Repo
    from remediate.incident.opening import Installation
    from remediate.incident.policy import Policy


@dataclass(frozen=True)
class Preview:
    """What a run would change. No secret in it but in `taken`, whose values are `Secret`."""

    taken: Intake
    rehearsal: Rehearsal | None
    """None where there was nothing to look for."""
    needles: tuple[Needle, ...] = ()
    took: float = 0.0
    """Seconds."""

    @property
    def clean(self) -> bool:
        """Whether a run would leave no secret behind, and everything could be read."""
        left = self.rehearsal and (self.rehearsal.remnants or self.rehearsal.unreadable)
        return not (left or self.taken.unread)

    def places(self, fingerprint: str) -> tuple[Place, ...]:
        """Where the secret of that fingerprint stands."""
        found = self.rehearsal.places if self.rehearsal else ()
        return tuple(place for place in found if place.needle == fingerprint)

    def document(self) -> dict[str, Any]:
        """What ``remediate preview --json`` writes."""
        from remediate.stages.verdicts import remnant_data

        made = self.rehearsal
        if made is None:
            return {
                **_empty(),
                "unreadable": [unreadable_data(thing) for thing in self.taken.unread],
            }
        provider = {f: c.provider for c in self.taken.credentials for f in c.parts.values()}
        return {
            "secrets": [
                {
                    "fingerprint": secret.fingerprint,
                    "kind": secret.kind,
                    "provider": provider.get(secret.fingerprint) or None,
                    "places": [_place(place) for place in self.places(secret.fingerprint)],
                }
                for secret in self.taken.secrets
            ],
            "commits": {"total": made.commits_total, "rewritten": len(made.commits)},
            "refs": [asdict(ref) for ref in made.refs],
            "blobs": made.blobs,
            "lost": [asdict(lost) for lost in made.lost],
            "remnants": [remnant_data(remnant) for remnant in made.remnants],
            "unreadable": [
                unreadable_data(thing) for thing in (*made.unreadable, *self.taken.unread)
            ],
            "searched": asdict(made.searched),
            "messages": list(made.messages),
        }


@contextlib.contextmanager
def rehearsed(
    taken: Intake,
    repo: Repo,
    here: Installation,
    rules: Policy,
    *,
    expressions: Path | None = None,
    progress: Progress = no_progress,
) -> Iterator[Preview]:
    """The preview of *taken* in *repo*; its quarantine is there until the body ends.

    Raises `remediate.errors.RepositoryError` where the repository is not in a state to be rewritten.
    """
    from remediate.history.overreach import rehearse_with_care
    from remediate.history.repo import require_rewritable
    from remediate.incident.redaction import redactor, unsaid
    from remediate.incident.rules import rule_needles

    needles = taken.needles(rules.replacement)
    ruled = rule_needles(expressions, here.key, set(taken.values), repo, progress=progress)
    needles += ruled.needles
    if not needles:
        yield Preview(taken, None)
        return
    require_rewritable(repo)
    insisted = ruled.insisted | {
        fingerprint
        for credential in taken.credentials
        if rules.for_credential(credential).insist
        for fingerprint in credential.parts.values()
    }
    with unsaid(lambda: redactor(taken.values.values())), passing_folder() as scratch:
        begun = time.monotonic()
        made = rehearse_with_care(
            repo, needles, scratch / "git", insisted=insisted, progress=progress
        )
        yield Preview(taken, made, tuple(needles), time.monotonic() - begun)


def _place(place: Place) -> dict[str, Any]:
    return {key: value for key, value in asdict(place).items() if key in _SHOWN}


_SHOWN = ("where", "commit", "path", "line", "encoding", "author", "date")


def _empty() -> dict[str, Any]:
    return {
        "secrets": [],
        "commits": {"total": 0, "rewritten": 0},
        "refs": [],
        "blobs": 0,
        "lost": [],
        "remnants": [],
    }
