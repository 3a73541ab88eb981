"""Old clones, each with work that was never pushed: all of it kept, nothing old left, none comes back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Cli, Done, holds

VALUE = "a-value-of-" + "some-length-" + "8f14e45f"


class Town:
    """A remote, the clone in which it was cleaned, and the commit map."""

    def __init__(self, root: Path, cli: Cli, bash: Callable[..., str], key_file: Path) -> None:
        self.root, self.cli, self.bash, self.key_file = root, cli, bash, key_file
        bash(
            f"""
            git init -q --bare remote.git
            git clone -q remote.git ours 2>/dev/null
            cd ours
            seq 40 > app.txt; git add app.txt; git commit -qm one
            echo 'key = "{VALUE}"' > secret.ini; git add secret.ini; git commit -qm "two, {VALUE}"
            git tag v1; git switch -q -c topic; echo t > topic.txt; git add .; git commit -qm topic
            git switch -q main; echo three > c; git add c; git commit -qm three
            git push -q origin main topic v1
            cd ..; echo '{VALUE}' > report.txt
            """
        )

    def clone(self, name: str) -> Path:
        self.bash(f"git clone -q remote.git {name}")
        return self.root / name

    def clean(self) -> None:
        done = self.cli(
            *("run", self.root / "report.txt", "--repo", self.root / "ours", "--yes", "--offline"),
            *("--key-file", self.key_file, "--json"),
        )
        assert done.code == 0, done.out
        done = self.cli(
            *("show", "--repo", self.root / "ours", "--commit-map", self.root / "map", "--json")
        )
        assert done.code == 0, done.err
        assert "remediate rescue map" in done.document["note"]
        assert VALUE not in done.out

    def rescue(self, where: Path, *more: str | Path) -> Done:
        return self.cli("rescue", self.root / "map", "--repo", where, "--yes", "--json", *more)

    def git(self, where: Path, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=where, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def nothing_old(self, where: Path) -> None:
        for line in (self.root / "map").read_text().splitlines()[1:]:
            old = line.split()[0]
            there = subprocess.run(["git", "cat-file", "-e", old], cwd=where, capture_output=True)
            assert there.returncode, f"{old} is still in {where}"
        count = f"git cat-file --batch --batch-all-objects --buffer | grep -ac '{VALUE}' || true"
        assert self.bash(count, where) == "0\n"
        assert holds(where, {"value": VALUE.encode()}) == []
        self.git(where, "fsck", "--strict")


@pytest.fixture
def town(tmp_path: Path, cli: Cli, bash: Callable[..., str], key_file: Path) -> Town:
    return Town(tmp_path, cli, bash, key_file)


def test_a_branch_a_merge_a_stash_and_a_rebase_are_kept(town: Town) -> None:
    ada, bob, eve = (town.clone(name) for name in ("ada", "bob", "eve"))
    town.bash(
        """
        git switch -q -c mine
        echo mine > mine.txt; git add .; git commit -qm 'mine, one'
        sed -i 's/^7$/seven/' app.txt; git commit -qam 'mine, two'
        git tag private
        """,
        ada,
    )
    town.bash(
        """
        git switch -q topic; git switch -q main
        git merge -q --no-ff -m 'merge topic' topic
        echo later >> app.txt; git stash push -qm 'one stash'
        echo 'mine = 1' >> secret.ini; git stash push -qm 'stash on the secret file'
        echo edited >> c
        """,
        bob,
    )
    town.bash(
        """
        git switch -q -c work origin/topic
        echo eve > c; git add c; git commit -qm 'eve, conflicts'
        echo more > more; git add more; git commit -qm 'eve, more'
        git rebase -q main 2>/dev/null && exit 1 || true
        test -d .git/rebase-merge
        """,
        eve,
    )
    town.clean()

    done = town.rescue(ada)
    assert done.code == 0, done.out + done.err
    assert done.document["moved"]["commits"] == 2
    assert town.git(ada, "log", "--format=%s", "origin/main..mine") == "mine, two\nmine, one"
    assert town.git(ada, "rev-parse", "private") == town.git(ada, "rev-parse", "mine")
    assert town.git(ada, "status", "--porcelain") == ""
    town.nothing_old(ada)

    done = town.rescue(bob, "--key-file", town.key_file)
    assert done.code == 0, done.out + done.err
    assert done.document["backup"]
    assert town.git(bob, "log", "-1", "--format=%s", "main") == "merge topic"
    parents = town.git(bob, "log", "-1", "--format=%P", "main").split()
    assert parents == [town.git(bob, "rev-parse", f"origin/{b}") for b in ("main", "topic")]
    stashes = town.git(bob, "stash", "list", "--format=%s")
    assert stashes == "On main: stash on the secret file\nOn main: one stash"
    assert town.git(bob, "status", "--porcelain") == "M c"
    town.git(bob, "stash", "pop", "-q")
    assert (bob / "secret.ini").read_text() == 'key = "REMOVED-secret"\nmine = 1\n'
    town.nothing_old(bob)

    assert town.git(eve, "status").startswith("interactive rebase in progress")
    done = town.rescue(eve)
    assert done.code == 0, done.out + done.err
    assert done.document["under_way"] == [f"a rebase in {eve}"]
    town.nothing_old(eve)
    town.bash("echo both > c; git add c; GIT_EDITOR=true git rebase --continue", eve)
    log = town.git(eve, "log", "--format=%s", "origin/main..work")
    assert log == "eve, more\neve, conflicts\ntopic"
    assert town.git(eve, "merge-base", "work", "origin/main") == town.git(
        eve, "rev-parse", "origin/main"
    )

    for clone, branch in ((ada, "mine"), (bob, "main"), (eve, "work")):
        town.git(clone, "push", "-q", "origin", f"{branch}:{branch}-of-{clone.name}")
    assert VALUE not in town.bash("git -C remote.git log --all -p")


def test_an_old_branch_can_not_be_merged_back_nor_pushed(town: Town) -> None:
    ada, late = town.clone("ada"), town.clone("late")
    town.bash("echo late > late; git add late; git commit -qm late", late)
    town.clean()
    assert town.rescue(ada).code == 0
    for line in (
        "git fetch -q ../late main:old",
        "git pull -q --no-rebase ../late main || { git checkout -q --ours .; git add .; git commit -qm no; }",
        "git reset -q --merge; git fetch -q ../late main; git reset -q --hard FETCH_HEAD",
    ):
        old = subprocess.run(["bash", "-c", line], cwd=ada, capture_output=True, text=True)
        assert old.returncode and "remediate rescue MAP" in old.stderr, line
    town.git(ada, "reset", "-q", "--hard", "origin/main")
    town.git(ada, "commit", "-q", "--allow-empty", "-m", "work goes on")
    town.git(ada, "push", "-q", "origin", "main")

    done = town.cli(
        "prevent", "--repo", town.root / "ours", "--server", town.root / "remote.git", "--json"
    )
    assert done.code == 0, done.out + done.err
    for branch in ("main:main", "main:refs/heads/elsewhere", "v1^0:refs/heads/older"):
        pushed = subprocess.run(
            ["git", "push", "-q", "-f", "origin", branch], cwd=late, capture_output=True, text=True
        )
        assert pushed.returncode, branch
        assert "brings back history that was cleaned" in pushed.stderr
    assert town.rescue(late).code == 0
    town.git(late, "push", "-q", "origin", "main:late")
    assert VALUE not in town.bash("git -C remote.git log --all -p")


def test_what_is_being_worked_on_is_named_and_nothing_to_do_is_said(town: Town) -> None:
    ada = town.clone("ada")
    (ada / "secret.ini").write_text(f'key = "{VALUE}"\nmine = 2\n')
    town.clean()
    done = town.rescue(ada)
    assert done.code == 4
    assert done.document["left_alone"] == ["secret.ini"]
    assert (ada / "secret.ini").read_text().endswith("mine = 2\n"), "nobody's work is touched"
    town.git(ada, "checkout", "-q", "secret.ini")
    again = town.rescue(ada)
    assert (again.code, again.document["clean"]) == (0, True), again.out
    fresh = town.clone("fresh")
    assert town.rescue(fresh).document["moved"]["refs"] == 0
    text = town.cli("rescue", town.root / "map", "--repo", fresh, "--yes").out
    assert "nothing of the old history" in text


def test_a_wrong_map_and_none_change_nothing(town: Town) -> None:
    ada = town.clone("ada")
    before = town.git(ada, "rev-parse", "main")
    town.clean()
    assert town.cli("rescue", "--repo", ada, "--yes").code == 2
    (town.root / "bad").write_text("this is no map\n")
    assert town.cli("rescue", town.root / "bad", "--repo", ada, "--yes").code == 2
    rows = (town.root / "map").read_text().splitlines()
    rows[-1] = f"{rows[-1].split()[0]} {'a' * 40}"
    (town.root / "forged").write_text("\n".join(rows) + "\n")
    done = town.cli("rescue", town.root / "forged", "--repo", ada, "--yes")
    assert done.code == 6 and "Nothing was changed" in done.err
    assert town.git(ada, "rev-parse", "main") == before
