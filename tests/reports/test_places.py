from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.model import Location
from remediate.reports.places import is_commit, location, moment, repository_path, web_address


@pytest.mark.parametrize(
    ("given_path", "inside"),
    [
        (".env", ".env"),
        ("config/set tings é.py", "config/set tings é.py"),
        ("./a//b/./c", "a/b/c"),
        ("a.zip!inner/b.txt", "a.zip!inner/b.txt"),
        ("a..b/..c", "a..b/..c"),
    ],
)
def test_a_path_within_the_repository(given_path: str, inside: str) -> None:
    assert repository_path(given_path) == inside


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", ".", "./", "..", "a/../b", "../a", "/etc/passwd"),
        *("C:/a", "c:a", "a\\b", "\\\\host\\a"),
        *("a\0b", "a\nb", "a\x1b[2Jb", "a" * 5000),
    ],
)
def test_a_path_that_could_lead_out_is_none(path: str) -> None:
    assert repository_path(path) is None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=40))
def test_no_path_leads_out(path: str) -> None:
    inside = repository_path(path)
    if inside is not None:
        assert repository_path(inside) == inside
        assert not {"", ".", ".."} & set(inside.split("/"))


def test_a_commit_is_hex() -> None:
    assert is_commit("600f521")
    assert is_commit("a" * 64)
    assert not any(map(is_commit, ("", "abc", "HEAD", "--all", "a" * 65, "abcg", "abcd\n")))


def test_a_moment_needs_its_offset() -> None:
    assert moment("2026-11-23T23:50:00Z") == "2026-11-23T23:50:00Z"
    assert moment("2026-11-23T23:50:00+02:00")
    for text in ("", "2026-11-23T23:50:00", "yesterday", "292277026596-12-04T15:30:07Z"):
        assert moment(text) is None


def test_an_address_can_be_shown_and_is_on_the_web() -> None:
    assert web_address("https://github.com/acme/peer/issues/1") is not None
    for text in ("", "x", "javascript:alert(1)", "file:///etc/passwd", "https://", "https://[a"):
        assert web_address(text) is None
    assert web_address("https://a.example/\x1b[2J") is None
    assert web_address("https://a.example/a b") is None


def test_a_location_holds_only_what_can_be_believed() -> None:
    assert location(commit="ABCD", path="./a", start=3, end=2, date="x") == Location(
        commit="abcd", path="a", start_line=3, end_line=3
    )
    assert location(commit="HEAD", path="/a", start=3, end=4) == Location()
    assert location(path="a", start=0, end=0) == Location(path="a")
    assert location(path="a", start=2) == Location(path="a", start_line=2, end_line=2)
