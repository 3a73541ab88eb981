"""A real desktop's keyring (GNOME's): unlocked, locked, gone in the middle, and back again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import keyring.core
import pytest
from keyring.backends.SecretService import Keyring

from remediate.errors import CustodyError, StateError
from remediate.incident import sealing
from remediate.incident.custody import Custody
from remediate.incident.home import Home, private_folder
from remediate.keyrings import safe_keyring
from remediate.secret import InstallationKey, Secret
from remediate_providers.stripe.local import LocalStripe

from .canary import Canary
from .desktop import MISSING, Desktop
from .world import Done, StripeTruth, World, git

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs {MISSING}")
VALUE = Secret(b"a-new-value-" + b"42")


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    with Desktop(tmp_path / "desktop") as session:
        for name, value in session.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(keyring.core, "_keyring_backend", None)
        yield session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return private_folder(tmp_path / "incident")


KEY = InstallationKey(bytes(range(32)))


def held() -> set[str]:
    """Every account of ours that the keyring has, and what it holds, by the Secret Service itself."""
    import secretstorage

    with secretstorage.dbus_init() as bus:
        items = secretstorage.search_items(bus, {"service": "remediate"})
        return {f"{i.get_attributes()['username']} {i.get_secret().decode()}" for i in items}


def test_written_read_back_and_forgotten(desktop: Desktop, folder: Path) -> None:
    assert isinstance(safe_keyring(), Keyring)
    seal = sealing.make(folder, None, name="INC-1")
    assert seal is not None and seal.held_by == "keyring"
    name = Custody(folder, KEY, seal).put(VALUE)
    assert held() == {f"INC-1 {seal.identity}"}
    for path in folder.rglob("*"):
        assert VALUE.reveal() not in path.read_bytes()
        assert str(seal.identity).encode() not in path.read_bytes()
    # As another process does, after the daemon was started anew: what was written is on its disk.
    desktop.unlocked()
    again = Custody(folder, KEY, sealing.unlock(folder, None, name="INC-1"))
    assert again.take(name) == VALUE
    again.empty()
    assert sorted(path.name for path in folder.iterdir()) == ["seal.json"]
    sealing.forget(folder, name="INC-1")
    assert held() == set() and list(folder.iterdir()) == []


def test_a_locked_one_holds_nothing_new_and_says_so(desktop: Desktop, folder: Path) -> None:
    sealing.make(folder, None, name="INC-1")
    desktop.locked()
    with pytest.raises(CustodyError, match="it is locked") as error:
        sealing.unlock(folder, None, name="INC-1")
    assert "remediate resume" in error.value.hint
    assert not sealing.lost(folder, name="INC-1")
    other = private_folder(folder / "other")
    assert sealing.make(other, None, name="INC-2") is None
    assert list(other.iterdir()) == []
    desktop.unlocked()
    assert sealing.unlock(folder, None, name="INC-1").held_by == "keyring"


def test_one_that_has_gone_says_so(desktop: Desktop, folder: Path) -> None:
    seal = sealing.make(folder, None, name="INC-1")
    custody = Custody(folder, KEY, seal)
    desktop.gone()
    # This process goes on: to seal, the public half is enough.
    name = custody.put(VALUE)
    with pytest.raises(CustodyError, match="does not answer"):
        sealing.unlock(folder, None, name="INC-1")
    assert sealing.make(private_folder(folder / "other"), None, name="INC-2") is None
    desktop.unlocked()
    assert Custody(folder, KEY, sealing.unlock(folder, None, name="INC-1")).take(name) == VALUE


def test_a_key_that_was_taken_out_of_it_is_told_from_one_that_is_locked(
    desktop: Desktop, folder: Path
) -> None:
    sealing.make(folder, None, name="INC-1")
    ring = safe_keyring()
    assert ring is not None
    ring.delete_password("remediate", "INC-1")
    with pytest.raises(CustodyError, match="no such key") as error:
        sealing.unlock(folder, None, name="INC-1")
    assert "--report" in error.value.hint
    assert sealing.lost(folder, name="INC-1")


def test_the_installation_s_key_is_never_made_twice(desktop: Desktop, tmp_path: Path) -> None:
    """With another in its place every journal would look forged."""
    home = Home(tmp_path / "state")
    first = home.installation_key().fingerprint(VALUE)
    assert not (home.path / "installation.key").exists()
    for trouble, says in ((desktop.locked, "locked"), (desktop.gone, "does not answer")):
        trouble()
        with pytest.raises(StateError, match=says) as error:
            home.installation_key()
        assert "Unlock" in error.value.hint
    assert not (home.path / "installation.key").exists()
    desktop.unlocked()
    assert home.installation_key().fingerprint(VALUE) == first
    # The folder was moved: the key is still looked for under the name that it was given.
    moved = home.path.rename(tmp_path / "elsewhere")
    assert Home(moved).installation_key().fingerprint(VALUE) == first


def test_a_locked_one_does_not_hold_up_the_first_run(desktop: Desktop, tmp_path: Path) -> None:
    desktop.locked()
    home = Home(tmp_path / "state")
    assert home.installation_key() and (home.path / "installation.key").exists()


# The whole command -------------------------------------------------------------------------------


@pytest.fixture
def world(desktop: Desktop, tmp_path: Path) -> Iterator[World]:
    """One leaked key at the local Stripe, and the keyring in place of a key file."""
    with ExitStack() as stack:
        running = LocalStripe(lag=0.05).start()
        stack.callback(running.close)
        made = World(tmp_path / "world", [StripeTruth(running)])
        made.environment |= desktop.environment
        yield made


def flags(world: World) -> list[str]:
    given = world.flags()
    at = given.index("--key-file")
    return given[:at] + given[at + 2 :]


def run(world: World, **hooks: str) -> Done:
    report = str(world.scenario.report)
    return world.command("run", report, *flags(world), env=world.hooked(**hooks))


def shown(world: World) -> list[str]:
    """Every leaked, new or sealing value that stands in the state folder or the repository's store."""
    canary = Canary()
    values = [(n, v) for t in world.truths for n, v in t.planted.values.items()]
    values += [("new", value) for t in world.truths for value in t.made()]
    values += [("held", Secret(text.split(" ", 1)[1].split()[-1])) for text in held()]
    canary.look_through(world.home, values, "state")
    return [str(hit) for hit in canary.hits]


