from __future__ import annotations

import pytest

from remediate.plugins.report import Document
from remediate.reports.shape import Shape, shape_of


def shape(text: str) -> Shape:
    return shape_of(Document("r", text.encode()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Shape("")),
        ("plain", Shape("p")),
        ("<xml", Shape("<")),
        ("[]", Shape("[")),
        ("{}", Shape("{")),
        (' [ {"a": 1, "b": {"c": 2}} , {"d": 3}]', Shape("[", frozenset("ab"), frozenset("c"))),
        ('[[{"a": 1}]]', Shape("[", frozenset("a"))),
        ('{"a": [{"b": 1}]}', Shape("{", frozenset("a"), frozenset("b"))),
        ('{"a": 1}\n{"b": 2}\n', Shape("{", frozenset("a"), frozenset(), lines=True)),
        ('{"a": 1}', Shape("{", frozenset("a"))),
        ('[{"a": "x:y", "b\\"": "{"}]', Shape("[", frozenset(["a", 'b\\"']))),
        ('[{"a": "cut', Shape("[", frozenset("a"))),
        ('[{"a": "cut\\', Shape("[", frozenset("a"))),
        ("]}{[", Shape("]")),
    ],
)
def test_the_outline_of_a_report(text: str, expected: Shape) -> None:
    assert shape(text) == expected


def test_what_is_json_by_its_opening() -> None:
    assert shape("[").is_json
    assert shape("{").is_json
    assert not shape("x").is_json


def test_only_the_beginning_is_looked_at() -> None:
    far = '[{"a": "' + "x" * (1 << 20) + '", "b": 1}]'
    assert shape(far).names == {"a"}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ['\\"', "[", '{"a":', "\\", '"', '"a":', "{", "]"])
def test_a_megabyte_of_anything_takes_no_time(piece: str) -> None:
    shape('[{"a": "' + piece * ((1 << 20) // len(piece)))
    shape("[{" + piece * ((1 << 20) // len(piece)))
