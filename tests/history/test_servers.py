"""Publishing to real git servers, over http and over ssh, each with a quirk: right, or said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import RemoteError
from remediate.history.byid import choose, still_served
from remediate.history.model import Needle
from remediate.history.publish import push
from remediate.history.remote import Cause, address, verify_remote
from remediate.history.verify import verify

from . import servers
from .hosted import Hosted


@pytest.fixture(params=["http", "ssh"])
def served(
    request: pytest.FixtureRequest,
    make_lab: Callable[..., Any],
    make_needle: Callable[..., Needle],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Hosted]:
    """A remote behind a real server, and a clone whose history is clean already."""
    work = tmp_path / "server"
    work.mkdir()
    with ExitStack() as stack:
        if request.param == "http":
            base = stack.enter_context(servers.http(tmp_path, work))
        else:
            base, command = stack.enter_context(servers.ssh(tmp_path, work))
            monkeypatch.setenv("GIT_SSH_COMMAND", command)
        hosted = Hosted(make_lab, make_needle("tok_" + "0123456789abcdef", "test"), tmp_path)
        hosted.in_remote("config", "http.receivepack", "true")
        hosted.lab.git("remote", "set-url", "origin", f"{base}/remote.git")
        yield hosted


def is_clean(hosted: Hosted) -> bool:
    url = address(hosted.repo, "origin")
    return verify_remote(url, [hosted.secret], hosted.root / "w", verify, like=hosted.repo).clean


def by_id(hosted: Hosted) -> tuple[int, int]:
    tips = [change.old for change in hosted.rehearsal.refs]
    ids, unasked = choose(hosted.rehearsal, tips, [hosted.leak])
    assert unasked == 0
    found = still_served(address(hosted.repo, "origin"), ids, hosted.root / "w", like=hosted.repo)
    assert set(found.served) | set(found.gone) == set(ids)
    assert not list((hosted.root / "w").iterdir()), "what came is gone again"
    return len(found.served), len(found.gone)


def collect_garbage(hosted: Hosted) -> None:
    hosted.in_remote("reflog", "expire", "--expire=now", "--all")
    hosted.in_remote("gc", "-q", "--prune=now")


def test_it_goes_up_whole_and_old_ids_are_served_until_the_server_tidies(served: Hosted) -> None:
    served.in_remote("config", "uploadpack.allowAnySHA1InWant", "true")
    assert not is_clean(served)
    result = push(served.repo, served.plan())
    assert result.atomic and result.refused == ()
    assert is_clean(served), "no ref leads to it any more"
    had, gone = by_id(served)
    assert had and gone == 1, "all but the commit that was never pushed"
    collect_garbage(served)
    assert by_id(served) == (0, had + gone)


def test_a_hook_that_protects_a_branch_keeps_everything_as_it_was(served: Hosted) -> None:
    served.hook(
        "pre-receive",
        'while read old new ref; do case $ref in refs/heads/main) echo "GitLab: You are not allowed '
        'to force push code to a protected branch on this project." >&2; exit 1;; esac; done',
    )
    before = served.refs()
    result = push(served.repo, replace(served.plan(), host_refs=()))
    assert {ref.cause for ref in result.refused} == {Cause.PROTECTED}
    assert served.refs() == before and not is_clean(served)
    (served.remote / "hooks/pre-receive").unlink()
    assert push(served.repo, served.plan()).refused == ()


def test_who_pushed_in_between_loses_nothing(served: Hosted) -> None:
    plan = served.plan()
    colleague = served.colleague()
    theirs = colleague.commit({"b": "theirs"}, "on the old history")
    colleague.git("push", "-q", "origin", "main")
    result = push(served.repo, plan)
    assert {r.name: r.cause for r in result.refused}["refs/heads/main"] is Cause.STALE
    assert served.refs()["refs/heads/main"] == theirs


def test_words_about_another_push_make_no_race_of_a_hooks_refusal(served: Hosted) -> None:
    served.hook("pre-receive", 'echo "error: failed to update ref: fetch first" >&2; exit 1')
    before = served.refs()
    result = push(served.repo, replace(served.plan(), host_refs=()))
    assert {ref.cause for ref in result.refused} == {Cause.HOOK}
    assert served.refs() == before


def test_a_quota_is_told_as_one(served: Hosted) -> None:
    served.in_remote("config", "receive.maxInputSize", "64")
    before = served.refs()
    result = push(served.repo, replace(served.plan(), host_refs=()))
    assert {ref.cause for ref in result.refused} == {Cause.SIZE}
    assert served.refs() == before
    served.in_remote("config", "--unset", "receive.maxInputSize")
    served.hook("pre-receive", 'echo "error: storage quota exceeded" >&2; exit 1')
    result = push(served.repo, replace(served.plan(), host_refs=()))
    assert {ref.cause for ref in result.refused} == {Cause.SIZE}


def test_pull_refs_that_the_server_hides_are_found_by_id(served: Hosted) -> None:
    served.in_remote("config", "transfer.hideRefs", "refs/pull")
    plan = served.plan()
    assert plan.host_refs == ()
    assert push(served.repo, plan).refused == ()
    assert is_clean(served), "nothing that it shows"
    collect_garbage(served)
    assert by_id(served)[0] > 0, "the hidden ref keeps them alive"


def test_without_transactions_each_ref_goes_by_itself(served: Hosted) -> None:
    served.in_remote("config", "receive.advertiseAtomic", "false")
    served.hook("update", "case $1 in refs/heads/topic) exit 1;; esac")
    result = push(served.repo, replace(served.plan(), host_refs=()))
    assert not result.atomic
    assert [(ref.name, ref.cause) for ref in result.refused] == [("refs/heads/topic", Cause.HOOK)]
    assert not is_clean(served)
    (served.remote / "hooks/update").unlink()
    assert push(served.repo, served.plan()).refused == ()
    assert is_clean(served)


def test_a_server_that_is_down_proves_nothing(served: Hosted) -> None:
    served.lab.git("remote", "set-url", "origin", "http://127.0.0.1:9/git/remote.git")
    with pytest.raises(RemoteError, match="could not be reached"):
        by_id(served)
