"""Whatever the bytes: a report, or a `ReportError` that tells no value. Nothing else, ever."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.errors import ReportError
from remediate.plugins.registry import reports
from remediate.plugins.report import Document
from remediate.reports.read import Report, read_report
from remediate.reports.recover import look

SAMPLES = Path(__file__).resolve().parents[2] / "fixtures" / "reports"
TRUTH = json.loads((SAMPLES / "planted.json").read_text("utf-8"))
WHOLE = {
    path.name: path.read_bytes()
    for path in sorted(SAMPLES.iterdir())
    if not path.name.endswith(".expected.json")
}
FORMATS = tuple(reports)
READABLE = tuple(name for name in WHOLE if (SAMPLES / f"{name}.expected.json").exists())
LISTS = tuple(name for name in READABLE if name.endswith((".json", ".sarif")))
LINES = tuple(name for name in READABLE if name.endswith(".jsonl"))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def read_or_refuse(data: bytes) -> Report | None:
    """What the reader makes of *data*, and each format of its own; nothing escapes but `ReportError`."""
    document = Document("fuzz", data)
    for format_ in FORMATS:
        recognised = format_.recognises(document)
        assert isinstance(recognised, bool)
        try:
            format_.read(document)
        except ReportError as error:
            fit(error)
    try:
        report = read_report(document)
    except ReportError as error:
        fit(error)
        return None
    for finding in report.findings:
        looked = look(finding, lambda _commit, _path: data[:2000])
        assert looked.value is not None or looked.reason
    return report


def fit(error: ReportError) -> None:
    told = error.message + error.hint
    assert not any(value in told for value in TRUTH.values())
    assert error.exit_status == 2
    assert error.__context__ is None
    assert told.isprintable()
    assert len(told) < 1000


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(
        [b"", b"[", b"{", b"[{", b'[{"RuleID":', b"\xff\xfe", b"\xef\xbb\xbf", b"<", b"#"]
    ),
    st.binary(max_size=300),
)
def test_any_bytes(opening: bytes, rest: bytes) -> None:
    read_or_refuse(opening + rest)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    read_or_refuse(text.encode("utf-8", "surrogatepass"))
    read_or_refuse(text.encode("utf-16", "surrogatepass"))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(JSON)
def test_any_json(value: Any) -> None:
    read_or_refuse(json.dumps(value).encode())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_any_sample_cut_anywhere(data: st.DataObject) -> None:
    whole = WHOLE[data.draw(st.sampled_from(sorted(WHOLE)))]
    start = data.draw(st.integers(0, len(whole)) | st.just(0))
    end = data.draw(st.integers(start, len(whole)))
    read_or_refuse(whole[start:end])


@pytest.mark.parametrize("name", LISTS)
def test_a_json_sample_cut_within_is_never_taken_for_whole(name: str) -> None:
    whole = WHOLE[name].rstrip()
    for end in range(1, len(whole), max(23, len(whole) // 100)):
        assert read_or_refuse(whole[:end]) is None


@pytest.mark.parametrize("name", [n for n in LINES if not n.startswith("trufflehog")])
def test_json_lines_without_the_last_are_never_taken_for_whole(name: str) -> None:
    """trufflehog's have no last line that would tell."""
    lines = WHOLE[name].splitlines(keepends=True)
    for end in range(1, len(lines)):
        assert read_or_refuse(b"".join(lines[:end])) is None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_any_sample_with_bytes_changed(data: st.DataObject) -> None:
    whole = bytearray(WHOLE[data.draw(st.sampled_from(sorted(WHOLE)))])
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(bytes(whole))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_any_field_removed_renamed_or_replaced(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from((*LISTS, *LINES)))
    # JSON Lines as a list: every reader takes either.
    whole = (
        json.loads(WHOLE[name])
        if name in LISTS
        else list(map(json.loads, WHOLE[name].splitlines()))
    )
    entries = copy.deepcopy(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        holder = data.draw(st.sampled_from(objects(entries)))
        if not holder:
            continue
        name = data.draw(st.sampled_from(sorted(holder)))
        change = data.draw(st.sampled_from(["remove", "rename", "replace", "twice"]))
        value = holder.pop(name)
        if change == "rename":
            holder[data.draw(st.text(max_size=8))] = value
        elif change == "replace":
            holder[name] = data.draw(JSON)
        elif change == "twice":
            holder[name] = [value, value]
    read_or_refuse(json.dumps(entries).encode())


def objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(o for inner in value.values() for o in objects(inner))]
    if isinstance(value, list):
        return [o for inner in value for o in objects(inner)]
    return []
