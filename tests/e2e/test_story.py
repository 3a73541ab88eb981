"""The whole story: a key leaks, is pushed, and two colleagues work on. In the end nothing comes back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from .conftest import Cli

VALUE = "a-value-of-" + "some-length-" + "8f14e45f"


def git(where: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def refused(where: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=where, capture_output=True, text=True, check=False)
    assert done.returncode != 0, f"git {' '.join(words)} went through"
    return done.stderr


def leaks(where: Path) -> int:
    """How many lines of everything that git has there hold the value."""
    line = f"git cat-file --batch --batch-all-objects --buffer | grep -ac '{VALUE}' || true"
    return int(
        subprocess.run(["bash", "-c", line], cwd=where, capture_output=True, text=True).stdout
    )


def test_a_key_leaks_and_nothing_of_it_comes_back(
    cli: Cli, tmp_path: Path, bash: Callable[..., str], key_file: Path
) -> None:
    server, ours = tmp_path / "server.git", tmp_path / "ours"
    ada, bob = tmp_path / "ada", tmp_path / "bob"
    report = tmp_path / "report.txt"
    report.write_text(VALUE + "\n")
    incident = ("--repo", ours, "--yes", "--offline", "--key-file", key_file, "--json")

    # Somebody commits a key, pushes it, and it is cloned before anybody notices.
    bash(
        f"""
        git init -q --bare server.git; git clone -q server.git ours 2>/dev/null; cd ours
        seq 30 > app.txt; git add .; git commit -qm 'an app'
        printf 'import re\\n\\nAPI_KEY = "{VALUE}"\\n' > config.py; git add .; git commit -qm 'settings'
        git tag v1; git push -q origin main v1
        cd ..; git clone -q server.git ada; git clone -q server.git bob
        """
    )

    # Ada and Bob work on: Bob has pushed some of it, and half of it lies in a stash.
    bash("git switch -q -c feature; echo f > feature; git add .; git commit -qm 'a feature'", ada)
    bash("sed -i 's/^9$/nine/' app.txt; git commit -qam 'nine'; git push -q origin main", bob)
    bash(
        "echo half >> app.txt; git stash -q; echo own > own; git add .; git commit -qm 'my own'",
        bob,
    )

    # The history is cleaned. Bob's push came in between: it is fetched, cleaned too, and not lost.
    done = cli("run", report, *incident)
    assert done.code == 4 and any(s["id"].startswith("fetch-") for s in done.finished["manual"])
    git(ours, "fetch", "-q", "origin")
    done = cli("resume", *incident)
    assert done.code == 0, done.out
    assert leaks(ours) == 0 and "nine" in git(server, "log", "--format=%s", "main")
    assert cli("verify", report, "--repo", ours, "--remote").code == 0

    # Whoever knows an old id still gets it from the server, and that is said.
    by_id = cli("verify", report, "--repo", ours, "--by-id", "--json")
    assert by_id.code == 4 and by_id.document["served_by_id"]
    assert "still hands out" in cli("list", "--json").document[0]["waiting"]

    # What keeps it from coming back, here and on the server; and what the colleagues are sent.
    assert cli("prevent", "--repo", ours).code == 0
    assert cli("prevent", "--repo", ours, "--server", server).code == 0
    sent = cli("show", "--repo", ours, "--commit-map", tmp_path / "map", "--json").document["note"]
    assert "remediate rescue map" in sent and VALUE not in sent

    # Bob did not read the note. The server takes nothing of his, however he tries.
    for refspec in ("main", "main:fresh", "v1^0:refs/tags/old"):
        assert "history that was cleaned" in refused(bob, "push", "-f", "origin", refspec)

    # Now they read it.
    for clone in (ada, bob):
        done = cli("rescue", tmp_path / "map", "--repo", clone, "--yes", "--json")
        assert done.code == 0, done.out + done.err
        assert leaks(clone) == 0
    assert git(ada, "log", "--format=%s", "origin/main..feature") == "a feature"
    assert git(bob, "log", "--format=%s", "origin/main..main") == "my own"

    # They go on working, as if nothing had been.
    git(bob, "stash", "pop", "-q")
    git(bob, "commit", "-qam", "the other half")
    git(bob, "push", "-q", "origin", "main")
    bash(
        "git rebase -q origin/main 2>/dev/null || git rebase --abort; git push -q origin feature",
        ada,
    )
    git(ada, "pull", "-q", "--rebase", "origin", "main")
    git(ada, "push", "-q", "-f", "origin", "feature")

    # The key is not typed in once more by the one who had it in an editor.
    (ours / "config.py").write_text(f'API_KEY = "{VALUE}"\n')
    git(ours, "add", "config.py")
    stopped = subprocess.run(
        ["git", "commit", "-qm", "oops"], cwd=ours, capture_output=True, text=True
    )
    assert stopped.returncode and "a secret that leaked before" in stopped.stdout + stopped.stderr
    git(ours, "checkout", "-q", "HEAD", "--", "config.py")
    assert leaks(ours) == 1, "what was staged lies there still, and verify would say so"
    git(ours, "prune", "--expire=now")

    # The server tidies up; and then, and only then, the incident is closed.
    git(server, "reflog", "expire", "--expire=now", "--all")
    git(server, "gc", "-q", "--prune=now")
    assert leaks(server) == 0
    assert cli("verify", report, "--repo", ours, "--by-id").code == 0
    online = tuple(word for word in incident if word != "--offline")
    done = cli("resume", *online)
    assert done.finished["status"] in ("clean", "manual"), done.out
    assert not [w for w in cli("list", "--json").document if "hands out" in w["waiting"]]
