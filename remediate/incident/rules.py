"""Rules of the user's own (``--expressions``): texts that go out of history beside the report's secrets."""

from __future__ import annotations

from pathlib import Path

from remediate.history.expressions import read_expressions
from remediate.history.model import Needle
from remediate.secret import InstallationKey


def rule_needles(path: Path | None, key: InstallationKey, known: set[str]) -> list[Needle]:
    """The rules in *path* as history wants them; those whose fingerprint is in *known* left out.

    Read anew each time: the values are the user's own file's, and are kept nowhere else. Raises
    `InputError` or `UsageError` as `read_expressions` does.
    """
    if path is None:
        return []
    found = []
    for rule in read_expressions(path):
        fingerprint = key.fingerprint(rule.secret)
        if fingerprint not in known:
            found.append(Needle(fingerprint, rule.secret, rule.replacement))
            known = known | {fingerprint}
    return found
