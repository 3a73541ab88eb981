"""A request for approval: read as it was written, and nothing else is taken for one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.errors import InputError
from remediate.incident import request as requests
from remediate.incident.request import Request, hash_of

PLAN = ("push to x: refs/heads/main a -> b", "push to x: refs/heads/sidé c -> d")
REQUEST = Request(
    schema=requests.SCHEMA,
    incident="INC-20260102-abcdef",
    stage="publish",
    title="Publish the clean history",
    repository="/src/app",
    remote=None,
    asked_at="2026-01-02T03:04:05.000Z",
    asked_by={"user": "ada", "email": None, "key": None},
    plan=PLAN,
    plan_hash=hash_of(PLAN),
    journal={"seq": 7, "seal": "ab" * 32},
)


def test_it_is_read_as_it_was_written() -> None:
    assert Request.of(REQUEST.to_bytes(), "r") == REQUEST
    assert Request.of(REQUEST.to_bytes(), "r").to_bytes() == REQUEST.to_bytes()


def test_a_plan_that_was_edited_is_told_to_the_second_person() -> None:
    edited = replace(REQUEST, plan=(*PLAN, "push to x: refs/heads/other e -> f"))
    with pytest.raises(InputError, match="fits its hash") as error:
        Request.of(edited.to_bytes(), "r.json")
    assert "Sign nothing" in error.value.hint


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_else_is_refused(data: st.DataObject) -> None:
    document = json.loads(REQUEST.to_bytes())
    value = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
    name = data.draw(st.sampled_from(sorted(document)))
    other = data.draw(value.filter(lambda v: v != document[name]))
    changed = {**document, name: other} if data.draw(st.booleans()) else {**document, "more": other}
    try:
        read = Request.of(json.dumps(changed).encode(), "r")
    except InputError:
        return
    assert read.plan == PLAN, "texts for people may differ; the plan may not"


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=40) | st.just(b"[" * 200_000))
def test_any_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(InputError):
        Request.of(content, "r")


def test_what_is_handed_in(tmp_path: Path) -> None:
    path = tmp_path / "approve.json"
    path.write_bytes(REQUEST.to_bytes())
    with pytest.raises(InputError, match=r"approve\.json\.sig"):
        requests.read(path)
    signature = requests.signature_path(path)
    signature.write_bytes(requests.signing.ARMOUR + b"\n")
    assert requests.read(path).request == REQUEST.to_bytes()
    assert requests.read(signature).request is None
    with pytest.raises(InputError):
        requests.read(tmp_path / "none")
    (tmp_path / "other").write_text("something else")
    with pytest.raises(InputError):
        requests.read(tmp_path / "other")
