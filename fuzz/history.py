"""Coverage-guided fuzzing of what reads a repository's bytes: docs/fuzzing.md.

What must hold: whatever lies in a blob, an archive, a reflog, a commit map or a file of expressions, it is read or
refused; a replaced text holds the secret in no form that its own search knows; the verifier does not fail over it.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["remediate.history"]):
    from remediate.errors import InputError
    from remediate.history import commitmap, expressions, readings, reflogs, refnames, unpacking
    from remediate.history.matcher import Matcher
    from remediate.history.model import Needle
    from remediate.secret import Secret

VALUE = b"tok_A1b2C3d4E5f6G7h8"
NEEDLE = Needle("0" * 64, Secret(VALUE), b"REMOVED-token")
MATCHER = Matcher([NEEDLE])
READER = readings.Reader([readings.wanted(NEEDLE.id, VALUE)])
SLOW = 10.0
FILE = Path(tempfile.mkdtemp()) / "file"


def one(data: bytes) -> None:
    """A blob of whatever bytes; then the same as each small file that people hand in."""
    began = time.monotonic()
    choice, rest = (data[0] % 4, data[1:]) if data else (0, b"")
    if choice == 0:
        blob(rest)
    elif choice == 1:
        unpacking.members(rest)
        for line in rest.splitlines(keepends=True):
            reflogs.marked(line)
        reflogs.without_marks(rest)
        refnames.proper(rest.decode("utf-8", "surrogateescape"))
    elif choice == 2:
        FILE.write_bytes(rest)
        with contextlib.suppress(InputError):
            commitmap.resolved(commitmap.read_map(FILE))
    else:
        FILE.write_bytes(rest)
        with contextlib.suppress(InputError):
            expressions.read_expressions(FILE)
    if time.monotonic() - began > SLOW:
        raise TimeoutError(f"{len(data)} bytes took {time.monotonic() - began:.1f} s")


def blob(data: bytes) -> None:
    """Searched, replaced, searched again, verified."""
    for text in (data, data[: len(data) // 2] + VALUE + data[len(data) // 2 :]):
        MATCHER.find(text)
        after = MATCHER.replace(text)
        assert VALUE not in after, "it is still there"
        READER.find(after, [])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
