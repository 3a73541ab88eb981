"""A cut of power: what was not brought to disk is gone, and the run still ends where it would have ended.

One whole run is written down, call by call (`disk.py`). By rule: what the journal has to know is on disk
before anything goes out. By trial: for moments of that run the state folder and the repository are put back
as a disk would hold them that kept no more than it had to, the vendor and the remote as they had become, and
the run is gone on with. A handful by default; ``POWER=all``, or a number, for more: ``POWER=100 pytest -n 0 -s -o timeout=0
tests/promises/test_power.py``.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remediate_providers.stripe.local import LocalStripe

from .disk import Call, Disk, calls, differs, traced
from .trial import Tried, told
from .world import StripeTruth, World

POWER = os.environ.get("POWER", "")
# As another user strace can't read what a process that keeps its memory to itself hands on.
TRACED = os.geteuid() == 0 and shutil.which("strace") is not None
pytestmark = pytest.mark.skipif(not TRACED, reason="needs strace, and root")

#: What may be lost: locks, which are made anew; the log for people; what SQLite makes of the database.
_MAY_GO = ("-shm", "/lock", "/run.log")


@dataclass
class Recorded:
    """A run that was written down."""

    tried: Tried
    calls: list[Call]
    after: list[Any]
    """The vendor after each request, before the first one too."""
    remotes: list[Path]
    """The remote before the first push, and after each."""

    def disk(self) -> Disk:
        """As it was before the first call."""
        return Disk(self.tried.world.folder, self.tried.world.kept)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("power")
    with ExitStack() as stack:
        running = LocalStripe(lag=0.05).start()
        stack.callback(running.close)
        truth = StripeTruth(running)
        world = World(folder / "world", [truth])
        after = [truth.remembered()]
        answer = running._server._answer

        def seen(request: Any) -> Any:
            reply = answer(request)
            after.append(truth.remembered())
            return reply

        running._server._answer = seen
        log = folder / "log"
        last = world.command(*world.arguments(), before=traced(log))
        running._server._answer = answer
        assert last.code == 0, last.err
        # What the model makes of it is what is there, or nothing that follows would mean anything.
        found = list(calls(log))
        disk = Disk(world.folder, world.kept)
        pushes = [at for at, call in enumerate(found) if is_push(call)]
        remotes = [folder / "remote.0"]
        for at, call in enumerate(found):
            if at in pushes:
                disk.now(world.remote, remotes[-1])
                remotes.append(folder / f"remote.{len(remotes)}")
            disk.follow(call)
        disk.now(world.remote, remotes[-1])
        disk.now(world.folder, folder / "now")
        assert differs(world.folder, folder / "now", ["-shm", "tmp"]) == []
        undisturbed = world.outcome(last)
        assert undisturbed["held"] == [] and undisturbed["left over"] == []
        yield Recorded(Tried(world, undisturbed, 0, 0.0), found, after, remotes)


def is_push(call: Call) -> bool:
    """Whether it begins the remote's side of a push."""
    return call.name == "execve" and any(b"receive-pack" in text for text in call.texts[:1])


def is_sent(call: Call) -> bool:
    """Whether bytes go to the vendor."""
    return call.name in ("sendto", "sendmsg") and "TCP" in call.arguments


def rewrites(call: Call, world: World) -> bool:
    """Whether objects of the rehearsal are brought into the clone."""
    into = os.fsencode(world.repository / ".git" / "objects" / "pack")
    return call.name == "rename" and call.texts[-1].startswith(into)


def begins(call: Call) -> str:
    """The method of the request that it begins, empty where it begins none."""
    word = call.texts[0].split(b" ", 1)[0] if is_sent(call) and call.texts else b""
    return word.decode() if word in (b"GET", b"POST", b"DELETE", b"PUT", b"PATCH") else ""


def requests(found: list[Call]) -> dict[int, int]:
    """At which call how many requests have gone out whole."""
    whole: dict[int, int] = {}
    number = 0
    for at, call in enumerate(found):
        if not is_sent(call):
            continue
        head = call.texts[0].lower()
        # A body follows by itself.
        if begins(call) and b"content-length: " in head and b"content-length: 0\r" not in head:
            continue
        number += 1
        whole[at] = number
    return whole


def rows(disk: Disk, state: Path) -> list[tuple[str, str, str]]:
    """Kind, key and data of every row that a cut of power would leave."""
    with tempfile.TemporaryDirectory() as folder:
        disk.left(state / "incidents", Path(folder) / "incidents")
        (journal,) = Path(folder).glob("incidents/INC-*/journal.db")
        with sqlite3.connect(journal) as database:
            found = database.execute("SELECT kind, key, data FROM rows ORDER BY seq").fetchall()
        database.close()
    return found


