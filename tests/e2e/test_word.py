"""A person's word: what could not be read, and steps that nobody but a person can see done."""

from __future__ import annotations

import binascii
import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remediate.incident.who import user
from remediate_providers.stripe.local import LocalStripe

from .conftest import Cli, Done
from .guided import Leak

PASSWORD = b"hunter2"


def sealed_zip(text: bytes) -> bytes:
    """A zip whose one member is encrypted, as ``zip -P`` makes it (PKWARE's APPNOTE, 6.1)."""
    keys = [0x12345678, 0x23456789, 0x34567890]
    table = [binascii.crc32(bytes([n]), 0xFFFFFFFF) ^ 0xFFFFFFFF for n in range(256)]

    def step(crc: int, byte: int) -> int:
        return (crc >> 8) ^ table[(crc ^ byte) & 0xFF]

    def update(byte: int) -> None:
        keys[0] = step(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = step(keys[2], keys[1] >> 24)

    for byte in PASSWORD:
        update(byte)
    crc, sealed = binascii.crc32(text), bytearray()
    for byte in bytes(11) + bytes([crc >> 24]) + text:
        mixed = keys[2] | 2
        sealed.append(byte ^ ((mixed * (mixed ^ 1)) >> 8 & 0xFF))
        update(byte)
    name = b"old.txt"
    shared = struct.pack(
        "<HHHHHIIIHH", 20, 1, 0, 0, 0x5821, crc, len(sealed), len(text), len(name), 0
    )
    head = b"PK\3\4" + shared + name + bytes(sealed)
    listed = (
        b"PK\1\2" + struct.pack("<H", 20) + shared + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    )
    ended = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(listed), len(head), 0)
    return head + listed + b"PK\5\6" + ended


@dataclass
class Place:
    """A leak with an unrelated encrypted zip in its history, and the command in it."""

    leak: Leak
    cli: Cli

    @property
    def repository(self) -> Path:
        return self.leak.scenario.repository

    def git(self, *arguments: str, at: Path | None = None) -> str:
        command = ["git", *arguments]
        return subprocess.check_output(command, cwd=at or self.repository, text=True).strip()

    def commit(self, name: str, content: bytes | None) -> str:
        """Commit and push *content* under *name*, or its removal; the blob's id."""
        path, oid = self.repository / name, ""
        if content is None:
            self.git("rm", "-q", name)
        else:
            path.write_bytes(content)
            self.git("add", name)
            oid = self.git("hash-object", name)
        self.git("commit", "-qm", f"{name}, again")
        return oid

    def run(self, command: str, *more: str, **options: Any) -> Done:
        scenario = self.leak.scenario
        report = [str(scenario.report)] if command == "run" else []
        flags = ["--repo", str(scenario.repository), "--policy", str(scenario.policy)]
        flags += ["--key-file", str(scenario.key_file), "--yes"]
        return self.cli(command, *report, *flags, *more, env=self.leak.environment, **options)

    def events(self, command: str, *more: str) -> Done:
        return self.run(command, "--json", *more)

    def step(self, done: Done) -> dict[str, Any]:
        (step,) = [s for s in done.finished["manual"] if s["on_word"]]
        return step

    def published(self) -> bool:
        """Whether the remote is without the values, in every object that it has."""
        remote = self.leak.scenario.remote
        names = self.git("rev-list", "--all", "--objects", at=remote).split()
        every = self.git("log", "--all", "-p", at=remote) + str(names)
        return not any(value in every for value in self.leak.secrets().values())

    def tidied(self) -> None:
        """The server drops what nothing leads to."""
        self.git("reflog", "expire", "--expire=now", "--all", at=self.leak.scenario.remote)
        self.git("gc", "-q", "--prune=now", at=self.leak.scenario.remote)

    def log(self) -> list[dict[str, Any]]:
        (known,) = self.cli("list", "--all", "--json", env=self.leak.environment).document
        found = self.cli("log", known["incident"], "--json", env=self.leak.environment).document
        assert isinstance(found, list)
        return found

    def record(self) -> Any:
        (known,) = self.cli("list", "--all", "--json", env=self.leak.environment).document
        arguments = ("record", known["incident"], "--format")
        self.cli(*arguments, "html", env=self.leak.environment)
        return self.cli(*arguments, "json", env=self.leak.environment).document


@pytest.fixture
def place(leak: Callable[..., Leak], cli: Cli) -> Place:
    made = Place(leak(LocalStripe(lag=0.05)), cli)
    policy = made.leak.scenario.policy
    policy.write_text(policy.read_text() + "insist = true\n")
    made.git("config", "push.default", "current")
    return made


