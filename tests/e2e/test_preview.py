"""The preview a person judges, at the terminal and as a page for a reviewer: whole, and without a secret."""

from __future__ import annotations

import base64
import json
import re
import stat
from collections.abc import Callable
from html import unescape
from pathlib import Path
from urllib.parse import quote

from .conftest import Cli, tree_hash


def test_a_person_sees_what_changes_and_no_secret(
    cli: Cli, acme: Path, gitleaks: Path, tmp_path: Path
) -> None:
    page = tmp_path / "preview.html"
    before = tree_hash(acme)
    done = cli("preview", gitleaks, "--repo", acme, "--html", page, "--plain")
    assert done.code == 0, done.err
    assert tree_hash(acme) == before
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    text = page.read_text("utf-8")
    assert "<script" not in text and "http" not in text.replace('http-equiv="Content', "")
    for shown in (done.out, unescape(text)):
        assert "[github-pat]" in shown and "REMOVED-github-pat" in shown
        assert "refs/heads/main" in shown and ".env" in shown
        assert "irst committed" in shown and "in the history for" in shown.lower()
    for entry in json.loads(gitleaks.read_text()):
        value = entry["Secret"]
        lines = [line for line in value.splitlines() if len(line) >= 16 and "-----" not in line]
        for piece in lines:
            plain = piece.encode()
            forms = {piece, quote(piece, safe=""), plain.hex(), json.dumps(piece)[1:-1]}
            forms |= {base64.b64encode(b"x" * pad + plain)[4:-6].decode() for pad in range(3)}
            for form in forms:
                assert form not in text and form not in unescape(text) and form not in done.out


def test_a_diff_keeps_how_lines_are_set_in(
    cli: Cli, tmp_path: Path, bash: Callable[..., str]
) -> None:
    value = "a-value-" + "of-some-length"
    repository, values, page = tmp_path / "app", tmp_path / "values.txt", tmp_path / "page.html"
    repository.mkdir()
    (repository / "a.yml").write_text(f"app:\n    keys:\n\t- {value}\n    more: 1\n")
    bash("git init -q -b main && git add . && git commit -qm one", cwd=repository)
    values.write_text(value + "\n")
    done = cli("preview", values, "--repo", repository, "--html", page, "--plain")
    assert done.code == 0, done.err
    shown = page.read_text("utf-8").split('<pre class="diff"')[1].split("</pre>")[0]
    lines = re.findall(r"<span[^>]*>([^<]*)</span>", shown)
    assert lines == [
        "  app:",
        "      keys:",
        "-     - [secret]",
        "+     - REMOVED-secret",
        "      more: 1",
    ]


def test_signatures_that_go_are_counted_and_their_absence_is_said(
    cli: Cli, tmp_path: Path, bash: Callable[..., str]
) -> None:
    value = "a-value-" + "of-some-length"
    repository, values, page = tmp_path / "app", tmp_path / "values.txt", tmp_path / "page.html"
    repository.mkdir()
    values.write_text(value + "\n")
    (repository / "a.ini").write_text(f"key = {value}\n")
    bash("git init -q -b main && git add . && git commit -qm one", cwd=repository)
    unsigned = cli("preview", values, "--repo", repository, "--html", page)
    for text in (unsigned.out, page.read_text("utf-8")):
        assert "No signature goes." in text
    bash(
        f"""
        ssh-keygen -q -t ed25519 -N '' -f {tmp_path}/key
        git -c gpg.format=ssh -c user.signingkey={tmp_path}/key commit -q -S --amend -m one
        git reflog expire --expire=now --all
        """,
        cwd=repository,
    )
    signed = cli("preview", values, "--repo", repository, "--html", page)
    for text in (signed.out, page.read_text("utf-8")):
        assert "1 signature goes: made over the old bytes." in text
