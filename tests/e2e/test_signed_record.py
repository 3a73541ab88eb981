"""A record that was signed, handed on, and checked by somebody who was not there."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import Cli

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")


def test_signed_and_checked(cli: Cli, acme: Path, gitleaks: Path, tmp_path: Path) -> None:
    key, allowed = tmp_path / "key", tmp_path / "allowed"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    allowed.write_text(f"ada@example.com {tmp_path.joinpath('key.pub').read_text()}")
    flags = ("--yes", "--offline", "--no-push", "--only", "assess")
    assert cli("run", gitleaks, "--repo", acme, *flags).code == 0
    signed = cli("record", "--repo", acme, "--sign", "--key", key, "--json").document
    record = Path(signed["record"])
    printed = cli("record", "--repo", acme, "--json").out
    assert record.read_text() == printed, "what is signed is what the journal gives"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("record", "signature"):
        shutil.copy(signed[name], elsewhere)
    copy = elsewhere / "record.json"
    done = cli("record", "--check", copy, "--signers", allowed, "--json", cwd=elsewhere)
    assert done.code == 0, done.err
    assert done.document["signer"] == "ada@example.com"
    assert "ada@example.com" in cli("record", "--check", copy, "--signers", allowed).out

    document = json.loads(copy.read_text())
    copy.write_text(json.dumps({**document, "severity": "low"}))
    done = cli("record", "--check", copy, "--signers", allowed, "--json")
    assert done.code == 9
    assert done.document["error"]["code"] == "signature-error"
    (tmp_path / "nobody").write_text("")
    assert cli("record", "--check", record, "--signers", tmp_path / "nobody").code == 9
    assert cli("record", "--check", record, "--signers", tmp_path / "none").code == 2
    assert cli("record", "--check", allowed, "--signers", allowed).code == 2, "no .sig beside it"
    assert cli("record", "--check", record, "--repo", acme).code == 2, "no policy names a list"
