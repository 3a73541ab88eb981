"""Raw answers: kept for forensics, private, and without secrets."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from remediate.incident.answers import REMOVED, Answers, scrubbed
from remediate.incident.redaction import redactor
from remediate.secret import Secret

LEAKED = "ghp_" + "k3Y9" * 9


def answers(folder: Path) -> Answers:
    return Answers(folder, lambda: redactor([Secret(LEAKED)]))


def test_they_are_private_numbered_and_told_by_their_hash(folder: Path) -> None:
    kept = answers(folder)
    kept.keep("github:1a2b", "audit-log-acme", b'[{"action": "repo.access", "actor": "mallory"}]')
    kept.keep("github:1a2b", "audit-log-acme", [{"action": "repo.destroy"}])
    files = kept.of("github:1a2b")
    assert list(files) == [
        "0001-github-1a2b-audit-log-acme.json",
        "0002-github-1a2b-audit-log-acme.json",
    ]
    for name, digest in files.items():
        path = folder / "answers" / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert "mallory" in (folder / "answers" / next(iter(files))).read_text()
    assert kept.of("aws:AKIA") == {}


def test_no_secret_is_in_them_known_or_not(folder: Path) -> None:
    """The leaked value wherever it stands; any other under a name that only secrets have."""
    kept = answers(folder)
    event = {
        "responseElements": {"accessKey": {"secretAccessKey": "another", "accessKeyId": "AKIA1"}}
    }
    data = {
        "note": f"with {LEAKED}",
        "hashed_token": "c2hh",
        "Events": [{"CloudTrailEvent": json.dumps(event)}],
        "webhook": {"secret": "whsec", "id": "we_1"},
    }
    kept.keep("x:1", "any", json.dumps(data).encode())
    text = next((folder / "answers").iterdir()).read_text()
    for value in (LEAKED, "another", "whsec"):
        assert value not in text
    for fact in ("AKIA1", "we_1", "c2hh"):
        assert fact in text


def test_what_is_no_json_is_kept_as_it_is(folder: Path) -> None:
    kept = answers(folder)
    kept.keep("x:1", "page", b"<html>out of order</html>\xff")
    assert "out of order" in next((folder / "answers").iterdir()).read_text()


def test_a_later_run_goes_on_counting(folder: Path) -> None:
    answers(folder).keep("x:1", "a", b"{}")
    answers(folder).keep("x:1", "a", b"{}")
    assert len(list((folder / "answers").iterdir())) == 2


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_any_json_keeps_its_shape(data: object) -> None:
    assert json.dumps(scrubbed({"password": "x", "data": data})).startswith(
        json.dumps({"password": REMOVED})[:-1]
    )
