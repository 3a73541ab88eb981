"""Looking for what is left of a report's secrets: here, on remotes, and by old ids. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from remediate.errors import RemoteError, UsageError
from remediate.history.model import Scope, Searched, Verdict
from remediate.passing import passing_folder

if TYPE_CHECKING:
    from remediate.history.model import Needle
    from remediate.history.repo import Repo
    from remediate.incident.intake import Intake
    from remediate.incident.opening import Installation
    from remediate.incident.policy import Policy
    from remediate.model import Json


@dataclass(frozen=True)
class Verification:
    """What was found. No secret in it."""

    verdict: Verdict
    served: tuple[str, ...] | None = None
    """Old commits that a remote still hands out by id; None where that was not asked, or no id is known."""
    counted: bool = False
    """Whether `served` counts as remnants."""

    @property
    def clean(self) -> bool:
        """Whether nothing was found in the scopes asked for, and all of them could be read."""
        return self.verdict.clean and not (self.counted and self.served)

    def document(self) -> dict[str, Json]:
        """What ``remediate verify --json`` writes."""
        from remediate.stages.verdicts import verdict_data

        served = None if self.served is None else list(self.served)
        return {**verdict_data(self.verdict), "clean": self.clean, "served_by_id": served}


def look(
    taken: Intake,
    repo: Repo,
    here: Installation,
    rules: Policy,
    *,
    remote: bool = False,
    by_id: bool = False,
) -> Verification:
    """Every object and file of *repo*; with *remote* a fresh clone of the policy's remotes, too, and of the
    wiki's repository beside each, where its host has one that can be cloned.

    *by_id* counts it as a remnant where old commits are still served by id. Raises `UsageError` where no
    incident of this installation knows an old id, `remediate.errors.RemoteError` for a remote out of reach.
    """
    from remediate.history.remote import address, verify_remote
    from remediate.history.verify import verify
    from remediate.incident.redaction import redactor, unsaid
    from remediate.stages.verdicts import joined

    needles = taken.needles()
    with unsaid(lambda: redactor(taken.values.values())):
        verdict = verify(repo, needles) if needles else Verdict(Scope(local=True), Searched())
    served: tuple[str, ...] | None = None
    if remote or by_id:
        with unsaid(lambda: redactor(taken.values.values())), passing_folder() as scratch:
            for name in rules.remotes:
                url = address(repo, name)
                verdict = joined(verdict, verify_remote(url, needles, scratch, verify, like=repo))
                if (wiki := _wiki(repo, name, needles, scratch)) is not None:
                    verdict = joined(verdict, wiki)
            served = _by_id(here, repo, rules.remotes, scratch)
        if by_id and served is not None:
            verdict = replace(verdict, scope=replace(verdict.scope, remote_by_id=True))
    if by_id and served is None:
        raise UsageError(
            "No incident of this machine rewrote this clone, so no old id is known to ask for.",
            hint="Verify where the history was cleaned, or without --by-id.",
        )
    verdict = replace(verdict, unreadable=(*verdict.unreadable, *taken.unread))
    return Verification(verdict, served, counted=by_id)


def _wiki(repo: Repo, name: str, needles: Sequence[Needle], scratch: Path) -> Verdict | None:
    """What the wiki beside the remote *name* holds; None for none, or for one that is not shown."""
    from remediate.api.answers import Agrees
    from remediate.history.remote import verify_remote
    from remediate.history.verify import verify
    from remediate.plugins.context import VendorContext
    from remediate.stages.copies import wiki_of
    from remediate.stages.hosting import host_at

    vendor = VendorContext(environment=dict(os.environ), asks=Agrees())
    where = wiki_of(repo, name, host_at(repo, name, vendor))
    if where is None:
        return None
    try:
        found = verify_remote(where, needles, scratch, verify, like=repo)
    except RemoteError:
        # Hosts say the same of a wiki without a page and of one that they will not show.
        return None
    return replace(found, remnants=tuple(replace(r, where="wiki") for r in found.remnants))


def _by_id(
    here: Installation, repo: Repo, remotes: Sequence[str], scratch: Path
) -> tuple[str, ...] | None:
    """The old commits that a remote still hands out by id; None where no incident knows any."""
    from remediate.history.byid import still_served
    from remediate.history.remote import address
    from remediate.incident.opening import same_repository
    from remediate.stages import rounds
    from remediate.stages.aftermath import old_ids

    served: list[str] | None = None
    for known in here.incidents():
        rehearsal = rounds.of(known.folder, known.state)
        if rehearsal is None or not same_repository(known.state, repo):
            continue
        ids, _, _ = old_ids(repo, known.state, rehearsal)
        served = served or []
        for name in remotes:
            served += still_served(address(repo, name), ids, scratch, like=repo).served
    return None if served is None else tuple(dict.fromkeys(served))
