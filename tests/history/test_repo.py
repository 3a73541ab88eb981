from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from remediate.errors import BusyError, ExitStatus, RepositoryError
from remediate.history.repo import open_repo, require_rewritable

if TYPE_CHECKING:
    from tests.history.conftest import Lab

MakeLab = Callable[..., "Lab"]


def test_any_path_into_a_repository_opens_the_same_one(lab: Lab, tmp_path: Path) -> None:
    lab.commit({"a/b": "x"})
    lab.worktree(tmp_path / "linked", "-b", "side", "HEAD")
    top = open_repo(lab.path)
    for path in (lab.path / "a", lab.path / ".git", tmp_path / "linked"):
        assert open_repo(path).common_dir == top.common_dir == lab.path / ".git"
    linked = open_repo(tmp_path / "linked")
    assert linked.work_tree == tmp_path / "linked"
    assert linked.git_dir == top.common_dir / "worktrees" / "linked"
    assert [tree.path for tree in top.worktrees] == [lab.path, tmp_path / "linked"]
    assert top.work_tree == lab.path
    assert not top.bare


def test_a_bare_repository_has_no_work_tree(make_lab: MakeLab) -> None:
    bare = make_lab("bare.git", "--bare")
    repo = open_repo(bare.path)
    assert repo.bare and repo.work_tree is None and repo.worktrees[0].path is None
    assert repo.refs() == ()
    require_rewritable(repo)


def test_a_git_directory_elsewhere_and_a_submodule(
    lab: Lab, make_lab: MakeLab, tmp_path: Path
) -> None:
    make_lab("apart", f"--separate-git-dir={tmp_path / 'elsewhere'}")
    apart = open_repo(tmp_path / "apart")
    assert apart.common_dir == tmp_path / "elsewhere" and apart.work_tree == tmp_path / "apart"
    inner = make_lab("inner")
    inner.commit({"x": "y"})
    lab.commit({"a": "b"})
    lab.git("submodule", "--quiet", "add", str(inner.path), "sub")
    sub = open_repo(lab.path / "sub")
    assert sub.work_tree == lab.path / "sub"
    assert open_repo(sub.common_dir).work_tree == lab.path / "sub"


def test_sha256_is_told(make_lab: MakeLab) -> None:
    repo = open_repo(make_lab("s", "--object-format=sha256").path)
    assert repo.object_format == "sha256" and repo.hex_length == 64 == len(repo.null_id)


def test_no_repository_is_a_named_refusal(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(RepositoryError) as caught:
            open_repo(path)
        assert caught.value.exit_status is ExitStatus.REPOSITORY
        assert "--repo" in caught.value.hint


def test_refs_of_every_namespace_and_worktree(lab: Lab, tmp_path: Path) -> None:
    one = lab.commit({"a": "1"})
    two = lab.commit({"a": "2"})
    lab.git("tag", "-m", "t", "v1")
    for name in ("refs/pull/1/head", "refs/remotes/origin/main", "refs/replace/" + one, "refs/odd"):
        lab.git("update-ref", name, two)
    lab.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    lab.git("update-ref", "ORIG_HEAD", one)
    lab.worktree(tmp_path / "linked", "--detach", one).git("update-ref", "refs/bisect/bad", two)
    refs = {ref.name: ref for ref in open_repo(lab.path).refs()}
    assert {name for name in refs if not refs[name].symbolic} == {
        "refs/heads/main",
        "refs/tags/v1",
        "refs/pull/1/head",
        "refs/remotes/origin/main",
        "refs/replace/" + one,
        "refs/odd",
        "ORIG_HEAD",
        "worktrees/linked/HEAD",
        "worktrees/linked/ORIG_HEAD",
        "worktrees/linked/refs/bisect/bad",
    } - ({"worktrees/linked/ORIG_HEAD"} - set(refs))
    assert refs["HEAD"].symbolic == "refs/heads/main" and refs["HEAD"].pseudo
    assert refs["worktrees/linked/HEAD"].oid == one
    assert refs["refs/tags/v1"].oid == lab.git("rev-parse", "refs/tags/v1")
    assert refs["refs/remotes/origin/HEAD"].symbolic == "refs/remotes/origin/main"
    assert list(refs) == sorted(refs)
    for ref in refs.values():
        lab.git("update-ref", "--no-deref", ref.name, ref.oid, ref.oid)


def _rebase(lab: Lab) -> None:
    lab.commit({"a": "1"})
    (lab.path / ".git" / "rebase-merge").mkdir()


def _merge(lab: Lab) -> None:
    (lab.path / ".git" / "MERGE_HEAD").write_text(lab.commit({"a": "1"}) + "\n")


def _bisect(lab: Lab) -> None:
    lab.commit({"a": "1"})
    lab.git("bisect", "start")


def _lock(lab: Lab) -> None:
    (lab.path / ".git" / "index.lock").touch()


def _gc(lab: Lab) -> None:
    (lab.path / ".git" / "gc.pid").write_text(f"{os.getpid()} {os.uname().nodename}")


def _keep(lab: Lab) -> None:
    lab.commit({"a": "1"})
    lab.git("repack", "-q", "-a", "-d")
    next((lab.path / ".git/objects/pack").glob("*.pack")).with_suffix(".keep").touch()


def _precious(lab: Lab) -> None:
    lab.git("config", "core.repositoryformatversion", "1")
    lab.git("config", "extensions.preciousObjects", "true")


def _partial(lab: Lab) -> None:
    lab.git("config", "remote.origin.promisor", "true")


def _shallow(lab: Lab) -> None:
    (lab.path / ".git" / "shallow").write_text(lab.commit({"a": "1"}) + "\n")


def _borrows(lab: Lab) -> None:
    (lab.path / ".git/objects/info/alternates").write_text(str(lab.path.parent) + "\n")


@pytest.mark.parametrize(
    ("spoil", "named", "way_out"),
    [
        (_rebase, "rebase", "--abort"),
        (_merge, "merge", "--abort"),
        (_bisect, "bisection", "bisect reset"),
        (_lock, "index.lock", "rm "),
        (_gc, "git gc", "Wait"),
        (_keep, ".keep", "rm "),
        (_precious, "preciousObjects", "--unset"),
        (_partial, "partial", "git clone"),
        (_shallow, "shallow", "--unshallow"),
        (_borrows, "borrows", "repack"),
    ],
)
def test_what_is_in_the_way_is_named_with_the_way_out(
    lab: Lab, spoil: Callable[[Lab], None], named: str, way_out: str
) -> None:
    require_rewritable(open_repo(lab.path))
    spoil(lab)
    with pytest.raises(RepositoryError) as caught:
        require_rewritable(open_repo(lab.path))
    assert named in caught.value.message
    assert way_out in caught.value.hint
    assert isinstance(caught.value, BusyError) == (spoil in (_lock, _gc))


def test_a_dead_gc_is_not_in_the_way(lab: Lab) -> None:
    (lab.path / ".git" / "gc.pid").write_text(f"999999999 {os.uname().nodename}")
    require_rewritable(open_repo(lab.path))


def test_a_path_with_a_line_break_is_named_as_the_reason(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "one\ntwo"
    lab.path.rename(folder)
    with pytest.raises(RepositoryError, match="path has a line break in it"):
        open_repo(folder)


def test_a_git_that_is_too_old_is_named_as_the_reason(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git 2.25 says --path-format=absolute again, and a relative common directory."""
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text(
        "#!/bin/sh\nprintf '%s\\n' --path-format=absolute /r/.git .git sha1 false true\n"
    )
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
    with pytest.raises(RepositoryError, match="older than 2"):
        open_repo(lab.path)