@pytest.fixture
def zipped(place: Place, tmp_path: Path) -> str:
    """The id of an encrypted zip that was committed, taken away again, and pushed."""
    content = sealed_zip(b"minutes of a meeting\n")
    (tmp_path / "probe.zip").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "probe.zip") as archive:
        assert archive.read("old.txt", pwd=PASSWORD) == b"minutes of a meeting\n"
    oid = place.commit("minutes.zip", content)
    place.commit("minutes.zip", None)
    place.git("push", "-q", "origin")
    return oid


def test_from_exit_4_over_a_word_to_published_and_closed(place: Place, zipped: str) -> None:
    done = place.events("run")
    assert done.code == 4, done.out
    assert done.finished["status"] == "remnants"
    (seen,) = [e for e in done.events if e["event"] == "verified" and e["when"] == "after-purge"]
    assert (seen["clean"], seen["remnants"], seen["unreadable"]) == (False, 0, 1)
    assert seen["unread"][0]["what"] == f"object {zipped}"
    step = place.step(done)
    assert f"git cat-file blob {zipped} > FILE" in " ".join(step["instructions"])
    assert not place.published()
    # --yes is no word: the same again is the same again.
    again = place.events("resume")
    assert again.code == 4 and place.step(again)["id"] == step["id"]

    place.tidied()
    done = place.events("resume", "--done", step["id"])
    assert done.code == 0, done.out + done.err
    assert place.published()
    place.tidied()
    if "still hands out" in str(place.cli("list", "--json", env=place.leak.environment).out):
        done = place.events("resume")
    assert (done.code, done.finished["status"]) == (0, "partial"), done.out
    (known,) = place.cli("list", "--all", "--json", env=place.leak.environment).document
    assert known["status"] == "closed", known
    rows = place.log()
    assert any(r["kind"] == "custody" and r["data"]["action"] == "emptied" for r in rows)
    for row in rows:
        if row["kind"] == "verified" and row["data"]["when"] != "new-value":
            assert row["data"]["clean"] is False
    (ended,) = [r for r in rows if r["kind"] == "stage-finished" and r["stage"] == "clean"][-1:]
    said = f"nothing found; 1 thing could not be read, {user()} vouches for it"
    assert (ended["data"]["status"], ended["data"]["summary"]) == ("done", said)

    record = place.record()
    for search in record["searches"]:
        if search["stands"] and search["when"] != "new-value":
            assert search["clean"] is False
            assert [one["what"] for one in search["unreadable"]] == [f"object {zipped}"]
            (vouched,) = search["vouched"]
            assert (vouched["what"], vouched["by"]) == (f"object {zipped}", user())
    assert record["status"] == "Resolved"
    (entry,) = [m for m in record["manual"] if m["id"] == step["id"]]
    assert entry["on_word"] and entry["done_at"] and entry["done_by"] == user()
    assert "NOT clean" not in record["communication"]["summary"]
    assert "is clean" not in record["communication"]["summary"]
    assert "vouches" in record["communication"]["summary"]


def test_the_word_holds_for_a_run_of_publish_alone(place: Place, zipped: str) -> None:
    step = place.step(place.events("run", "--no-push"))
    place.events("resume", "--no-push", "--done", step["id"])
    done = place.events("resume", "--only", "publish")
    assert (done.code, done.finished["status"]) == (0, "partial"), done.out
    assert place.published()


def test_people_see_what_it_is_and_what_to_type(place: Place, zipped: str) -> None:
    done = place.run("run")
    assert done.code == 4, done.out
    assert f"object {zipped}: zip:" in done.out
    assert "NOT clean: nothing found, 1 thing could not be read" in done.out
    (order,) = {line.strip() for line in done.out.splitlines() if "When you have:" in line}
    words = order.removeprefix("When you have: ").split()
    assert words[:3] == ["remediate", "resume", "--done"]
    for command in ("show", "list"):
        shown = place.cli(command, *(("--repo", place.repository) if command == "show" else ()),
                          env=place.leak.environment).out  # fmt: skip
        assert f"--done {words[3]}" in shown, shown
    (folder,) = (Path(place.leak.environment["REMEDIATE_HOME"]) / "incidents").iterdir()
    for name in ("record.md", "record.html"):
        assert f"remediate resume --done {words[3]}" in (folder / name).read_text()
    # As it is told, so it is typed.
    done = place.run("resume", *words[2:])
    assert done.code == 0, done.out
    assert "vouches for it" in done.out
    assert "stands on a person's word" in " ".join(done.out.split())


