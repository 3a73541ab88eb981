"""The state folder: ours alone, and the key in it."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from remediate.errors import StateError
from remediate.incident.home import Home, home_path, private_folder, write_private
from remediate.secret import InstallationKey, Secret


def test_remediate_home_moves_all_state(tmp_path: Path) -> None:
    assert home_path({"REMEDIATE_HOME": str(tmp_path / "x")}) == tmp_path / "x"
    assert home_path({}).name == "remediate"


def test_folders_and_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        home = Home(tmp_path / "deep" / "home")
        home.installation_key()
        write_private(home.path / "f", b"x")
    finally:
        os.umask(old)
    for path in [home.path, *home.path.rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_a_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "home").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="link"):
        private_folder(tmp_path / "home")


def test_an_open_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o755)
    with pytest.raises(StateError, match="opened by others"):
        private_folder(tmp_path / "home")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StateError):
        private_folder(tmp_path / "home")


def test_the_key_is_made_once(tmp_path: Path) -> None:
    secret = Secret(b"a value")
    names = {Home(tmp_path / "h").installation_key().fingerprint(secret) for _ in range(3)}
    assert len(names) == 1


def test_two_first_runs_agree_on_one_key(tmp_path: Path) -> None:
    home = Home(tmp_path / "h")
    found: list[str] = []
    barrier = threading.Barrier(6)

    def ask() -> None:
        barrier.wait()
        found.append(home.installation_key().fingerprint(Secret(b"v")))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1


@pytest.mark.parametrize("content", ["", "zz", "00" * 31, "00" * 33, "\x00"])
def test_a_damaged_key_is_told_not_replaced(tmp_path: Path, content: str) -> None:
    home = Home(tmp_path / "h")
    write_private(home.path / "installation.key", content.encode())
    with pytest.raises(StateError, match="installation key"):
        home.installation_key()
    assert (home.path / "installation.key").read_text() == content


def test_a_key_that_others_can_read_is_told(tmp_path: Path) -> None:
    home = Home(tmp_path / "h")
    home.installation_key()
    (home.path / "installation.key").chmod(0o644)
    with pytest.raises(StateError, match="private"):
        home.installation_key()


def test_write_private_replaces_whole_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_private(path, b"one")
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_folder_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="can't be written") as error:
        write_private(tmp_path / "no" / "f", b"x")
    assert "resume" in error.value.hint


def test_key_material_is_never_in_a_repr(tmp_path: Path) -> None:
    key = Home(tmp_path / "h").installation_key()
    assert isinstance(key, InstallationKey)
    assert (tmp_path / "h" / "installation.key").read_text().strip() not in repr(key)
