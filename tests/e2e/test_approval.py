"""A second person: asked with a file, signs on any machine, and nothing else lets the stage begin."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Cli, Done

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")

VALUE = "a-value-of-" + "some-length-" + "8f14e45f"


class World:
    """A leak with a remote, a policy that wants an approval, and keys of two people."""

    def __init__(self, folder: Path, cli: Cli, key_file: Path, sealed: Path) -> None:
        self.folder, self.cli, self.key_file = folder, cli, key_file
        self.repository, self.remote = folder / "ours", folder / "remote.git"
        (sealed / ".ssh").mkdir(mode=0o700)
        self.keys = {
            "ada": sealed / ".ssh" / "id_ed25519",
            "bob": folder / "bob",
        }
        for path in self.keys.values():
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True
            )
        self.policy("publish")
        self.allow("bob@example.com", "bob")

    def policy(self, *stages: str) -> None:
        (self.folder / "remediate.toml").write_text(
            f"[incident]\napprove = {json.dumps(stages)}\nsigners = 'allowed'\n"
        )

    def allow(self, name: str, key: str, *more: str) -> None:
        public = self.keys[key].with_name(self.keys[key].name + ".pub").read_text()
        (self.folder / "allowed").write_text("\n".join([f"{name} {public}", *more]))

    def flags(self) -> list[str]:
        return [
            *("--repo", str(self.repository), "--policy", str(self.folder / "remediate.toml")),
            *("--yes", "--offline", "--json", "--key-file", str(self.key_file)),
        ]

    def run(self) -> Done:
        return self.cli("run", self.folder / "report.txt", *self.flags())

    def resume(self, *more: str | Path) -> Done:
        return self.cli("resume", *self.flags(), *more)

    def at_remote(self) -> str:
        return subprocess.run(
            ["git", "-C", str(self.remote), "rev-parse", "main"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def signed(self, request: Path, by: str) -> Path:
        """The request, signed on another machine: elsewhere, with another home."""
        elsewhere = self.folder / f"machine of {by}"
        elsewhere.mkdir(exist_ok=True)
        copy = Path(shutil.copy(request, elsewhere))
        done = self.cli(
            *("approve", copy, "--key", self.keys[by], "--yes"),
            cwd=elsewhere,
            env={"HOME": str(elsewhere), "REMEDIATE_HOME": str(elsewhere / "state")},
        )
        assert done.code == 0, done.err
        assert not (elsewhere / "state").exists()
        return copy.with_name(copy.name + ".sig")


def request_of(done: Done) -> Path:
    assert done.code == 3, done.out
    (step,) = done.finished["manual"]
    assert step["id"].startswith("approve-")
    path = Path(step["instructions"][0].rsplit(": ", 1)[1])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"remediate approve {path.name}" in step["instructions"][1]
    assert "remediate resume INC-" in step["instructions"][2]
    return path


def rows(cli: Cli, world: World, kind: str) -> list[dict[str, Any]]:
    log = cli("log", "--repo", world.repository, "--json").document
    return [row for row in log if row["kind"] == kind]


@pytest.fixture
def world(
    tmp_path: Path, bash: Callable[..., str], cli: Cli, key_file: Path, sealed: Path
) -> World:
    bash(
        f"""
        git init -q --bare remote.git
        git clone -q remote.git ours 2>/dev/null; cd ours
        echo one > a; git add a; git commit -qm one
        echo 'key = "{VALUE}"' > secret.ini; git add secret.ini; git commit -qm two
        git push -q origin main; cd ..; echo '{VALUE}' > report.txt
        """
    )
    return World(tmp_path, cli, key_file, sealed)


def test_the_stage_waits_until_another_person_has_signed(world: World, cli: Cli) -> None:
    before = world.at_remote()
    done = world.run()
    request = request_of(done)
    assert done.finished["status"] == "manual"
    assert world.at_remote() == before
    document = json.loads(request.read_text())
    assert document["asked_by"]["email"] == "ada@example.com"
    assert document["plan"][0].startswith("push to ")
    assert VALUE not in request.read_text()
    (listed,) = cli("list", "--json").document
    assert "second person" in listed["waiting"]

    again = world.resume()
    assert request_of(again) == request, "asked once more, for the same"
    shown = cli("approve", request, cwd=world.folder)
    assert shown.code == 2, "nobody is there to say yes"
    assert document["plan_hash"] in shown.out
    assert "refs/heads/main" in shown.out

    done = world.resume("--approval", world.signed(request, "bob"))
    assert done.code == 0, done.out
    assert world.at_remote() != before
    record = json.loads(Path(done.finished["record"]).read_text())
    (approved,) = [a for a in record["actions"] if a["action"] == "approve"]
    assert approved["status"] == "done"
    assert approved["actor"] == "person"
    assert "bob@example.com" in approved["evidence"][0]["saw"]
    assert all(step["done_at"] for step in record["manual"])
    assert "bob@example.com approved" in json.dumps(record["timeline"])


def test_a_plan_that_has_changed_makes_it_void(
    world: World, bash: Callable[..., str], cli: Cli
) -> None:
    first = request_of(world.run())
    signature = world.signed(first, "bob")
    # Meanwhile the secret comes back, from a branch that nobody had fetched.
    bash(
        f"""
        git clone -q remote.git theirs; cd theirs; git switch -q -c side
        echo 'more = "{VALUE}"' > m; git add m; git commit -qm m; git push -q origin side
        cd ../ours; git fetch -q origin
        """
    )
    before = world.at_remote()
    done = world.resume("--approval", signature)
    second = request_of(done)
    assert second != first
    assert world.at_remote() == before
    assert "changed" in json.dumps(done.finished["manual"])
    assert any("changed" in row["data"]["why"] for row in rows(cli, world, "refusal"))
    assert world.resume("--approval", world.signed(second, "bob")).code == 0
    assert world.at_remote() != before


def test_clean_can_wait_too_and_what_was_approved_is_what_is_done(
    world: World, bash: Callable[..., str]
) -> None:
    world.policy("clean")
    public = world.keys["ada"].with_name("id_ed25519.pub").read_text()
    world.allow("bob@example.com", "bob", f"somebody@example.com {public}")
    before = bash("git -C ours rev-parse main")
    request = request_of(world.run())
    assert bash("git -C ours rev-parse main") == before
    plan = json.loads(request.read_text())["plan"]
    (move,) = [line for line in plan if line.startswith("move refs/heads/main ")]
    own = world.resume("--approval", world.signed(request, "ada"))
    assert own.code == 2, "it is the key of the one who started the run"
    assert "was not taken" in own.out
    done = world.resume("--approval", world.signed(request, "bob"))
    assert done.code == 0, done.out
    assert bash("git -C ours rev-parse main").strip() == move.split(" -> ")[1]
    stages = [e["name"] for e in done.events if e["event"] == "stage" and e["status"] == "done"]
    assert "publish" in stages, "which policy does not name"


def test_policy_that_asks_no_more(world: World) -> None:
    signature = world.signed(request_of(world.run()), "bob")
    world.policy()
    done = world.resume()
    assert done.code == 0, done.out
    assert done.finished["manual"] == []
    assert world.resume("--approval", signature).code == 2, "nobody waits for one"


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[incident]\napprove = ["publsh"]\n', "publish"),
        ('[incident]\napprove = ["publish"]\nsigners = "none"\n', "allowed signers"),
    ],
)
def test_2_what_policy_says_is_looked_at_before_anything_is_begun(
    world: World, cli: Cli, toml: str, words: str
) -> None:
    (world.folder / "remediate.toml").write_text(toml)
    done = world.run()
    assert done.code == 2
    assert words in done.err
    assert cli("list", "--json").document == []


def test_2_a_file_that_is_no_request(world: World, cli: Cli) -> None:
    (world.folder / "x.json").write_text('{"hello": "\x1b[2Jworld"}')
    for path in ("x.json", "none", "."):
        done = cli("approve", world.folder / path, "--yes", "--json")
        assert done.code == 2
        assert set(done.document["error"]) == {"code", "message", "hint"}
