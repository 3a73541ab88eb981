"""Coverage-guided fuzzing of the policy, its store specs, and requests for approval: docs/fuzzing.md.

What must hold: any bytes give a policy or a `PolicyError`; whatever policy came out can be written into the
journal, and each of its stores is a target or a `UsageError`.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["remediate.incident.policy", "remediate.incident.request", "remediate.stages.targets"]
):
    from remediate.errors import InputError, PolicyError, UsageError
    from remediate.incident import policy as policies
    from remediate.incident.request import Request
    from remediate.stages.targets import target


def one(data: bytes) -> None:
    """One policy, one request, of whatever bytes."""
    try:
        read = policies.parse(data, "fuzz")
    except PolicyError as error:
        assert error.message.startswith("fuzz")
    else:
        said = json.loads(json.dumps(policies.settings(read)))
        assert policies.changed(said, policies.settings(read)) == []
        read.replacement.format(kind="x")
        for table in read.credentials:
            for spec in table.stores:
                store(spec)
    store(data.decode("utf-8", "replace"))
    with contextlib.suppress(InputError):
        Request.of(data, "fuzz")


def store(spec: str) -> None:
    """One store's spec."""
    try:
        found = target(spec, Path("/"))
    except UsageError:
        return
    assert found.scheme
    assert found.place


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
