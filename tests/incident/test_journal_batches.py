"""Several rows in one go: all or none, and a crash in the middle is no tampering."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from remediate.errors import TamperedError
from remediate.incident.journal import Journal
from remediate.incident.rows import Kind
from remediate.secret import InstallationKey

THREE = [(Kind.ADVICE, {"text": f"number {n}"}, f"k{n}") for n in range(3)]


def test_they_are_read_as_they_were_written(folder: Path, key: InstallationKey) -> None:
    with closing(Journal(folder, key)) as journal:
        first = journal.append(Kind.ADVICE, {"text": "before"})
        rows = journal.append_all(THREE, stage="clean")
        assert journal.append_all([], stage="clean") == []
        last = journal.append(Kind.ADVICE, {"text": "after"})
    with closing(Journal(folder, key)) as journal:
        assert list(journal.rows) == [first, *rows, last]
        assert [row.seq for row in journal.rows] == [1, 2, 3, 4, 5]
    assert len((folder / "journal.head").read_text().split()) == 2


def test_a_crash_before_the_new_head_is_no_tampering(folder: Path, key: InstallationKey) -> None:
    """The rows are there and the head still announces them: as a kill between the two leaves it."""
    with closing(Journal(folder, key)) as journal:
        journal.append(Kind.ADVICE, {"text": "before"})
        old = (folder / "journal.head").read_text().split()
        journal.append_all(THREE, stage="clean")
    (folder / "journal.head").write_text(f"{old[0]} {old[1]} 3\n")
    with closing(Journal(folder, key)) as journal:
        assert len(journal.rows) == 4
    assert (folder / "journal.head").read_text().split()[0] == "4"


def test_a_crash_before_the_rows_is_none_either(folder: Path, key: InstallationKey) -> None:
    with closing(Journal(folder, key)) as journal:
        journal.append(Kind.ADVICE, {"text": "before"})
    old = (folder / "journal.head").read_text().split()
    (folder / "journal.head").write_text(f"{old[0]} {old[1]} 3\n")
    with closing(Journal(folder, key)) as journal:
        assert len(journal.rows) == 1


@pytest.mark.parametrize("announced", ["", " 2"])
def test_more_rows_than_were_announced_are_told(
    folder: Path, key: InstallationKey, announced: str
) -> None:
    with closing(Journal(folder, key)) as journal:
        journal.append(Kind.ADVICE, {"text": "before"})
        old = (folder / "journal.head").read_text().split()
        journal.append_all(THREE, stage="clean")
    (folder / "journal.head").write_text(f"{old[0]} {old[1]}{announced}\n")
    with pytest.raises(TamperedError):
        Journal(folder, key)


def test_rows_cut_off_are_told_whatever_the_head_announces(
    folder: Path, key: InstallationKey
) -> None:
    with closing(Journal(folder, key)) as journal:
        journal.append_all(THREE, stage="clean")
    with closing(Journal(folder, key)) as journal:
        journal._db.execute("DELETE FROM rows WHERE seq = 3")
    seq, seal = (folder / "journal.head").read_text().split()
    (folder / "journal.head").write_text(f"{seq} {seal} 3\n")
    with pytest.raises(TamperedError):
        Journal(folder, key)


def test_one_that_can_not_be_kept_leaves_none(folder: Path, key: InstallationKey) -> None:
    with closing(Journal(folder, key)) as journal:
        with pytest.raises(TypeError):
            journal.append_all([*THREE, (Kind.ADVICE, {"text": object()}, None)], stage=None)  # type: ignore[dict-item]
        journal.append(Kind.ADVICE, {"text": "after"})
    with closing(Journal(folder, key)) as journal:
        assert [row.data["text"] for row in journal.rows] == ["after"]
