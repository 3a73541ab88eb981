"""Rules of the user's own (``--expressions``): texts that go out of history beside the report's secrets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from remediate.errors import CustodyError
from remediate.history.expressions import Rule, read_expressions
from remediate.history.model import Needle, Progress, no_progress
from remediate.history.patterns import expand
from remediate.history.repo import Repo
from remediate.incident.custody import Custody
from remediate.incident.home import write_private
from remediate.secret import InstallationKey


@dataclass(frozen=True)
class Ruled:
    """The texts that rules stand for."""

    needles: tuple[Needle, ...] = ()
    insisted: frozenset[str] = frozenset()
    """Those that the user wrote out: an order. What a pattern matched may be too much, and is judged."""


def rule_needles(
    path: Path | None,
    key: InstallationKey,
    known: set[str],
    repo: Repo,
    *,
    held: Sequence[Rule] = (),
    progress: Progress = no_progress,
) -> Ruled:
    """The rules in *path* as history wants them; those whose fingerprint is in *known* left out.

    Read anew each time, and patterns are matched with what *repo* holds now; *held* are texts that they
    matched before, which may be gone from it. Raises `InputError` or `UsageError` as `read_expressions`
    and `expand` do.
    """
    if path is None:
        return Ruled()
    rules = read_expressions(path)
    # What stands there because an earlier round put it there is no leak.
    put = {rule.replacement for rule in held}
    fresh = expand(repo, rules, progress=progress)
    matched = [*held, *(rule for rule in fresh if rule.secret.reveal() not in put)]
    found: dict[str, Needle] = {}
    for rule in (*rules.literals, *matched):
        fingerprint = key.fingerprint(rule.secret)
        if fingerprint not in known:
            found.setdefault(fingerprint, Needle(fingerprint, rule.secret, rule.replacement))
    written = frozenset(key.fingerprint(rule.secret) for rule in rules.literals)
    return Ruled(tuple(found.values()), written & found.keys())


def keep_ruled(ruled: Ruled, known: set[str], custody: Custody, folder: Path) -> None:
    """Put the texts that patterns matched into *custody*: once replaced, no pattern finds them again.

    Their fingerprints go to *folder*. Raises `CustodyError` where one that is noted there is lost: it is
    not among *known* secrets either.
    """
    matched = [needle for needle in ruled.needles if needle.id not in ruled.insisted]
    noted = folder / "rules.json"
    before = set(json.loads(noted.read_bytes())) if noted.exists() else set()
    if lost := before - known - {needle.id for needle in ruled.needles}:
        raise CustodyError(
            f"{len(lost)} texts that rules in --expressions matched before are neither in custody nor in "
            "the history any more, so nobody can look for what is left of them.",
            hint="Write those that you know as lines literal:VALUE==>NEW and begin a new run: "
            "remediate run REPORT --expressions FILE --key-file KEY",
        )
    custody.put_rules([Rule(needle.secret, needle.replacement) for needle in matched])
    if fresh := {needle.id for needle in matched} - before:
        write_private(noted, json.dumps(sorted(before | fresh)).encode())
