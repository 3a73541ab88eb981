"""The demo: the whole pipeline for three vendors, and for all others; again and again, and two side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from remediate.plugins.registry import local_vendors

from .conftest import Cli, Done

pytest.importorskip("moto")


PLAYING = {"aws", "github", "stripe"}


def check(done: Done, vendors: set[str] = PLAYING) -> dict[str, Any]:
    assert done.code == 0, done.out + done.err
    assert done.finished["status"] == "clean"
    assert done.finished["manual"] == []
    record: dict[str, Any] = json.loads(Path(done.finished["record"]).read_text())
    assert {c["provider"] for c in record["credentials"]} == vendors
    assert {c["state"] for c in record["credentials"]} == {"dead"}
    assert {c["replacement"] for c in record["credentials"]} == {"in-place"}
    remote = [v for v in record["searches"] if v["scope"]["remote_refs"]]
    assert remote
    assert all(v["clean"] for v in remote)
    return record


def test_the_demo_ends_well_twice(cli: Cli, tmp_path: Path) -> None:
    for name in ("one", "two"):
        check(cli("demo", "--yes", "--json", "--folder", tmp_path / name))


def test_every_other_local_vendor_plays_the_same_story(cli: Cli, tmp_path: Path) -> None:
    others = sorted(set(local_vendors.names()) - PLAYING)
    named = [word for name in others for word in ("--vendor", name)]
    check(cli("demo", "--yes", "--json", "--folder", tmp_path / "d", *named), set(others))


def test_a_vendor_that_there_is_not(cli: Cli, tmp_path: Path) -> None:
    done = cli("demo", "--folder", tmp_path / "d", "--vendor", "nobody", "--json")
    assert done.code == 2 and done.finished["status"] == "failed", done.out


def test_two_demos_side_by_side(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "remediate", "demo", "--yes", "--json", "--folder"]
    running = [
        subprocess.Popen(
            [*command, str(tmp_path / name)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ),
        )
        for name in ("left", "right")
    ]
    for child in running:
        out, err = child.communicate(timeout=200)
        check(Done(child.returncode, out.decode(), err.decode()))


def test_the_demo_shows_no_value_and_keeps_none_in_clear(cli: Cli, tmp_path: Path) -> None:
    done = cli("demo", "--yes", "--plain", "--folder", tmp_path / "d")
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "d" / "gitleaks.json").read_text())
    values = {f["Secret"] for f in report}
    secret = {v for v in values if not v.startswith("AKIA")}
    assert len(secret) == len(PLAYING)
    for value in secret:
        assert value not in done.out + done.err
    for path in (tmp_path / "d").rglob("*"):
        if path.is_file() and path.name != "gitleaks.json":
            data = path.read_bytes()
            assert not [v for v in secret if v.encode() in data], path


def test_a_folder_that_is_not_empty_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x").write_text("")
    assert cli("demo", "--folder", tmp_path / "d", "--json").code == 2