def test_another_one_committed_later_makes_it_wait_again(place: Place, zipped: str) -> None:
    first = place.step(place.events("run"))
    place.events("resume", "--done", first["id"])
    other = place.commit("other.zip", sealed_zip(b"another one\n"))
    done = place.events("resume")
    assert done.code == 4, done.out
    step = place.step(done)
    assert step["id"] != first["id"]
    told = " ".join(step["instructions"])
    assert other in told and "worktree other.zip" in told
    assert zipped not in told, "that one is vouched for"
    # The first word is not one for these.
    assert place.events("resume", "--done", first["id"]).code == 4
    done = place.events("resume", "--done", step["id"])
    assert done.code == 0, done.out


def test_a_file_that_changes_needs_a_new_word(place: Place) -> None:
    file = place.repository / "notes.zip"
    file.write_bytes(sealed_zip(b"one\n"))
    first = place.step(place.events("run"))
    assert "worktree notes.zip" in " ".join(first["instructions"])
    done = place.events("resume", "--done", first["id"])
    assert done.code == 0, done.out
    file.write_bytes(sealed_zip(b"two\n"))
    done = place.events("resume")
    assert done.code == 4, done.out
    step = place.step(done)
    assert step["id"] != first["id"]
    # The first content again is vouched for still.
    file.write_bytes(sealed_zip(b"one\n"))
    done = place.events("resume")
    assert done.code == 0, done.out
    assert [s for s in done.finished["manual"] if s["on_word"]] == []


def test_a_remnant_is_nobodys_word(place: Place, zipped: str) -> None:
    """What was found stays found: with a secret left there is nothing to vouch for."""
    secret = next(iter(place.leak.secrets().values()))
    (place.repository / "mine.txt").write_text(secret)
    done = place.events("run")
    assert done.code == 4, done.out
    (ended,) = [e for e in done.events if e["event"] == "stage" and e["name"] == "clean"][-1:]
    assert ended["status"] == "waiting" and "1 remnant" in ended["summary"]
    assert not [s for s in done.finished["manual"] if s["on_word"]]
    (place.repository / "mine.txt").unlink()
    assert place.events("resume", "--done", place.step(place.events("resume"))["id"]).code == 0


def test_a_word_is_in_the_journal_before_anything_rests_on_it(place: Place, zipped: str) -> None:
    """Cut off right behind the word: it is not asked for again, and the same words go on."""
    step = place.step(place.events("run"))
    program = (
        "import os, sys\n"
        "from remediate.api import assembling\n"
        "assembling._conducted = lambda run: os.kill(os.getpid(), 9)\n"
        "from remediate.__main__ import main\n"
        "sys.argv[1:] = sys.argv[1:]\nmain()\n"
    )
    scenario = place.leak.scenario
    flags = ["--repo", scenario.repository, "--policy", scenario.policy]
    flags += ["--key-file", scenario.key_file, "--yes", "--done", step["id"]]
    cut = subprocess.run(
        [sys.executable, "-c", program, "resume", *map(str, flags)],
        env=place.leak.environment,
        capture_output=True,
        check=False,
    )
    assert cut.returncode == -9, cut.stderr
    assert not place.published()
    done = place.events("resume", "--done", step["id"])
    assert done.code == 0, done.out
    given = [r for r in place.log() if r["kind"] == "outcome" and "word" in r["data"]["data"]]
    assert len(given) == 1, "one word, given once"
    assert place.published()


def test_undo_voids_it(place: Place, zipped: str) -> None:
    step = place.step(place.events("run", "--no-push"))
    done = place.events("resume", "--no-push", "--done", step["id"])
    assert (done.code, done.finished["status"]) == (0, "partial"), done.out
    undone = place.cli("undo", "--repo", place.repository, "--yes", "--key-file",
                       place.leak.scenario.key_file, env=place.leak.environment)  # fmt: skip
    assert undone.code == 0, undone.err
    done = place.events("resume", "--no-push")
    assert done.code == 4, done.out
    assert place.step(done)["id"] == step["id"], "asked for anew"
    record = place.record()
    voided = [s for s in record["searches"] if not s["stands"] and s["vouched"]]
    assert voided, "what was said then is still told"
    assert not [s for s in record["searches"] if s["stands"] and s["vouched"]]


