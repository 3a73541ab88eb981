"""An upgrade in the middle of an incident: a journal of each older schema is read and gone on with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remediate.incident.home import private_folder, write_private
from remediate.incident.opening import Installation
from remediate.incident.rows import SCHEMA, Kind, Row
from remediate.incident.state import State
from remediate.record.build import build
from remediate.record.json_record import to_json
from remediate.record.markdown import to_markdown

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "journals"
OLDER = range(1, SCHEMA)


def stored(number: int, repository: Path) -> list[Row]:
    """The rows of that schema's fixture, about *repository*."""
    text = (FOLDER / f"schema-{number}.json").read_text("utf-8")
    return [Row(**row) for row in json.loads(text.replace("{repository}", str(repository)))]


def sealed(home: Path, rows: list[Row]) -> Installation:
    """A state folder in which an older remediate has left a journal of *rows*."""
    private_folder(home)
    write_private(home / "installation.key", bytes(range(32)).hex().encode() + b"\n")
    here = Installation(home)
    folder = private_folder(here.home.incidents / str(rows[0].data["incident"]))
    times: Iterator[str] = iter([row.at for row in rows])
    from contextlib import closing

    from remediate.incident.journal import Journal

    # As that remediate wrote it: without a second head.
    with closing(Journal(folder, here.key, now=lambda: next(times))) as journal:
        for row in rows:
            journal.append(Kind(row.kind), row.data, stage=row.stage, key=row.key)
    return here


def test_every_older_schema_has_its_fixture() -> None:
    assert sorted(p.name for p in FOLDER.glob("schema-*.json")) == [
        f"schema-{number}.json" for number in OLDER
    ]


@pytest.mark.parametrize("number", OLDER)
def test_it_is_listed_and_recorded(number: int, tmp_path: Path) -> None:
    rows = stored(number, tmp_path / "acme")
    assert rows[0].data["schema"] == number
    (known,) = sealed(tmp_path / "home", rows).incidents()
    assert known.state.id == rows[0].data["incident"]
    assert len(known.state.secrets) == 7
    assert known.state == State.of(rows)
    record = build(rows)
    assert len(record.secrets) == 7
    assert json.loads(to_json(record))["incident"] == known.state.id
    assert known.state.id in to_markdown(record)


@pytest.mark.parametrize("number", OLDER)
def test_it_is_gone_on_with(number: int, tmp_path: Path, acme: Path, fixtures: Path) -> None:
    home = tmp_path / "home"
    here = sealed(home, stored(number, acme))

    def remediate(*arguments: str) -> tuple[int, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "remediate", *arguments, "--repo", str(acme), "--json"],
            env={**os.environ, "REMEDIATE_HOME": str(home)},
            capture_output=True,
            check=False,
        )
        return done.returncode, done.stdout.decode()

    report = str(fixtures / "reports" / "gitleaks.json")
    code, out = remediate("resume", "--report", report, "--yes", "--offline", "--no-push",
                          "--no-undo")  # fmt: skip
    assert code == 0, out
    code, out = remediate("verify", report)
    assert code == 0, out
    code, out = remediate("log", "--check")
    assert json.loads(out)["intact"] is True
    (known,) = here.incidents()
    assert known.state.stages["clean"]["status"] == "done"
    assert (here.home.heads / known.state.id).exists(), "witnessed from now on"
