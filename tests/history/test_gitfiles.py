from __future__ import annotations

from pathlib import Path
from typing import Any

from remediate.history import gitfiles
from remediate.history.edits import Ids
from remediate.history.repo import open_repo

SECRET = b"tok_" + b"0123456789abcdef"


def _clean(data: bytes) -> bytes:
    return data.replace(SECRET, b"REMOVED-test")


def _changed(lab: Any, objects: dict[str, str] | None = None) -> dict[str, bytes]:
    repo = open_repo(lab.path)
    ids = Ids(objects or {}, objects or {})
    edits = list(gitfiles.plan(repo, ids, _clean))
    return {str(edit.path.relative_to(repo.common_dir)): edit.after for edit in edits}


def _put(lab: Any, name: str, content: bytes) -> Path:
    path = Path(lab.path) / ".git" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_texts_are_cleaned_wherever_they_are(lab: Any) -> None:
    names = [
        *("COMMIT_EDITMSG", "MERGE_MSG", "hooks/post-commit", "info/exclude"),
        *("rr-cache/1/preimage", "rebase-merge/message", "modules/sub/config", "description"),
    ]
    for name in names:
        _put(lab, name, b"x " + SECRET + b"\n")
    assert _changed(lab) == dict.fromkeys(names, b"x REMOVED-test\n")


def test_what_has_a_reader_of_its_own_is_not_touched(lab: Any) -> None:
    names = [
        *(
            "objects/info/alternates",
            "objects/aa/x",
            "refs/heads/x",
            "logs/HEAD",
            "index",
            "packed-refs",
            "ORIG_HEAD",
        ),
        *("lfs/objects/aa/x", "modules/sub/objects/aa/x", "modules/sub/refs/heads/x", "x.lock"),
    ]
    for name in names:
        _put(lab, name, SECRET)
    assert _changed(lab) == {}


def test_an_address_in_config_loses_its_user_info_only_where_it_leaks(lab: Any) -> None:
    _put(
        lab,
        "config",
        b'[remote "a"]\n\turl = https://me:' + SECRET + b"@h/r\n\turl = https://me@h/r\n"
        b"[http]\n\textraheader = Authorization: " + SECRET + b"\n",
    )
    assert _changed(lab)["config"] == (
        b'[remote "a"]\n\turl = https://h/r\n\turl = https://me@h/r\n'
        b"[http]\n\textraheader = Authorization: REMOVED-test\n"
    )


def test_fetch_head_gets_the_new_ids_and_others_do_not(lab: Any) -> None:
    old, new = "a" * 40, "b" * 40
    _put(lab, "FETCH_HEAD", f"{old}\t\tbranch 'x' of h\n".encode())
    _put(lab, "filter-repo/commit-map", f"{old} {new}\n".encode())
    assert _changed(lab, {old: new}) == {"FETCH_HEAD": f"{new}\t\tbranch 'x' of h\n".encode()}


def test_links_and_other_worktrees_files(lab: Any, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(SECRET)
    (lab.path / ".git/hooks").mkdir(exist_ok=True)
    (lab.path / ".git/hooks/pre-push").symlink_to(outside)
    lab.commit({"f": "1"})
    lab.worktree(tmp_path / "side", "--detach", "HEAD")
    _put(lab, "worktrees/side/COMMIT_EDITMSG", SECRET)
    assert _changed(lab) == {"worktrees/side/COMMIT_EDITMSG": b"REMOVED-test"}
    assert outside.read_bytes() == SECRET
