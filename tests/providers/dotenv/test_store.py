"""The .env store on real files in real repositories: what is refused, kept, read back."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from dotenv import dotenv_values

from remediate.errors import UsageError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.surroundings import surroundings
from remediate_providers.dotenv.store import DotenvStore

VALUE = Secret("new $value")
ONE = {"value": VALUE}


@pytest.fixture
def vendor() -> VendorContext:
    return surroundings({})


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    root.mkdir()
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / ".gitignore").write_text(".env\n.env.*\n")
    return root


def target(root: Path | None, place: str = ".env", **keys: str | None) -> Target:
    pairs = tuple((keys or {"API_KEY": None}).items())
    names = ",".join(k if p is None else f"{k}={p}" for k, p in pairs)
    return Target("dotenv", place, pairs, f"dotenv:{place}#{names}", root)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_new_file_is_private_and_read_back(repo: Path, vendor: VendorContext) -> None:
    old = os.umask(0)
    try:
        outcome = DotenvStore().put(target(repo), ONE, vendor)
    finally:
        os.umask(old)
    assert outcome.status is Status.DONE
    assert mode(repo / ".env") == 0o600
    assert dotenv_values(repo / ".env") == {"API_KEY": "new $value"}
    assert outcome.data["warnings"] == []
    assert "value" not in repr(outcome).replace("the new value", "")
    assert sorted(p.name for p in repo.iterdir()) == [".env", ".git", ".gitignore"]


def test_everything_else_in_the_file_stays(repo: Path, vendor: VendorContext) -> None:
    file = repo / ".env"
    file.write_bytes(b"# ours\r\nexport API_KEY='old' # paid\r\n\r\nOTHER=\xff1\r\n")
    file.chmod(0o640)
    store = DotenvStore()
    assert store.put(target(repo), ONE, vendor).status is Status.DONE
    assert file.read_bytes() == (
        b"# ours\r\nexport API_KEY='new $value' # paid\r\n\r\nOTHER=\xff1\r\n"
    )
    assert mode(file) == 0o640, "a group was let in on purpose"
    assert store.holds(target(repo), ONE, vendor) is True
    assert store.holds(target(repo), {"value": Secret("else")}, vendor) is False


def test_a_file_that_everyone_could_read_is_closed(repo: Path, vendor: VendorContext) -> None:
    file = repo / ".env"
    file.write_text("A=1\n")
    file.chmod(0o644)
    outcome = DotenvStore().put(target(repo), ONE, vendor)
    assert mode(file) == 0o600
    assert outcome.data["warnings"] == ["its mode was 0644 and is now 0600"]


def test_writing_the_same_again_changes_nothing(repo: Path, vendor: VendorContext) -> None:
    store = DotenvStore()
    store.put(target(repo), ONE, vendor)
    before = (repo / ".env").stat()
    assert store.put(target(repo), ONE, vendor).status is Status.UNCHANGED
    assert (repo / ".env").stat().st_ino == before.st_ino


def test_a_pair_goes_in_together(repo: Path, vendor: VendorContext) -> None:
    both = target(repo, ID="id", SECRET="secret")
    new = {"id": Secret("AK1"), "secret": Secret("s/+=")}
    assert DotenvStore().put(both, new, vendor).status is Status.DONE
    assert dotenv_values(repo / ".env") == {"ID": "AK1", "SECRET": "s/+="}


def test_of_a_pair_that_can_not_be_written_nothing_is(repo: Path, vendor: VendorContext) -> None:
    both = target(repo, ID="id", SECRET="secret")
    new = {"id": Secret("AK1"), "secret": Secret("it's ${HOME}")}
    outcome = DotenvStore().put(both, new, vendor)
    assert outcome.status is Status.REFUSED
    assert "HOME" not in outcome.reason
    assert not (repo / ".env").exists()


def test_a_file_that_git_does_not_ignore_is_warned_about(repo: Path, vendor: VendorContext) -> None:
    outcome = DotenvStore().put(target(repo, "settings.txt"), ONE, vendor)
    assert outcome.status is Status.DONE
    assert ".gitignore" in str(outcome.data["warnings"])


@pytest.mark.parametrize("name", [".env", "a[b]*.env"])
def test_a_tracked_file_is_refused(repo: Path, vendor: VendorContext, name: str) -> None:
    (repo / name).write_text("API_KEY=old\n")
    subprocess.run(["git", "--literal-pathspecs", "add", "-f", name], cwd=repo, check=True)
    with pytest.raises(UsageError, match="tracks"):
        DotenvStore().validate(target(repo, name))
    with pytest.raises(UsageError, match="tracks"):
        DotenvStore().validate(target(None, str(repo / name)))
    outcome = DotenvStore().put(target(repo, name), ONE, vendor)
    assert outcome.status is Status.REFUSED
    assert (repo / name).read_text() == "API_KEY=old\n"


def test_a_repository_that_git_can_not_open_is_no_proof(repo: Path, vendor: VendorContext) -> None:
    (repo / ".git" / "config").write_text("[core\n")
    assert DotenvStore().put(target(repo), ONE, vendor).status is Status.REFUSED
    assert not (repo / ".env").exists()


def test_outside_any_repository_an_absolute_path_will_do(
    tmp_path: Path, vendor: VendorContext
) -> None:
    file = tmp_path / "service.env"
    outcome = DotenvStore().put(target(None, str(file)), ONE, vendor)
    assert outcome.status is Status.DONE
    assert outcome.data["warnings"] == []


def refused(place: str, root: Path | None) -> str:
    with pytest.raises(UsageError) as caught:
        DotenvStore().validate(target(root, place))
    assert caught.value.hint
    return caught.value.message


def test_places_that_are_refused(repo: Path, tmp_path: Path) -> None:
    (repo / "real").write_text("")
    (repo / "link").symlink_to("real")
    (repo / "away").symlink_to(tmp_path)
    (repo / "folder").mkdir()
    (repo / "huge").write_bytes(b"#" * (1024 * 1024 + 1))
    os.mkfifo(repo / "pipe")
    assert "symbolic link" in refused("link", repo)
    assert "symbolic link" in refused("away/x.env", repo)
    assert "'..'" in refused("../x.env", repo)
    assert "no plain file" in refused("folder", repo)
    assert "no plain file" in refused("pipe", repo)
    assert "too much" in refused("huge", repo)
    assert "does not exist" in refused("nowhere/x.env", repo)
    assert "git's own" in refused(".git/x.env", repo)
    assert "no work tree" in refused("x.env", None)
    assert "which variable" in refused("", repo)


def test_a_target_without_a_good_name_is_refused(repo: Path) -> None:
    with pytest.raises(UsageError, match="which variable"):
        DotenvStore().validate(Target("dotenv", ".env", (), "dotenv:.env", repo))
    with pytest.raises(UsageError, match="no name"):
        DotenvStore().validate(target(repo, **{"A-B": None}))


def test_a_quote_left_open_further_up_is_noticed_before_writing(
    repo: Path, vendor: VendorContext
) -> None:
    text = "A='open\nB=2\n"
    (repo / ".env").write_text(text)
    outcome = DotenvStore().put(target(repo), ONE, vendor)
    assert outcome.status is Status.REFUSED
    assert "Mend the file" in outcome.reason
    assert (repo / ".env").read_text() == text


def test_a_part_that_the_credential_has_not_is_named(repo: Path, vendor: VendorContext) -> None:
    outcome = DotenvStore().put(target(repo, K="secret"), ONE, vendor)
    assert outcome.status is Status.REFUSED
    assert "'secret'" in outcome.reason


def test_what_a_crash_left_is_cleared(repo: Path, vendor: VendorContext) -> None:
    left = repo / "..env.remediate"
    left.write_text("half")
    assert DotenvStore().put(target(repo), ONE, vendor).status is Status.DONE
    assert not left.exists()


def test_what_the_system_refuses_is_said(repo: Path, vendor: VendorContext) -> None:
    (repo / "..env.remediate").mkdir()
    outcome = DotenvStore().put(target(repo), ONE, vendor)
    assert outcome.status is Status.REFUSED
    assert outcome.reason.startswith(".env: "), outcome.reason


def test_holds_says_nothing_of_a_place_it_can_not_read(repo: Path, vendor: VendorContext) -> None:
    store = DotenvStore()
    assert store.holds(target(repo), ONE, vendor) is False, "no file holds nothing"
    assert store.holds(target(repo, "nowhere/x"), ONE, vendor) is None


def test_two_at_once_lose_nothing(repo: Path, vendor: VendorContext) -> None:
    names = [f"K{n}" for n in range(12)]
    threads = [
        threading.Thread(target=DotenvStore().put, args=(target(repo, **{name: None}), ONE, vendor))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(dotenv_values(repo / ".env")) == sorted(names)
