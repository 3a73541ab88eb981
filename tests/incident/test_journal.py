"""The journal: what was written is read again, and nobody else's pen goes unnoticed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediate.errors import ExitStatus, StateError, TamperedError
from remediate.incident.journal import Journal
from remediate.incident.rows import Kind
from remediate.secret import InstallationKey

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def filled(folder: Path, key: InstallationKey, number: int = 5) -> None:
    with closing(Journal(folder, key)) as journal:
        for n in range(number):
            journal.append(Kind.ADVICE, {"text": f"number {n}"}, stage="clean", key=f"k{n}")


def test_rows_are_read_as_they_were_written(folder: Path, key: InstallationKey) -> None:
    with closing(Journal(folder, key, now=lambda: "2026-01-02T03:04:05.000Z")) as journal:
        row = journal.append(Kind.INTENT, {"action": "revoke", "é\x00": [1, None]}, key="k")
    with closing(Journal(folder, key)) as journal:
        assert journal.rows == (row,)
        assert row.seq == 1
        assert row.at == "2026-01-02T03:04:05.000Z"


def test_rows_are_the_same_in_memory_as_on_disk(folder: Path, key: InstallationKey) -> None:
    """In their keys' order too: the record goes through them in it."""
    with closing(Journal(folder, key)) as journal:
        journal.append(Kind.FACT, {"b": {"z": 1, "a": (2, 3)}, "a": None})
        here = journal.rows
    with closing(Journal(folder, key)) as journal:
        assert repr(journal.rows) == repr(here)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(datas=st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=4))
def test_any_data_survives(
    datas: list[dict[str, object]], key: InstallationKey, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("j")
    with closing(Journal(folder, key)) as journal:
        for data in datas:
            journal.append(Kind.ADVICE, data)  # type: ignore[arg-type]
    with closing(Journal(folder, key)) as journal:
        assert [row.data for row in journal.rows] == datas


def test_a_crash_between_row_and_head_is_no_tampering(folder: Path, key: InstallationKey) -> None:
    filled(folder, key, 3)
    before = (folder / "journal.head").read_bytes()
    with closing(Journal(folder, key)) as journal:
        journal.append(Kind.ADVICE, {"text": "last"})
    (folder / "journal.head").write_bytes(before)
    with closing(Journal(folder, key)) as journal:
        assert len(journal.rows) == 4
    assert (folder / "journal.head").read_bytes() != before, "the head was mended"


def test_a_crash_in_the_very_first_row(folder: Path, key: InstallationKey) -> None:
    filled(folder, key, 1)
    (folder / "journal.head").unlink()
    with closing(Journal(folder, key)) as journal:
        assert len(journal.rows) == 1


def sql(text: str) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "journal.db")) as db:
            db.execute(text)
            db.commit()

    return do


def rolled_back(folder: Path) -> None:
    sql("DELETE FROM rows WHERE seq > 2")(folder)


def loosened(folder: Path) -> None:
    """The table made anew without its types, and blobs where texts were."""
    for text in (
        "CREATE TABLE loose AS SELECT * FROM rows",
        "DROP TABLE rows",
        "ALTER TABLE loose RENAME TO rows",
        "UPDATE rows SET data = x'ff', seal = '' WHERE seq = 3",
    ):
        sql(text)(folder)


TAMPERING = {
    "another table": loosened,
    "edited": sql('UPDATE rows SET data = \'{"text":"forged"}\' WHERE seq = 2'),
    "time changed": sql("UPDATE rows SET at = '2020-01-01T00:00:00.000Z' WHERE seq = 2"),
    "kind changed": sql("UPDATE rows SET kind = 'closed' WHERE seq = 5"),
    "cut out": sql("DELETE FROM rows WHERE seq = 3"),
    "cut off": sql("DELETE FROM rows WHERE seq = 5"),
    "reordered": sql(
        "UPDATE rows SET seq = CASE seq WHEN 2 THEN 30 ELSE 2 END WHERE seq IN (2, 3)"
    ),
    "added": sql(
        "INSERT INTO rows SELECT 6, at, kind, stage, key, data, seal FROM rows WHERE seq=5"
    ),
    "not JSON": sql("UPDATE rows SET data = 'x' WHERE seq = 4"),
    "rolled back": rolled_back,
    "emptied": sql("DELETE FROM rows"),
    "head gone": lambda folder: (folder / "journal.head").unlink(),
    "head forged": lambda folder: (folder / "journal.head").write_text("4 " + "0" * 64),
    "head garbage": lambda folder: (folder / "journal.head").write_bytes(b"\xff\x00"),
    "no database": lambda folder: (folder / "journal.db").write_bytes(b"not a database at all, no"),
}


@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_is_told(folder: Path, key: InstallationKey, how: str) -> None:
    filled(folder, key)
    TAMPERING[how](folder)
    with pytest.raises((TamperedError, StateError)) as error:
        Journal(folder, key)
    assert error.value.exit_status in (ExitStatus.TAMPERED, ExitStatus.USAGE)
    if how != "no database":
        assert isinstance(error.value, TamperedError)
    assert error.value.hint