def test_a_run_that_keeps_its_key_in_it(desktop: Desktop, world: World) -> None:
    done = run(world)
    assert done.code == 0, done.err
    assert world.outcome(done)["status"] == "clean"
    assert not list(world.home.rglob("installation.key"))
    assert shown(world) == []
    # The remote hands out nothing old any more: the incident is closed, and custody emptied.
    git(world.remote, "reflog", "expire", "--expire=now", "--all")
    git(world.remote, "gc", "-q", "--prune=now")
    done = world.command("resume", *flags(world))
    assert done.code == 0, done.err
    assert not list(world.home.rglob("custody.age"))
    # The key that the backup is sealed with stays, and this installation's.
    assert len(held()) == 2
    checked = world.command("log", "--check", "INC")
    assert checked.code == 0, checked.err
    desktop.locked()
    refused = world.command("log", "--check", "INC")
    assert refused.code == 2 and "locked" in refused.err and "Unlock" in refused.err
    doctor = world.command("doctor", "--offline", "--json")
    assert "it is locked" in doctor.out


def test_one_that_is_locked_after_a_crash(desktop: Desktop, world: World) -> None:
    """Nothing is done without it, and everything once it is open again: one new credential, all clean."""
    assert run(world, HOOK_KILL_AT_TICK="60").code == -signal.SIGKILL
    made = len(world.truths[0].made())
    desktop.locked()
    for _ in range(2):
        done = world.command("resume", *flags(world))
        assert done.code == 2 and "locked" in done.err, done.err
    assert len(world.truths[0].made()) == made
    desktop.unlocked()
    done = world.command("resume", *flags(world))
    assert done.code == 0, done.err
    assert world.outcome(done)["status"] == "clean"
    assert shown(world) == []


def test_one_that_goes_in_the_middle(desktop: Desktop, world: World) -> None:
    """What is at work has its values; what comes after is told where the key is."""
    child = world.start(["run", str(world.scenario.report), *flags(world)])
    assert child.stdout is not None
    out = b""
    while b'"contain"' not in (line := child.stdout.readline()):
        assert line, out
        out += line
    desktop.gone()
    rest, err = child.communicate(timeout=120)
    done = Done(child.returncode, (out + line + rest).decode(), err.decode())
    assert done.code == 0, done.err
    listed = world.command("list")
    assert listed.code == 2 and "lies in the OS keyring" in listed.err, listed.err
    desktop.unlocked()
    assert world.outcome(done)["status"] == "clean"


def test_a_key_that_was_taken_out_is_gone_on_without(desktop: Desktop, world: World) -> None:
    """The report brings the values back; the keyring's loss does not end the incident."""
    assert run(world, HOOK_KILL_AT_TICK="60").code == -signal.SIGKILL
    (folder,) = (world.home / "incidents").iterdir()
    ring = safe_keyring()
    assert ring is not None
    ring.delete_password("remediate", folder.name)
    done = world.command("resume", *flags(world))
    assert done.code != 0 and "no such key" in done.err and "--report" in done.err
    done = world.command("resume", "--report", str(world.scenario.report), *flags(world))
    assert done.code == 0, done.err
    assert world.outcome(done)["status"] == "clean"
    assert shown(world) == []
