"""Texts that patterns matched: known after they are gone from the history, or missed by name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from remediate.errors import CustodyError
from remediate.history.repo import Repo, open_repo
from remediate.incident import sealing
from remediate.incident.custody import Custody
from remediate.incident.rules import Ruled, keep_ruled, rule_needles
from remediate.secret import InstallationKey, Secret

USER_KEY = Secret(b"a user's own key")
TEXT = b"pin=Xy7kQ92mPw"


def _repo(path: Path, content: bytes) -> Repo:
    subprocess.run(["git", "init", "-q", str(path)], check=True)
    command = ["git", "-C", str(path), "hash-object", "-w", "--stdin"]
    subprocess.run(command, input=content, check=True, capture_output=True)
    return open_repo(path)


def _rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules"
    path.write_text("literal:written-out==>w\nregex:pin=(.).*==>pin=\\1.\n")
    return path


def _values(ruled: Ruled) -> dict[bytes, bytes]:
    return {needle.secret.reveal(): needle.replacement for needle in ruled.needles}


def test_what_was_matched_is_known_once_it_is_gone(
    tmp_path: Path, folder: Path, key: InstallationKey
) -> None:
    rules, seal = _rules(tmp_path), sealing.make(folder, USER_KEY, name="INC-1")
    ruled = rule_needles(rules, key, set(), _repo(tmp_path / "a", TEXT))
    assert _values(ruled) == {b"written-out": b"w", TEXT: b"pin=X."}
    assert ruled.insisted == {key.fingerprint(Secret(b"written-out"))}, "a match is no order"
    custody = Custody(folder, key, seal)
    keep_ruled(ruled, set(), custody, folder)
    assert list(custody.every()) == [], "what patterns match is not redacted for"
    assert not any(TEXT in path.read_bytes() for path in folder.iterdir())
    again = Custody(folder, key, sealing.unlock(folder, USER_KEY, name="INC-1"))
    cleaned = _repo(tmp_path / "b", b"pin=X.")
    later = rule_needles(rules, key, set(), cleaned, held=again.rules)
    assert _values(later) == _values(ruled)
    keep_ruled(later, set(), again, folder)
    again.empty()
    assert again.rules == ()


def test_what_is_lost_is_missed(tmp_path: Path, folder: Path, key: InstallationKey) -> None:
    rules, custody = _rules(tmp_path), Custody(folder, key, None)
    keep_ruled(rule_needles(rules, key, set(), _repo(tmp_path / "a", TEXT)), set(), custody, folder)
    there = rule_needles(rules, key, set(), open_repo(tmp_path / "a"))
    keep_ruled(there, set(), Custody(folder, key, None), folder)
    gone = rule_needles(rules, key, set(), _repo(tmp_path / "b", b"pin=X."))
    with pytest.raises(CustodyError, match="nobody can look"):
        keep_ruled(gone, set(), Custody(folder, key, None), folder)
    # A report may have named it meanwhile.
    keep_ruled(gone, {key.fingerprint(Secret(TEXT))}, Custody(folder, key, None), folder)


def test_no_rules_no_texts(tmp_path: Path, key: InstallationKey) -> None:
    assert rule_needles(None, key, set(), _repo(tmp_path / "a", TEXT)) == Ruled()