def test_an_older_copy_put_back_whole_is_told(
    folder: Path, key: InstallationKey, tmp_path: Path
) -> None:
    filled(folder, key, 2)
    shutil.copy(folder / "journal.db", tmp_path / "old")
    filled(folder, key, 3)
    for name in ("journal.db-wal", "journal.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "old", folder / "journal.db")
    with pytest.raises(TamperedError):
        Journal(folder, key)


def test_the_whole_folder_rolled_back_is_told_by_the_head_kept_elsewhere(
    folder: Path, key: InstallationKey, tmp_path: Path
) -> None:
    witness = tmp_path / "heads"
    for number in (2, 3):
        with closing(Journal(folder, key, witness=witness)) as journal:
            for _ in range(number):
                journal.append(Kind.ADVICE, {"text": "x"})
        if number == 2:
            shutil.copytree(folder, tmp_path / "old")
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "old", folder)
    with closing(Journal(folder, key)) as journal:
        assert len(journal.rows) == 2, "in itself it is whole"
    for reader in (True, False):
        with pytest.raises(TamperedError, match="rolled back"):
            Journal(folder, key, witness=witness, reader=reader)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_crash_between_the_two_heads_is_no_tampering(
    folder: Path, key: InstallationKey, tmp_path: Path, lost: int
) -> None:
    witness = tmp_path / "head"
    with closing(Journal(folder, key, witness=witness)) as journal:
        journal.append(Kind.ADVICE, {"text": "first"})
        paths = [witness, folder / "journal.head"][:lost]
        before = [path.read_bytes() for path in paths]
        journal.append(Kind.ADVICE, {"text": "last"})
    for path, content in zip(paths, before, strict=True):
        path.write_bytes(content)
    with closing(Journal(folder, key, witness=witness, reader=True)) as journal:
        assert len(journal.rows) == 2
    assert [path.read_bytes() for path in paths] == before, "a reader mends nothing"
    with closing(Journal(folder, key, witness=witness)) as journal:
        assert len(journal.rows) == 2
    assert witness.read_bytes() == (folder / "journal.head").read_bytes()


def opened_under(schema: int, folder: Path, key: InstallationKey, witness: Path) -> None:
    with closing(Journal(folder, key, witness=witness)) as journal:
        journal.append(Kind.OPENED, {"schema": schema})
        journal.append(Kind.ADVICE, {"text": "x"})
    witness.unlink()


def test_a_second_head_that_is_gone_is_told_where_there_was_one(
    folder: Path, key: InstallationKey, tmp_path: Path
) -> None:
    opened_under(2, folder, key, tmp_path / "head")
    with pytest.raises(TamperedError):
        Journal(folder, key, witness=tmp_path / "head")


def test_a_journal_from_before_there_was_one_gets_it(
    folder: Path, key: InstallationKey, tmp_path: Path
) -> None:
    opened_under(1, folder, key, tmp_path / "head")
    with closing(Journal(folder, key, witness=tmp_path / "head")):
        assert (tmp_path / "head").read_bytes() == (folder / "journal.head").read_bytes()


def test_readers_beside_a_writer_never_cry_wolf(folder: Path, key: InstallationKey) -> None:
    """`log --follow` and `list` look on while a run writes; they see a whole journal each time."""
    done = threading.Event()
    wrong: list[BaseException] = []
    seen: list[int] = []

    def look() -> None:
        while not done.is_set():
            try:
                with closing(Journal(folder, key, reader=True)) as journal:
                    seen.append(len(journal.rows))
            except BaseException as error:
                wrong.append(error)
                return

    with closing(Journal(folder, key)) as journal:
        journal.append(Kind.ADVICE, {"text": "first"})
        readers = [threading.Thread(target=look) for _ in range(3)]
        for reader in readers:
            reader.start()
        for number in range(150):
            journal.append(Kind.ADVICE, {"text": str(number)})
        done.set()
        for reader in readers:
            reader.join()
    assert not wrong
    assert seen
    assert max(seen) > min(seen)
    with closing(Journal(folder, key)) as journal:
        assert len(journal.rows) == 151


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    row=st.integers(1, 4),
    column=st.sampled_from(["at", "kind", "stage", "key", "data", "seal"]),
    value=st.none() | st.text(max_size=20) | st.binary(max_size=20) | st.integers(),
)
def test_any_other_content_anywhere_is_told(
    row: int,
    column: str,
    value: object,
    key: InstallationKey,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("j")
    filled(folder, key, 4)
    with closing(sqlite3.connect(folder / "journal.db")) as db:
        before = db.execute("SELECT * FROM rows").fetchall()
        try:
            db.execute(f"UPDATE rows SET {column} = ? WHERE seq = ?", (value, row))
        except (sqlite3.Error, UnicodeEncodeError, OverflowError):
            return
        db.commit()
        if db.execute("SELECT * FROM rows").fetchall() == before:
            return
    with pytest.raises(TamperedError):
        Journal(folder, key)


def test_another_installations_key_does_not_fit(folder: Path, key: InstallationKey) -> None:
    filled(folder, key)
    with pytest.raises(TamperedError):
        Journal(folder, InstallationKey(b"x" * 32))


def test_nothing_is_readable_by_others_whatever_the_umask(
    folder: Path, key: InstallationKey
) -> None:
    old = os.umask(0)
    try:
        with closing(Journal(folder, key)) as journal:
            journal.append(Kind.ADVICE, {"text": "x"})
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()}
    finally:
        os.umask(old)
    assert {"journal.db", "journal.db-wal", "journal.db-shm", "journal.head"} <= set(modes)
    assert set(modes.values()) == {0o600}, modes


def test_a_newer_schema_is_refused(folder: Path, key: InstallationKey) -> None:
    with closing(Journal(folder, key)) as journal:
        journal.append(Kind.OPENED, {"schema": 99})
    with pytest.raises(StateError, match="newer remediate"):
        Journal(folder, key)
