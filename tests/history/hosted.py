"""A bare remote, a clone of it, and the clone's rewrite: what the tests of publishing begin with."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remediate.history.apply import apply
from remediate.history.model import Needle, Rehearsal
from remediate.history.publish import PushPlan, plan_push
from remediate.history.purge import purge
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo


class Hosted:
    """A bare remote, a clone of it, and the clone's rewrite, applied and purged."""

    def __init__(self, make_lab: Callable[..., Any], secret: Needle, root: Path) -> None:
        value = secret.secret.reveal()
        seed = make_lab("seed")
        seed.commit({"a": "1"})
        seed.git("branch", "clean")
        seed.git("tag", "v0")
        self.leak = seed.commit({"f": value}, "leak")
        seed.git("tag", "-a", "-m", "first", "v1")
        seed.git("tag", "light")
        seed.git("branch", "topic")
        seed.commit({"a": "2"})
        self.remote = root / "remote.git"
        seed.git("clone", "-q", "--bare", ".", str(self.remote))
        self.in_remote("update-ref", "refs/pull/3/head", self.leak)
        self.in_remote("update-ref", "refs/custom/x", self.leak)
        seed.git("clone", "-q", str(self.remote), str(root / "clone"))
        self.lab = type(seed)(root / "clone", existing=True)
        self.lab.git(
            "fetch", "-q", "origin", "refs/pull/*:refs/pull/*", "refs/custom/*:refs/custom/*"
        )
        self.secret = secret
        self.root = root
        self.unpushed = self.lab.commit({"mine": "1"}, "never pushed")
        self.repo = open_repo(self.lab.path)
        self.rehearsal = self.rewrite()

    def rewrite(self) -> Rehearsal:
        rehearsal = rehearse(self.repo, [self.secret], self.root / "quarantine")
        apply(self.repo, rehearsal, [self.secret])
        purge(self.repo, rehearsal)
        return rehearsal

    def in_remote(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.remote, check=True, capture_output=True, text=True
        ).stdout.strip()

    def refs(self) -> dict[str, str]:
        rows = self.in_remote("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(row.split() for row in rows)  # type: ignore[arg-type,misc]

    def colleague(self) -> Any:
        """Somebody else's clone of the remote."""
        self.lab.git("clone", "-q", str(self.remote), str(self.root / "colleague"))
        return type(self.lab)(self.root / "colleague", existing=True)

    def hook(self, name: str, text: str) -> None:
        path = self.remote / "hooks" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def plan(self) -> PushPlan:
        return plan_push(self.repo, self.rehearsal, "origin")