def test_what_the_remote_alone_has_is_asked_for_by_itself(place: Place) -> None:
    """A branch that was never fetched holds a sealed zip: another step, which says how to get at it."""
    remote = place.leak.scenario.remote
    side = remote.parent / "side"
    place.git("clone", "-q", str(remote), str(side), at=remote.parent)
    place.git("switch", "-q", "--orphan", "theirs", at=side)
    (side / "theirs.zip").write_bytes(sealed_zip(b"theirs\n"))
    oid = place.git("hash-object", "theirs.zip", at=side)
    for words in (("add", "-A"), ("commit", "-qm", "x")):
        place.git(*words, at=side)
    place.git("push", "-q", "origin", "theirs", at=side)
    done = place.events("run")
    assert done.code == 4, done.out
    assert "git clone --mirror" in (told := " ".join(place.step(done)["instructions"]))
    assert f"git -C FOLDER cat-file blob {oid} > FILE" in told


def test_where_it_is_in_one_it_goes_by_its_id(place: Place, zipped: str) -> None:
    """The way that the step tells is tried as it is told."""
    step = place.step(place.events("run"))
    told = [
        line for line in step["instructions"] if "git filter-repo" in line or "git push" in line
    ]
    assert "--strip-blobs-with-ids FILE" in told[0]
    pytest.importorskip("git_filter_repo")
    ids = place.repository.parent / "ids"
    ids.write_text(zipped + "\n")
    url = place.git("remote", "get-url", "origin")
    strip = [sys.executable, "-m", "git_filter_repo", "--force", "--quiet"]
    subprocess.run([*strip, "--strip-blobs-with-ids", str(ids)], cwd=place.repository, check=True)
    place.git("remote", "add", "origin", url)
    place.git("push", "-q", "--force", "--all", "origin")
    place.git("push", "-q", "--force", "--tags", "origin")
    done = place.events("resume")
    assert done.code == 0, done.out
    assert not [s for s in done.finished["manual"] if s["on_word"]]
    assert place.published()
    assert zipped not in place.git("rev-list", "--all", "--objects", at=place.leak.scenario.remote)


def test_what_has_a_remedy_takes_no_word(place: Place) -> None:
    """A shallow clone is made whole by a fetch; nobody vouches for what has no name."""
    shallow = place.repository.parent / "shallow"
    url = f"file://{place.leak.scenario.remote}"
    place.git("clone", "-q", "--depth", "1", url, str(shallow), at=place.repository.parent)
    values = place.repository.parent / "values.txt"
    values.write_text("\n".join(place.leak.secrets().values()))
    (shallow / "x.txt").write_text(values.read_text())
    done = place.cli("run", values, "--repo", shallow, "--yes", "--offline", "--no-push", "--json",
                     "--no-undo", env=place.leak.environment)  # fmt: skip
    assert done.code in (4, 6), done.out
    assert not [s for s in done.finished["manual"] if s["on_word"]]


# Other steps that only a person can see done ----------------------------------------------------


URL = "https://example.com/wiki/how-to-deploy"


@pytest.fixture
def page(tmp_path: Path, acme: Path, cli: Cli, key_file: Path) -> Callable[..., Done]:
    """A leak whose one other copy stands on a page outside git; a command about it."""
    report, value = tmp_path / "found.json", "a-value-of-" + "some-length-" + "8f14e45f"
    entry = {
        "SourceMetadata": {
            "Data": {"Github": {"link": URL, "repository": "https://example.com/x"}}
        },
        "SourceName": "trufflehog - github",
        "DetectorName": "Generic",
        "DecoderName": "PLAIN",
        "Raw": value,
    }
    report.write_text(json.dumps(entry) + "\n")

    def run(command: str, *more: str, **options: Any) -> Done:
        given = [str(report)] if command == "run" else []
        flags = ["--repo", str(acme), "--offline", "--no-push", "--key-file", str(key_file)]
        return cli(command, *given, *flags, "--yes", "--json", *more, **options)

    return run


def test_a_copy_outside_git_is_over_on_a_persons_word(page: Callable[..., Done]) -> None:
    done = page("run")
    assert done.code == 3, done.out + done.err
    (step,) = [s for s in done.finished["manual"] if s["id"].startswith("copy-")]
    assert step["on_word"] and step["url"] == URL
    assert page("resume").code == 3, "--yes is no word"
    done = page("resume", "--done", step["id"])
    assert (done.code, done.finished["status"]) == (0, "partial"), done.out
    (said,) = [e for e in done.events if e["event"] == "effect" and e["action"] == "remove-copy"]
    assert said["status"] == "done" and f"on {user()}'s word" in said["summary"]
    assert page("resume", "--done", step["id"]).code == 0, "the same once more is no slip"