def test_what_is_meant_is_on_disk_before_a_byte_of_it_goes_out(recorded: Recorded) -> None:
    """And what came of it before anything else goes out: journal, heads, custody, seal, answers."""
    world = recorded.tried.world
    disk, state = recorded.disk(), world.home
    sent = changing = 0
    rewriting = False
    for call in recorded.calls:
        goes_out = begins(call) not in ("", "GET") or is_push(call)
        if is_sent(call) or is_push(call):
            sent += 1
            left = [it for it in disk.unkept(state) if not it.split(": ")[0].endswith(_MAY_GO)]
            left = [it for it in left if "/locks/" not in it]
            assert left == [], f"before {call.texts[0][:60]!r}"
        if is_push(call):
            # The clone is rewritten, and nothing of that can be taken back by a cut.
            assert disk.unkept(world.repository) == []
        if rewrites(call, world) and not rewriting:
            rewriting = True
            assert [it for it in disk.unkept(state / "incidents") if "/quarantine" in it] == []
        if goes_out:
            changing += 1
            found = rows(disk, state)
            meant = [key for kind, key, _ in found if kind == "intent"]
            ended = [key for kind, key, _ in found if kind == "outcome"]
            open_ = [key for key in meant if key not in ended]
            # One, or the refs of one push.
            kinds = {key.split("/")[0] for key in open_}
            assert len(kinds) == 1, f"{open_} are meant, before {call.texts[0][:60]!r}"
            assert len(open_) == 1 or kinds == {"push"}, open_
        disk.follow(call)
    # The kill, the new key, and the push.
    assert changing >= 3 and sent > 10 and rewriting


@dataclass(frozen=True)
class Cut:
    """A moment that differs from the one before in what is on disk, at the vendor or at the remote."""

    at: int
    requests: int
    pushes: int


def cuts(recorded: Recorded) -> list[Cut]:
    """Every moment that leaves something else behind."""
    world, whole = recorded.tried.world, requests(recorded.calls)
    assert max(whole.values()) + 1 == len(recorded.after)
    found: list[Cut] = []
    number = pushes = 0
    syncs = ("fsync", "fdatasync", "sync", "syncfs")
    for at, call in enumerate(recorded.calls):
        ours = call.name in syncs and any(
            path.startswith((f"{world.home}/", f"{world.repository}/")) for _, path in call.files
        )
        number = whole.get(at, number)
        pushes += is_push(call)
        if ours or at in whole or is_push(call):
            found.append(Cut(at + 1, number, pushes))
    return found


def put_back(recorded: Recorded, cut: Cut, names: Callable[[], bool]) -> None:
    """The world as it is when the power is back."""
    world = recorded.tried.world
    disk = recorded.disk()
    for call in recorded.calls[: cut.at]:
        disk.follow(call)
    shutil.rmtree(world.folder)
    disk.left(world.folder, world.folder, names)
    shutil.rmtree(world.folder / "tmp", ignore_errors=True)
    # Other machines had no cut: what they were told they have.
    shutil.rmtree(world.remote, ignore_errors=True)
    shutil.copytree(recorded.remotes[cut.pushes], world.remote, symlinks=True)
    (truth,) = world.truths
    truth.put_back(recorded.after[cut.requests])  # type: ignore[attr-defined]
    world.typed.clear()


NAMES = ("none", "all", "some")
"""Which names are on disk that nobody brought there: none, all, or by chance those of some folders."""


def moments(last: int, chance: random.Random) -> list[int]:
    """The moments that are tried, from 1 to *last*: by chance, all, or those asked for (``POWER=@7,294``)."""
    if POWER.startswith("@"):
        return [int(at) for at in POWER[1:].split(",")]
    number = last if POWER == "all" else int(POWER or 2)
    return sorted(chance.sample(range(1, last + 1), min(number, last)))


@pytest.mark.parametrize("which", NAMES)
@pytest.mark.timeout(0)
def test_cut_and_gone_on_with(recorded: Recorded, which: str) -> None:
    tried, found = recorded.tried, cuts(recorded)
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    print(f"{len(found)} moments, seed {seed}", flush=True)
    assert len(found) > 300

    def kept() -> bool:
        return which == "all" or (which == "some" and chance.random() < 0.5)

    for at in moments(len(found), chance):
        cut = found[at - 1]
        put_back(recorded, cut, kept)
        where = f"seed {seed}, moment {at}, after {recorded.calls[cut.at - 1].name}, {cut}"
        before = len(tried.faults)
        last = tried.world.go_on()
        tried.same(where, last)
        print(f"{where}: {len(tried.faults) - before} faults", flush=True)
        if len(tried.faults) > before:
            print(
                last.out[-3000:], last.err[-2000:], *tried.world.left_over(), sep="\n", flush=True
            )
    told(tried)
