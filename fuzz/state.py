"""Coverage-guided fuzzing of what lies in the state folder, and of the record made of it: docs/fuzzing.md.

What must hold: a journal of whatever bytes is a journal or a `TamperedError`; each small file is read, refused or as good
as not there; of whatever rows a record comes out, in each form.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["remediate.incident", "remediate.record", "remediate.stages"]
):
    from remediate.errors import Error
    from remediate.incident import answers, redaction, sealing
    from remediate.incident.journal import Journal
    from remediate.incident.rows import Kind, Row
    from remediate.record.build import build
    from remediate.record.html import to_html
    from remediate.record.json_record import to_json
    from remediate.record.markdown import to_markdown
    from remediate.record.ocsf import to_ocsf
    from remediate.record.sharing import share
    from remediate.secret import InstallationKey, Secret
    from remediate.stages import rounds

KEY = InstallationKey(bytes(range(32)))
KINDS = [str(kind) for kind in Kind]
REDACT = redaction.redactor([Secret("tok_A1b2C3d4E5f6G7h8")])


def one(data: bytes) -> None:
    """One kind of file or another, by the first byte."""
    choice, rest = (data[0] % 3, data[1:]) if data else (0, b"")
    if choice == 0:
        files(rest)
    elif choice == 1:
        rows(rest)
    else:
        text = rest.decode("utf-8", "replace")
        assert "tok_A1b2C3d4E5f6G7h8" not in REDACT(text)
        redaction.harmless(text)
        with contextlib.suppress(ValueError, RecursionError):
            answers.scrubbed(json.loads(rest))


def files(data: bytes) -> None:
    """A folder whose files are all *data*."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("journal.db", "seal.json", "round-1.json", "rehearsal-1.json"):
            (folder / file).write_bytes(data)
            (folder / file).chmod(0o600)
        with contextlib.suppress(Error):
            Journal(folder, KEY).close()
        sealing.wants_key(folder)
        with contextlib.suppress(Error):
            sealing.unlock(folder, Secret("a key of some length"), name="INC-1")
        rounds.saved(folder, 1)


def rows(data: bytes) -> None:
    """A record of rows: a line of JSON each, its kind by its first byte."""
    found = []
    for seq, line in enumerate(data.split(b"\n"), 1):
        try:
            content = json.loads(line[1:])
        except (ValueError, RecursionError):
            continue
        if isinstance(content, dict):
            kind = KINDS[line[0] % len(KINDS)]
            found.append(Row(seq, "2026-01-02T03:04:05.000Z", kind, "contain", "k", content))
    record = build(found)
    for made in (record, share(record)):
        to_json(made)
        to_markdown(made)
        to_html(made)
        to_ocsf(made)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
