"""The journal read by a person: each kind of row a sentence, and nothing in a row stops the reading."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.incident.rows import Kind, Row
from remediate.model import Json
from remediate.record.sentences import sentence

FINGERPRINT = "ab" * 32

SAID: list[tuple[Kind, dict[str, Json], str]] = [
    (Kind.OPENED, {"report": {"name": "gitleaks.json"}}, "Incident opened from gitleaks.json."),
    (
        Kind.SECRET,
        {"fingerprint": FINGERPRINT, "kind": "github-pat", "locations": [{}, {}]},
        "A github-pat leaked: abababababab, named at 2 places.",
    ),
    (Kind.CREDENTIAL, {"id": "aws:X", "kind": "k", "public_id": "AKIAX"}, "It is k AKIAX."),
    (
        Kind.CREDENTIAL,
        {"id": "aws:Y", "kind": "k", "labels": {"replaces": "aws:X"}},
        "k aws:Y was issued in place of aws:X.",
    ),
    (
        Kind.FACT,
        {"credential": "aws:X", "topic": "reach", "known": {"scopes": []}, "unknown": {"a": "b"}},
        "Learned of aws:X, reach: scopes; not known: a.",
    ),
    (Kind.INTENT, {"action": "revoke", "subject": "aws:X"}, "About to kill aws:X."),
    (Kind.OUTCOME, {"status": "done", "summary": "Killed it"}, "Done: Killed it."),
    (
        Kind.OUTCOME,
        {"status": "refused", "summary": "Not killed", "reason": "403"},
        "Refused: Not killed (403).",
    ),
    (Kind.STAGE_STARTED, {}, "Stage clean began."),
    (Kind.STAGE_FINISHED, {"status": "done", "summary": "s"}, "Stage clean ended: s."),
    (Kind.STAGE_SKIPPED, {"reason": "--offline"}, "Stage clean left out: --offline."),
    (
        Kind.CUSTODY,
        {"fingerprint": FINGERPRINT, "purpose": "revoke", "action": "take"},
        "The value abababababab was taken out of custody for revoke.",
    ),
    (
        Kind.CUSTODY,
        {
            "fingerprint": "",
            "fingerprints": ["a", "b"],
            "purpose": "x",
            "action": "take",
            "by": "me",
        },
        "2 values were taken out of custody for x, by me.",
    ),
    (
        Kind.CUSTODY,
        {"fingerprint": FINGERPRINT, "purpose": "the report", "action": "put"},
        "The value abababababab was put into custody (the report).",
    ),
    (
        Kind.CUSTODY,
        {"fingerprint": "", "purpose": "closing", "action": "emptied"},
        "Custody was emptied: no secret value is kept any more.",
    ),
    (Kind.POLICY, {"source": None, "changed": []}, "What is allowed stands in the defaults."),
    (Kind.POLICY, {"changed": ["a: b, now c"]}, "What is allowed has changed: a: b, now c."),
    (Kind.RESUMED, {"by": "ada"}, "Work went on, by ada."),
    (Kind.RESUMED, {}, "Work went on."),
    (Kind.REFUSAL, {"asked": "a", "why": "b"}, "Not done: a: b."),
    (Kind.ADVICE, {"text": "t"}, "Tip: t"),
    (
        Kind.VERIFIED,
        {"when": "after-purge", "clean": True, "remnants": [], "unreadable": []},
        "Searched (after-purge): 0 remnants, 0 things unreadable: clean.",
    ),
    (Kind.CONCLUDED, {"status": "clean", "exit": 0}, "The run ended: clean, exit 0."),
    (Kind.CLOSED, {}, "Incident closed."),
]


def row(kind: str, data: dict[str, Json]) -> Row:
    return Row(1, "2026-01-02T03:04:05.000Z", kind, "clean", "k", data)


@pytest.mark.parametrize(("kind", "data", "said"), SAID)
def test_what_each_row_says(kind: Kind, data: dict[str, Json], said: str) -> None:
    assert sentence(row(kind, data)) == said


def test_every_kind_has_a_sentence() -> None:
    for kind in Kind:
        assert "not known here" not in sentence(row(kind, {})), kind
    assert "from-the-future" in sentence(row("from-the-future", {}))


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from([str(kind) for kind in Kind]),
    data=st.dictionaries(
        st.sampled_from(
            ["fingerprint", "fingerprints", "kind", "labels", "known", "unknown", "changed",
             "report", "status", "summary", "locations", "remnants", "credential", "exit"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=2)
            | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            max_leaves=4,
        ),
        max_size=5,
    ),
)  # fmt: skip
def test_whatever_a_row_holds_it_is_read(kind: str, data: dict[str, Json]) -> None:
    assert isinstance(sentence(row(kind, data)), str)
