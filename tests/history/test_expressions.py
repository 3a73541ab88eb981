from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediate.errors import ExitStatus, InputError, UsageError
from remediate.history.expressions import read_expressions, write_expressions
from remediate.history.model import Needle

_VALUES = st.binary(min_size=1, max_size=40).filter(lambda v: not set(v) & set(b"\r\n"))


@given(st.lists(_VALUES, unique=True, max_size=5))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_written_is_read_back(
    tmp_path: Path, make_needle: Callable[..., Needle], values: list[bytes]
) -> None:
    path = tmp_path / "expressions.txt"
    path.unlink(missing_ok=True)
    needles = [make_needle(value, f"kind{i}") for i, value in enumerate(values)]
    assert write_expressions(path, needles) == ()
    rules = [(rule.secret.reveal(), rule.replacement) for rule in read_expressions(path).literals]
    assert sorted(rules) == sorted((n.secret.reveal(), n.replacement) for n in needles)
    assert [len(old) for old, _ in rules] == sorted((len(v) for v in values), reverse=True)


@pytest.mark.parametrize("value", [b"a==>b", b"regex:a", b"glob:*", b"literal:x", b"==>", b"#x"])
def test_values_that_look_like_syntax(
    tmp_path: Path, make_needle: Callable[..., Needle], value: bytes
) -> None:
    path = tmp_path / "e"
    write_expressions(path, [make_needle(value)])
    (rule,) = read_expressions(path).literals
    assert rule.secret.reveal() == value and rule.replacement == b"REMOVED-secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_several_lines_are_left_out_and_named(
    tmp_path: Path, make_needle: Callable[..., Needle]
) -> None:
    key = make_needle("-----BEGIN X-----\nabc\n-----END X-----")
    assert write_expressions(tmp_path / "e", [key, make_needle("plain")]) == (key.id,)
    assert len(read_expressions(tmp_path / "e").literals) == 1


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_bytes(b"one\nliteral:two==>2\r\n\nthree==>\n\xff\xfe==>x\n")
    rules = [(rule.secret.reveal(), rule.replacement) for rule in read_expressions(path).literals]
    assert rules == [
        (b"one", b"***REMOVED***"),
        (b"two", b"2"),
        (b"three", b""),
        (b"\xff\xfe", b"x"),
    ]
    assert "two" not in repr(read_expressions(path))


def test_patterns_are_read_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(b"one\n\nregex:a+(b)==>\\1\r\nregex:\nglob:x?==>y==>z")
    read = read_expressions(tmp_path / "e")
    assert [rule.secret.reveal() for rule in read.literals] == [b"one", b"regex:"]
    first, second = read.patterns
    assert (first.line, first.regex.pattern, first.replacement) == (3, b"a+(b)", b"\\1")
    assert (second.line, second.regex.pattern, second.replacement) == (5, b"x.==>y", b"z")
    assert "a+" not in repr(read)


@pytest.mark.parametrize(
    "line",
    [
        b"regex:(secretpart==>x",
        b"regex:secretpart==>\\1",
        b"regex:a==>\\g<secretpart>",
        b"glob:\xff",
    ],
)
def test_a_faulty_pattern_is_told_by_its_line(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "e").write_bytes(b"fine\n" + line + b"\n")
    with pytest.raises(InputError) as caught:
        read_expressions(tmp_path / "e")
    assert caught.value.exit_status is ExitStatus.USAGE
    assert "line 2" in caught.value.message and "secretpart" not in caught.value.message


def test_what_cannot_be_read_says_so(tmp_path: Path, make_needle: Callable[..., Needle]) -> None:
    with pytest.raises(InputError) as caught:
        read_expressions(tmp_path / "none")
    assert caught.value.exit_status is ExitStatus.USAGE
    (tmp_path / "e").write_text("there")
    with pytest.raises(UsageError):
        write_expressions(tmp_path / "e", [make_needle("x")])
