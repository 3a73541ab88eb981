from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediate.history.matcher import cleaner
from remediate.history.model import Needle
from remediate.history.publish import PushPlan, plan_push, push
from remediate.history.remote import Cause

from .hosted import Hosted

SECRET = "tok_" + "Rn5Kd8Ws2Qz6Lp"
OLD = {f"refs/heads/fix/{SECRET}", f"refs/tags/v-{SECRET}"}
NEW = {"refs/heads/fix/REMOVED-test", "refs/tags/v-REMOVED-test"}


class Named(Hosted):
    """A remote with a branch and a tag whose names hold the secret."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.clean = cleaner([self.secret])
        self.in_remote("update-ref", f"refs/heads/fix/{SECRET}", self.leak)
        self.in_remote("update-ref", f"refs/tags/v-{SECRET}", "refs/heads/clean")

    def plan(self) -> PushPlan:
        return plan_push(self.repo, self.rehearsal, "origin", self.clean)


@pytest.fixture
def named(
    make_lab: Callable[..., Any], make_needle: Callable[..., Needle], tmp_path: Path
) -> Named:
    return Named(make_lab, make_needle(SECRET, "test"), tmp_path)


@pytest.mark.parametrize("atomic", [True, False])
def test_the_new_name_comes_and_the_old_one_goes(
    atomic: bool, named: Named, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named.in_remote("config", "receive.advertiseAtomic", str(atomic))
    real = shutil.which("git")
    seen = tmp_path / "seen"
    shim = tmp_path / "bin" / "git"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\n{{ echo "$@"; env; }} >> "{seen}"\nexec {real} "$@"\n')
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{shim.parent}{os.pathsep}{os.environ['PATH']}")
    plan = named.plan()
    assert SECRET not in repr(plan)
    assert {change.name for change in plan.renames} == NEW
    result = push(named.repo, plan, clean=named.clean)
    assert result.refused == ()
    assert {ref.name for ref in result.refs} >= NEW
    assert SECRET not in seen.read_text(), "in no argument and no environment"
    refs = named.refs()
    assert not OLD & refs.keys() and refs.keys() >= NEW
    assert refs["refs/heads/fix/REMOVED-test"] == named.rehearsal.objects[named.leak]
    assert refs["refs/tags/v-REMOVED-test"] == refs["refs/heads/clean"]
    assert push(named.repo, plan, clean=named.clean).refused == (), "again is as good"
    assert named.plan().changes == ()


def test_half_done_it_goes_on(named: Named) -> None:
    plan = named.plan()
    named.in_remote("update-ref", "refs/tags/v-REMOVED-test", "refs/heads/clean")
    assert push(named.repo, plan, clean=named.clean).refused == ()
    assert not OLD & named.refs().keys()
    assert {name for name in named.refs() if "REMOVED" in name} == NEW


def test_what_somebody_moved_since_is_left(named: Named) -> None:
    plan = named.plan()
    named.in_remote("update-ref", f"refs/tags/v-{SECRET}", "refs/tags/light")
    refused = push(named.repo, plan, clean=named.clean).refused
    assert [(ref.name, ref.cause) for ref in refused] == [("refs/tags/v-REMOVED-test", Cause.STALE)]
    refs = named.refs()
    assert f"refs/tags/v-{SECRET}" in refs and "refs/tags/v-REMOVED-test" not in refs
    assert f"refs/heads/fix/{SECRET}" not in refs


def test_a_commit_that_nobody_here_has_seen_is_unknown(named: Named) -> None:
    other = named.colleague()
    since = other.commit({"x": "1"}, "somebody's")
    other.git("push", "-q", "origin", f"{since}:refs/heads/fix/{SECRET}", "--force")
    plan = named.plan()
    assert [(ref.name, ref.oid) for ref in plan.unknown] == [("refs/heads/fix/REMOVED-test", since)]


def test_a_refusal_is_said(named: Named) -> None:
    named.in_remote("config", "receive.denyDeletes", "true")
    refused = push(named.repo, named.plan(), clean=named.clean).refused
    assert {ref.name for ref in refused} == NEW
    assert named.refs().keys() >= OLD
