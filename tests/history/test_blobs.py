from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.history import blobs as module
from remediate.history.blobs import Blobs


@pytest.fixture
def repository(tmp_path: Path, bash: Callable[..., str]) -> tuple[Path, str]:
    bash(
        """
        git init -q r && cd r
        mkdir -p 'd ir/é'
        printf 'one\\n' > 'd ir/é/a b.txt'
        printf 'x\\0y\\n' > bin
        : > empty
        ln -s bin link
        git add . && git commit -qm first
        printf 'two\\n' > bin && git commit -qam second
        """
    )
    return tmp_path / "r", bash("git -C r rev-parse HEAD~1").strip()


def test_a_file_as_a_commit_had_it(repository: tuple[Path, str]) -> None:
    where, first = repository
    with Blobs(where) as blobs:
        assert blobs.read(first, "bin") == b"x\0y\n"
        assert blobs.read(first[:7], "bin") == b"x\0y\n"
        assert blobs.read(first.upper(), "d ir/é/a b.txt") == b"one\n"
        assert blobs.read(None, "bin") == b"two\n"
        assert blobs.read(first, "empty") == b""
        assert blobs.read(first, "empty") == b""
        assert blobs.read(first, "link") == b"bin", "a link is what it says, never followed"


def test_what_is_not_there_is_none_and_the_next_is_read_all_the_same(
    repository: tuple[Path, str],
) -> None:
    where, first = repository
    with Blobs(where) as blobs:
        for commit, path in (
            (first, "none"),
            (first, "none with spaces é"),
            (first, "d ir"),
            ("0" * 40, "bin"),
            ("0000000", "bin"),
            (first, "bin/x"),
            (first, "x" * 5000),
        ):
            assert blobs.read(commit, path) is None
            assert blobs.read(first, "bin") == b"x\0y\n"


@pytest.mark.parametrize(
    ("commit", "path"),
    [
        ("HEAD", "bin"),
        ("--batch", "bin"),
        ("main", "bin"),
        ("HEAD~1", "bin"),
        ("", "bin"),
        (None, "../r/bin"),
        (None, "./bin"),
        (None, "/bin"),
        (None, ""),
        (None, "a\nHEAD:bin"),
        (None, "a\0HEAD:bin"),
        (None, "a\ud800"),
    ],
)
def test_only_ids_and_paths_below_the_root_reach_git(
    repository: tuple[Path, str], commit: str | None, path: str
) -> None:
    with Blobs(repository[0]) as blobs:
        assert blobs.read(commit, path) is None


def test_a_large_file_is_passed_over(
    repository: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 3)
    where, first = repository
    with Blobs(where) as blobs:
        assert blobs.read(first, "d ir/é/a b.txt") is None
        assert blobs.read(first, "link") == b"bin"


def test_a_damaged_object_is_none_and_the_next_is_read(
    repository: tuple[Path, str], bash: Callable[..., str]
) -> None:
    where, first = repository
    oid = bash(f"git -C r rev-parse {first}:bin").strip()
    broken = where / ".git" / "objects" / oid[:2] / oid[2:]
    broken.chmod(0o644)
    broken.write_bytes(broken.read_bytes()[:8])
    with Blobs(where) as blobs:
        assert blobs.read(first, "bin") is None
        assert blobs.read(None, "bin") == b"two\n"


def test_where_there_is_no_repository(tmp_path: Path) -> None:
    with Blobs(tmp_path) as blobs:
        assert blobs.read(None, "bin") is None
        assert blobs.read("0" * 40, "bin") is None


def test_a_bare_repository_and_one_without_commits(
    repository: tuple[Path, str], bash: Callable[..., str], tmp_path: Path
) -> None:
    bash("git clone -q --bare r bare.git && git init -q new")
    with Blobs(tmp_path / "bare.git") as blobs:
        assert blobs.read(None, "bin") == b"two\n"
    with Blobs(tmp_path / "new") as blobs:
        assert blobs.read(None, "bin") is None
