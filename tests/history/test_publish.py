from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import RemoteError, RepositoryError
from remediate.history.model import Needle
from remediate.history.publish import plan_push, push
from remediate.history.remote import Cause

from .hosted import Hosted


@pytest.fixture
def hosted(
    make_lab: Callable[..., Any], make_needle: Callable[..., Needle], tmp_path: Path
) -> Hosted:
    return Hosted(make_lab, make_needle("tok_" + "0123456789abcdef", "test"), tmp_path)


AFFECTED = {
    "refs/heads/main",
    "refs/heads/topic",
    "refs/tags/v1",
    "refs/tags/light",
    "refs/custom/x",
}


def test_the_plan_names_what_the_remote_has_now(hosted: Hosted) -> None:
    plan = hosted.plan()
    assert {change.name for change in plan.refs} == AFFECTED
    assert [change.name for change in plan.host_refs] == ["refs/pull/3/head"]
    there = hosted.refs()
    for change in (*plan.refs, *plan.host_refs):
        assert change.old == there[change.name]
        assert change.new == hosted.rehearsal.objects[change.old]
    assert plan.clean == 2
    assert plan.done == plan.moved == plan.unknown == plan.stuck == ()


def test_every_affected_ref_is_replaced_and_no_other(hosted: Hosted) -> None:
    before = hosted.refs()
    result = push(hosted.repo, hosted.plan())
    assert result.atomic and result.refused == ()
    after = hosted.refs()
    assert after == {name: hosted.rehearsal.objects.get(oid, oid) for name, oid in before.items()}
    assert not set(after.values()) & set(hosted.rehearsal.doomed)
    assert hosted.rehearsal.objects[hosted.unpushed] not in after.values(), "work stays unpublished"
    assert hosted.lab.git("rev-parse", "origin/main") == after["refs/heads/main"]
    assert hosted.lab.git("status", "-sb").splitlines()[0] == "## main...origin/main [ahead 1]"


def test_pushed_again_it_is_done(hosted: Hosted) -> None:
    plan = hosted.plan()
    first = push(hosted.repo, plan)
    assert push(hosted.repo, plan) == first
    again = hosted.plan()
    assert again.refs == again.host_refs == ()
    assert set(again.done) == AFFECTED | {"refs/pull/3/head"}
    assert push(hosted.repo, again).refs == ()


def test_half_pushed_it_goes_on(hosted: Hosted) -> None:
    plan = hosted.plan()
    push(hosted.repo, replace(plan, refs=plan.refs[:2], host_refs=()))
    assert push(hosted.repo, plan).refused == ()
    assert hosted.plan().refs == ()


def test_somebody_who_pushed_since_is_not_overwritten(hosted: Hosted) -> None:
    plan = hosted.plan()
    colleague = hosted.colleague()
    theirs = colleague.commit({"b": "theirs"}, "on the old history")
    colleague.git("push", "-q", "origin", "main")
    result = push(hosted.repo, plan)
    causes = {ref.name: ref.cause for ref in result.refused}
    assert causes.pop("refs/heads/main") is Cause.STALE
    assert set(causes.values()) == {Cause.TOGETHER}
    assert set(causes) == AFFECTED - {"refs/heads/main"}
    assert hosted.refs()["refs/heads/main"] == theirs
    again = hosted.plan()
    assert [ref.name for ref in again.moved] == ["refs/heads/main"]
    assert again.moved[0].oid == theirs
    old = next(c.old for c in hosted.rehearsal.refs if c.name == "refs/remotes/origin/main")
    assert again.moved[0].expected == old


def test_a_branch_that_came_up_since_is_unknown(hosted: Hosted) -> None:
    colleague = hosted.colleague()
    colleague.git("checkout", "-q", "-b", "theirs")
    theirs = colleague.commit({"b": "theirs"})
    colleague.git("push", "-q", "origin", "theirs")
    plan = hosted.plan()
    assert [(ref.name, ref.oid, ref.expected) for ref in plan.unknown] == [
        ("refs/heads/theirs", theirs, None)
    ]
    assert push(hosted.repo, plan).refused == ()
    assert hosted.refs()["refs/heads/theirs"] == theirs


def test_a_branch_that_the_clone_never_had_but_whose_commit_it_knows_goes_too(
    hosted: Hosted,
) -> None:
    hosted.in_remote("update-ref", "refs/heads/late", hosted.leak)
    plan = hosted.plan()
    assert "refs/heads/late" in {change.name for change in plan.refs}
    push(hosted.repo, plan)
    assert hosted.refs()["refs/heads/late"] == hosted.rehearsal.objects[hosted.leak]


def test_a_protected_branch_is_said(hosted: Hosted) -> None:
    hosted.hook(
        "pre-receive",
        'while read old new ref; do case $ref in refs/heads/main) echo "error: GH006: Protected '
        'branch update failed for refs/heads/main." >&2; exit 1;; esac; done',
    )
    before = hosted.refs()
    result = push(hosted.repo, replace(hosted.plan(), host_refs=()))
    assert {ref.cause for ref in result.refused} == {Cause.PROTECTED}
    assert "protection rule" in result.refused[0].why
    assert hosted.refs() == before, "all or none"


