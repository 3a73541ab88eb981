"""Custody and its seal: values outlive a crash where a key is given, and are never in clear."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remediate.errors import CustodyError, StateError
from remediate.incident import sealing
from remediate.incident.custody import Custody
from remediate.secret import InstallationKey, Secret

VALUE = Secret(b"a-new-value-" + b"42")
USER_KEY = Secret(b"a user's own key")


def test_without_a_key_values_stay_in_memory(folder: Path, key: InstallationKey) -> None:
    assert sealing.make(folder, None, name="INC-1") is None
    custody = Custody(folder, key, None)
    name = custody.put(VALUE)
    assert custody.take(name) == VALUE
    assert not custody.persistent
    assert list(folder.iterdir()) == []
    with pytest.raises(CustodyError, match="not in custody") as error:
        Custody(folder, key, None).take(name)
    assert "--report" in error.value.hint


def test_with_a_key_they_come_back(folder: Path, key: InstallationKey) -> None:
    seal = sealing.make(folder, USER_KEY, name="INC-1")
    name = Custody(folder, key, seal).put(VALUE)
    again = Custody(folder, key, sealing.unlock(folder, USER_KEY, name="INC-1"))
    assert again.take(name) == VALUE
    assert again.persistent


def test_nothing_on_disk_shows_a_value(folder: Path, key: InstallationKey) -> None:
    custody = Custody(folder, key, sealing.make(folder, USER_KEY, name="INC-1"))
    custody.put_all([VALUE, Secret(b"another-value-of-some-length")])
    for path in folder.rglob("*"):
        data = path.read_bytes()
        for needle in (VALUE.reveal(), USER_KEY.reveal(), b"AGE-SECRET-KEY", b"another-value"):
            assert needle not in data, path


@pytest.mark.parametrize("given", [None, Secret(b"another key given")])
def test_a_wrong_or_missing_key_is_told(
    folder: Path, key: InstallationKey, given: Secret | None
) -> None:
    sealing.make(folder, USER_KEY, name="INC-1")
    with pytest.raises(CustodyError) as error:
        sealing.unlock(folder, given, name="INC-1")
    assert "--key-file" in error.value.hint


def test_a_damaged_seal_is_told(folder: Path) -> None:
    sealing.make(folder, USER_KEY, name="INC-1")
    (folder / "seal.json").write_text("{}")
    with pytest.raises(StateError, match="damaged"):
        sealing.unlock(folder, USER_KEY, name="INC-1")


def test_a_doctored_seal_does_not_eat_the_machine(folder: Path) -> None:
    sealing.make(folder, USER_KEY, name="INC-1")
    document = json.loads((folder / "seal.json").read_text())
    document["wrap"]["n"] = 2**40
    (folder / "seal.json").write_text(json.dumps(document))
    with pytest.raises(CustodyError):
        sealing.unlock(folder, USER_KEY, name="INC-1")


def test_damaged_custody_is_told(folder: Path, key: InstallationKey) -> None:
    seal = sealing.make(folder, USER_KEY, name="INC-1")
    Custody(folder, key, seal).put(VALUE)
    (folder / "custody.age").write_bytes(b"garbage")
    with pytest.raises(CustodyError, match="damaged"):
        Custody(folder, key, seal)


def test_emptied_is_empty(folder: Path, key: InstallationKey) -> None:
    custody = Custody(folder, key, sealing.make(folder, USER_KEY, name="INC-1"))
    name = custody.put(VALUE)
    custody.empty()
    assert custody.get(name) is None
    assert custody.every() == []
    assert not (folder / "custody.age").exists()


def test_key_files(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"0123456789\r\n")
    assert sealing.read_key_file(file) == Secret(b"0123456789")
    file.write_bytes(b"short\n")
    with pytest.raises(CustodyError, match="8 bytes"):
        sealing.read_key_file(file)
    with pytest.raises(CustodyError, match="can't be read"):
        sealing.read_key_file(tmp_path / "none")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"wrap":' * 100_000, "[]", "null", "\xff", ""])
def test_a_seal_of_nonsense_is_told(folder: Path, text: str) -> None:
    (folder / "seal.json").write_text(text)
    assert sealing.wants_key(folder) is False
    with pytest.raises(StateError, match="damaged"):
        sealing.unlock(folder, None, name="INC-1")
