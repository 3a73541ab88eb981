"""The half of a pair that a report leaves out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediate.history.repo import open_repo
from remediate.incident.intake import Intake, take_in
from remediate.plugins.report import Document
from remediate.secret import InstallationKey

KEY = InstallationKey(bytes(32))
ID = "AKIA" + "QYLPMN5HHHFPZAM2"
SECRET = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYzQm8Ttn4Kw"
OTHER = "bQ7mRkXw2LpZ9vNs4TtY" + "uHg6FdSa1JcVe8KiOpQz"


def taken(repository: Path, *values: str) -> Intake:
    return take_in(Document("-", "\n".join(values).encode()), open_repo(repository), KEY)


def parts(intake: Intake) -> list[dict[str, str]]:
    return [
        {part: intake.values[name].reveal_text() for part, name in one.parts.items()}
        for one in intake.credentials
    ]


@pytest.fixture
def commit(tmp_path: Path, bash: Callable[..., Any]) -> Callable[..., Path]:
    """A repository whose commits each write one file."""

    def make(**files: str) -> Path:
        repository = tmp_path / "shop"
        bash("git init -q shop")
        for name, text in files.items():
            (repository / name).write_text(text)
            bash(f"git -C shop add {name} && git -C shop commit -q -m {name}")
        return repository

    return make


def test_an_id_alone_finds_its_secret_wherever_in_history_it_stands(
    commit: Callable[..., Path],
) -> None:
    repository = commit(settings=f'id = "{ID}"\n\nsecret = "{SECRET}"\n')
    (repository / "settings").write_text("")
    assert parts(taken(repository, ID)) == [{"id": ID, "secret": SECRET}]


def test_the_nearest_is_it(commit: Callable[..., Path]) -> None:
    repository = commit(settings=f"a={ID}\nb={SECRET}\n\n\nc={OTHER}\n")
    assert parts(taken(repository, ID)) == [{"id": ID, "secret": SECRET}]


def test_of_two_as_near_none_is_guessed(commit: Callable[..., Path]) -> None:
    repository = commit(settings=f"b={OTHER}\na={ID}\nb={SECRET}\n")
    intake = taken(repository, ID)
    assert parts(intake) == [{"id": ID}]
    assert [u.reason for u in intake.unread] == [
        "more than one value that could be it stands near it"
    ]


def test_what_stands_far_away_or_looks_otherwise_is_not_it(commit: Callable[..., Path]) -> None:
    sha1 = "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"
    repository = commit(settings=f"a={ID}\nb={sha1}\n" + "\n" * 30 + f"c={SECRET}\n")
    intake = taken(repository, ID)
    assert parts(intake) == [{"id": ID}]
    assert not intake.unread


def test_an_id_that_stands_nowhere_stays_alone(commit: Callable[..., Path]) -> None:
    assert parts(taken(commit(readme="hello\n"), ID)) == [{"id": ID}]


def test_a_pair_that_the_report_holds_is_left_as_it_is(commit: Callable[..., Path]) -> None:
    repository = commit(settings=f"a={ID}\nb={OTHER}\n")
    assert parts(taken(repository, ID, SECRET)) == [{"id": ID, "secret": SECRET}]


def test_what_is_known_already_is_not_told_twice(commit: Callable[..., Path]) -> None:
    repository = commit(settings=f"a={ID}\nb={SECRET}\n")
    report = [
        {
            "RuleID": "x",
            "Secret": value,
            "File": "settings",
            "Commit": "",
            "StartLine": line,
            "EndLine": line,
            "Match": value,
            "Entropy": 4,
        }
        for line, value in ((1, ID), (2, SECRET))
    ]
    intake = take_in(Document("-", json.dumps(report).encode()), open_repo(repository), KEY)
    assert len(intake.secrets) == 2
    assert parts(intake) == [{"id": ID, "secret": SECRET}]