def test_an_update_hook_is_said(hosted: Hosted) -> None:
    hosted.hook("update", "case $1 in refs/heads/topic) echo no >&2; exit 1;; esac")
    before = hosted.refs()
    result = push(hosted.repo, replace(hosted.plan(), host_refs=()))
    causes = {ref.name: ref.cause for ref in result.refused}
    assert causes.pop("refs/heads/topic") is Cause.HOOK
    assert set(causes.values()) == {Cause.TOGETHER}
    assert hosted.refs() == before


def test_hidden_refs_are_tried_apart_and_said(hosted: Hosted) -> None:
    hosted.in_remote("config", "receive.hideRefs", "refs/pull")
    result = push(hosted.repo, hosted.plan())
    assert [(ref.name, ref.cause) for ref in result.refused] == [("refs/pull/3/head", Cause.HIDDEN)]
    assert {ref.name for ref in result.refs if ref.pushed} == AFFECTED


def test_a_hidden_ref_keeps_no_other_back(hosted: Hosted) -> None:
    hosted.in_remote("config", "receive.hideRefs", "refs/custom")
    result = push(hosted.repo, hosted.plan())
    assert [(ref.name, ref.cause) for ref in result.refused] == [("refs/custom/x", Cause.HIDDEN)]


def test_a_server_without_transactions_takes_one_by_one(hosted: Hosted) -> None:
    hosted.in_remote("config", "receive.advertiseAtomic", "false")
    hosted.hook("update", "case $1 in refs/heads/topic) exit 1;; esac")
    result = push(hosted.repo, replace(hosted.plan(), host_refs=()))
    assert not result.atomic
    assert [(ref.name, ref.cause) for ref in result.refused] == [("refs/heads/topic", Cause.HOOK)]
    after = hosted.refs()
    for name in AFFECTED - {"refs/heads/topic"}:
        assert after[name] not in hosted.rehearsal.doomed


def test_a_hook_over_all_refs_is_tried_ref_by_ref_without_transactions(hosted: Hosted) -> None:
    hosted.in_remote("config", "receive.advertiseAtomic", "false")
    hosted.hook(
        "pre-receive",
        "while read old new ref; do case $ref in refs/heads/main) exit 1;; esac; done",
    )
    result = push(hosted.repo, replace(hosted.plan(), host_refs=()))
    assert [(ref.name, ref.cause) for ref in result.refused] == [("refs/heads/main", Cause.HOOK)]


def test_a_remote_that_is_gone_is_an_error(hosted: Hosted) -> None:
    plan = hosted.plan()
    hosted.remote.rename(hosted.root / "elsewhere.git")
    with pytest.raises(RemoteError, match="could not be reached"):
        push(hosted.repo, plan)
    with pytest.raises(RemoteError):
        hosted.plan()


def test_a_remote_that_can_not_be_written_is_said(hosted: Hosted) -> None:
    plan = hosted.plan()
    # root may write anywhere: a receive-pack that ends at once stands for a lost connection.
    hosted.lab.git("config", "remote.origin.receivepack", "false")
    result = push(hosted.repo, plan)
    assert {ref.cause for ref in result.refused} == {Cause.UNREACHABLE}


def test_the_clones_hooks_and_mirror_settings_do_not_count(hosted: Hosted) -> None:
    hook = hosted.lab.path / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch ran\nexit 1\n")
    hook.chmod(0o755)
    hosted.lab.git("config", "remote.origin.mirror", "true")
    hosted.lab.git("config", "push.followTags", "true")
    hosted.lab.git("tag", "-a", "-m", "mine", "private", "origin/main")
    assert push(hosted.repo, hosted.plan()).refused == ()
    assert not (hosted.lab.path / "ran").exists()
    assert "refs/tags/private" not in hosted.refs()
    assert "refs/heads/clean" in hosted.refs(), "nothing is deleted"


def test_a_remote_that_is_not_there_or_twice_is_named(hosted: Hosted) -> None:
    with pytest.raises(RepositoryError, match="no remote named upstream"):
        plan_push(hosted.repo, hosted.rehearsal, "upstream")
    hosted.lab.git("remote", "set-url", "--add", "--push", "origin", str(hosted.remote))
    hosted.lab.git("remote", "set-url", "--add", "--push", "origin", "/mirror.git")
    with pytest.raises(RepositoryError, match="2 addresses"):
        hosted.plan()


def test_the_push_address_counts_and_may_be_relative(hosted: Hosted) -> None:
    hosted.lab.git("remote", "set-url", "origin", "/nowhere.git")
    hosted.lab.git("remote", "set-url", "--push", "origin", "../remote.git")
    plan = hosted.plan()
    assert {change.name for change in plan.refs} == AFFECTED
    assert push(hosted.repo, plan).refused == ()


def test_many_refs_go_in_several_pushes(hosted: Hosted, monkeypatch: Any) -> None:
    from remediate.history import publish

    monkeypatch.setattr(publish, "_COMMAND_LINE", 300)
    result = push(hosted.repo, hosted.plan())
    assert result.refused == () and len(result.refs) == 6
