from __future__ import annotations

import json

import pytest

from remediate.errors import ReportError
from remediate.plugins.report import Document
from remediate.reports.entries import Entry, entries


def read(text: str | bytes) -> list[Entry]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(entries(Document("r.json", data)))


def refused(text: str | bytes) -> ReportError:
    with pytest.raises(ReportError) as caught:
        read(text)
    assert caught.value.__context__ is None, "a JSONDecodeError holds the whole report"
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        '[{"a":1},{"a":2}]',
        '{"a":1}\n{"a":2}\n',
        '{"a":1}{"a":2}',
        '[{"a":1}][{"a":2}]',
        '[[{"a":1}],[{"a":2}]]',
        '[[{"a":1},{"a":2}],[]]',
        ' [ { "a" : 1 } ,\r\n { "a" : 2 } ] ',
    ],
    ids=["list", "lines", "one after another", "pages", "slurped", "an empty page", "spaces"],
)
def test_every_way_to_write_a_list_of_objects(text: str) -> None:
    assert [entry.number("a") for entry in read(text)] == [1, 2]


@pytest.mark.parametrize("text", ["", " \n", "[]", "[[]]", "[][]", " [ ] "])
def test_nothing_is_nothing(text: str) -> None:
    assert read(text) == []


def test_each_entry_knows_its_line() -> None:
    text = '\n[\n {"a": 1,\n  "b": 2},\n\n {"a": 3}, {"a": 4}\n]\n'
    assert [(e.name, e.line) for e in read(text)] == [
        ("entry 1", 3),
        ("entry 2", 6),
        ("entry 3", 6),
    ]


def test_an_error_names_entry_field_line_and_type() -> None:
    entry = read('[\n{"a": 1},\n{"a": null, "b": []}\n]')[1]
    assert entry.wrong("a", "text").message == (
        'r.json, line 3: expected text in field "a" of entry 2; found null.'
    )
    assert entry.wrong("b", "text").message.endswith("found a list.")
    assert entry.wrong("c", "text").message.endswith("found no such field.")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('[\n{"a": 1},\n{"a": ', 3, "the end of the text"),
        ('[\n{"a": 1},\n{"a": "unfinished\n', 3, "the end of the text"),
        ('[\n{"a": 1},\n', 2, "the end of the text"),
        ('[\n{"a": 1}\n', 2, "the end of the text"),
        ('[\n{"a": 1}\n{"a": 2}]', 3, "something else"),
        ('[\n{"a": 1,\n}]', 3, "something else"),
        ("[\n{'a': 1}]", 2, "something else"),
        ('[{"a": "x\ty"}]', 1, "something else"),
        ("[\n1\n]", 2, "a number"),
        ('[\n"x"]', 2, "text"),
        ("\nnull", 2, "null"),
        ('[[[{"a": 1}]]]', 1, "a list"),
        ('[{"a": 1}] x', 1, "something else"),
        ('[{"a": 1}]]', 1, "something else"),
        ('[\n{"a": {"b": 1, "b": 2}}]', 2, "one that stands there twice"),
        ('[\n{"a": NaN}]', 2, "NaN or Infinity"),
        ('[\n{"a": -Infinity}]', 2, "NaN or Infinity"),
        ('[\n{"a": 1e999}]', 2, "too large"),
        ('[\n{"a": ' + "9" * 5000 + "}]", 2, "a longer one"),
        ('[\n{"a": ' + "[" * 100_000, 2, "thousands of lists or objects"),
        ("[" * 100_000, 1, "thousands of lists or objects"),
        ('{"a":' * 100_000, 1, "thousands of lists or objects"),
    ],
)
def test_what_is_no_report_is_refused_with_its_line(text: str, line: int, what: str) -> None:
    error = refused(text)
    assert error.line == line
    assert what in error.message
    assert error.hint or what in ("a number", "text", "null", "a list")


def test_no_error_holds_a_name_or_a_value_of_the_report() -> None:
    for text in (
        '[{"hidden": "hidden", "hidden": 1}]',
        '[{"hidden": "hidden',
        '[{"hidden": hidden}]',
        '[{"hidden": "\\hidden"}]',
        '["hidden"]',
    ):
        error = refused(text)
        assert "hidden" not in error.message + error.hint


def test_fields_are_taken_only_as_what_they_have_to_be() -> None:
    entry = read(
        json.dumps(
            [
                {
                    "text": "x",
                    "number": 3,
                    "real": 1.5,
                    "flag": True,
                    "object": {"text": "y"},
                    "list": [{"text": "z"}],
                    "null": None,
                    "negative": -1,
                    "large": 1 << 40,
                    "mixed": [1],
                }
            ]
        )
    )[0]
    assert entry.text("text") == entry.optional_text("text") == "x"
    assert entry.number("number") == entry.optional_number("number") == 3
    assert entry.optional_real("real") == 1.5
    assert entry.optional_real("number") == 3.0
    assert entry.optional_flag("flag") is True
    inner = entry.optional_entry("object")
    assert inner is not None
    assert inner.text("text") == "y"
    assert inner.wrong("text", "a number").message.startswith(
        'r.json, line 1: expected a number in field "text" of field "object" of entry 1;'
    )
    assert [item.text("text") for item in entry.optional_entries("list")] == ["z"]
    for name in ("null", "missing"):
        assert entry.optional_text(name) == ""
        assert entry.optional_number(name) is None
        assert entry.optional_real(name) is None
        assert entry.optional_flag(name) is False
        assert entry.optional_entry(name) is None
        assert entry.optional_entries(name) == ()
    for take, name in (
        (entry.text, "number"),
        (entry.text, "null"),
        (entry.text, "missing"),
        (entry.number, "flag"),
        (entry.number, "real"),
        (entry.number, "negative"),
        (entry.number, "large"),
        (entry.optional_text, "flag"),
        (entry.optional_real, "flag"),
        (entry.optional_flag, "number"),
        (entry.optional_entry, "list"),
        (entry.optional_entries, "object"),
        (entry.optional_entries, "mixed"),
    ):
        with pytest.raises(ReportError, match=f'field "{name}" of entry 1'):
            take(name)


def test_half_a_character_is_no_text() -> None:
    entry = read('[{"a": "\\ud83d"}]')[0]
    with pytest.raises(ReportError, match="lone surrogate"):
        entry.text("a")


def test_an_entry_does_not_show_its_fields() -> None:
    assert "hidden" not in repr(read('[{"a": "hidden"}]')[0])
