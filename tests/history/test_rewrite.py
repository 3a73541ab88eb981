"""What a rewrite changes, and what it must not: odd objects of every sort, byte for byte."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from remediate.history import git
from remediate.history.model import Needle, Rehearsal
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo

if TYPE_CHECKING:
    from tests.history.conftest import Lab

MakeNeedle = Callable[..., Needle]
MakeLab = Callable[..., "Lab"]

TOKEN = "tok-" + "en/1234+5678=90"


class Look:
    """A rehearsal of one secret, and the new objects in it."""

    def __init__(self, lab: Lab, *needles: Needle) -> None:
        self.lab = lab
        self.result: Rehearsal = rehearse(
            open_repo(lab.path),
            needles,
            lab.path.parent / f"q{len(list(lab.path.parent.iterdir()))}",
        )
        self.where = Path(self.result.quarantine)

    def new(self, old: str) -> bytes:
        """The bytes of an object's successor."""
        return self.bytes_of(self.result.objects[old])

    def bytes_of(self, oid: str) -> bytes:
        kind = git.text(self.where, "cat-file", "-t", oid)
        return git.run(self.where, "cat-file", kind, oid)

    def ref(self, name: str) -> str | None:
        return next((r.new for r in self.result.refs if r.name == name), None)

    def lost(self) -> set[tuple[str, str]]:
        return {(lost.kind, lost.object) for lost in self.result.lost}


@pytest.fixture
def token(make_needle: MakeNeedle) -> Needle:
    return make_needle(TOKEN, "token")


def test_only_what_holds_it_or_descends_from_it_changes(lab: Lab, token: Needle) -> None:
    first = lab.commit({"a": "1", "deep/er/b": "1"})
    lab.git("branch", "beside")
    leak = lab.commit({"deep/er/b": f"x = '{TOKEN}'\n"})
    after = lab.commit({"deep/er/b": "clean again", "c": "1"})
    lab.git("checkout", "-q", "beside")
    beside = lab.commit({"d": "1"})
    look = Look(lab, token)
    assert set(look.result.commits) == {leak, after}
    assert look.ref("refs/heads/beside") is None
    assert first not in look.result.objects and beside not in look.result.objects
    new_main = look.ref("refs/heads/main")
    assert new_main is not None
    before, now = (
        git.text(look.where, "log", "--format=%an%ae%at%cn%ce%ct%s%b", r) for r in (after, new_main)
    )
    assert before == now
    new_leak = look.result.commits[leak]
    assert git.text(look.where, "show", f"{new_leak}:deep/er/b") == "x = 'REMOVED-token'"
    assert git.text(look.where, "rev-parse", f"{new_main}^{{tree}}") == lab.git(
        "rev-parse", f"{after}^{{tree}}"
    )
    assert look.result.blobs == 1 and look.result.commits_total == 4
    assert git.text(look.where, "rev-parse", f"{new_leak}^") == first


def test_nothing_to_do(lab: Lab, make_lab: MakeLab, token: Needle) -> None:
    empty = Look(make_lab("empty"), token)
    lab.commit({"a": "1"})
    clean = Look(lab, token)
    for look in (empty, clean):
        result = look.result
        assert not (result.objects or result.refs or result.doomed or result.remnants)
        assert not (result.places or result.unreadable or result.lost)
    assert clean.result.commits_total == 1


def test_a_merge_keeps_its_parents_in_order(lab: Lab, token: Needle) -> None:
    base = lab.commit({"a": "1"})
    lab.git("checkout", "-q", "-b", "one")
    one = lab.commit({"b": TOKEN})
    lab.git("checkout", "-q", "-b", "two", base)
    two = lab.commit({"c": "1"})
    lab.git("checkout", "-q", "-b", "three", base)
    three = lab.commit({"d": "1"})
    lab.git("checkout", "-q", "main")
    lab.git("merge", "-q", "--no-ff", "-m", "octopus", "two", "one", "three")
    merge = lab.git("rev-parse", "HEAD")
    look = Look(lab, token)
    assert set(look.result.commits) == {one, merge}
    parents = git.text(
        look.where, "rev-list", "--parents", "-1", look.result.commits[merge]
    ).split()
    # base stays out: it is an ancestor of all three (git merge --no-ff keeps it only with a commit).
    assert [p for p in parents[1:] if p != base] == [two, look.result.commits[one], three]


def test_ids_in_messages_are_mapped(lab: Lab, token: Needle) -> None:
    clean = lab.commit({"z": "0"})
    leak = lab.commit({"a": TOKEN})
    look_back = lab.commit(
        {"a": "x"},
        f"Revert {leak}\n\nsee {leak[:9]}, {leak[:7]}; not {leak[:6]}, {clean}, {'0' * 40}, x{leak[:9]}",
    )
    look = Look(lab, token)
    new = look.result.commits[leak]
    message = look.new(look_back).partition(b"\n\n")[2].decode()
    assert message == (
        f"Revert {new}\n\nsee {new[:9]}, {new[:7]}; not {leak[:6]}, {clean}, {'0' * 40}, x{leak[:9]}"
    )


def test_an_id_named_beside_its_line_of_descent_is_mapped_too(lab: Lab, token: Needle) -> None:
    base = lab.commit({"k": TOKEN})
    commits = [base]
    for name in ("one", "two", "three"):
        lab.git("checkout", "-q", "-b", name, base)
        commits.append(lab.commit({name: "1"}, f"like {commits[-1]}"))
    look = Look(lab, token)
    for before, commit in itertools.pairwise(commits):
        assert f"like {look.result.commits[before]}".encode() in look.new(commit)


def test_signatures_go_and_are_listed(lab: Lab, token: Needle) -> None:
    signature = b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n abcdef\n -----END PGP SIGNATURE-----\n"
    signed_before = _commit(lab, lab.commit({"a": "1"}), extra=signature)
    lab.git("reset", "-q", "--hard", signed_before)
    leak = lab.commit({"a": TOKEN})
    signed = _commit(lab, leak, extra=signature + b"odd header\n  with more\n", parent=leak)
    lab.git("reset", "-q", "--hard", signed)
    tag = _tag(
        lab, signed, b"one\n-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
    )
    lab.git("update-ref", "refs/tags/v1", tag)
    look = Look(lab, token)
    assert signed_before not in look.result.objects
    assert look.lost() == {("signature", signed), ("signature", tag)}
    new = look.new(signed)
    assert b"gpgsig" not in new and b"\nodd header\n  with more\n\n" in new
    assert look.new(tag).endswith(b"\n\none\n")


def test_a_mergetag_stays_while_it_is_true(lab: Lab, token: Needle) -> None:
    base = lab.commit({"a": "1"})
    leak = lab.commit({"a": TOKEN})

    def mergetag(oid: str, text: str = "t") -> bytes:
        body = f"object {oid}\ntype commit\ntag v\ntagger A <a@b> 1 +0000\n\n{text}\n"
        return b"mergetag " + body.rstrip("\n").replace("\n", "\n ").encode() + b"\n"

    true = _commit(lab, leak, extra=mergetag(base), parent=leak)
    false = _commit(lab, leak, extra=mergetag(leak), parent=true)
    leaky = _commit(lab, leak, extra=mergetag(base, TOKEN), parent=false)
    lab.git("update-ref", "refs/heads/main", leaky)
    look = Look(lab, token)
    assert look.lost() == {("mergetag", false), ("mergetag", leaky)}
    assert mergetag(base) in look.new(true)
    assert b"mergetag" not in look.new(false) + look.new(leaky)


def test_encodings_odd_headers_and_bytes_stay(lab: Lab, token: Needle) -> None:
    leak = lab.commit({"a": TOKEN})
    tree = lab.git("rev-parse", "HEAD^{tree}")
    raw = (
        f"tree {tree}\nparent {leak}\n".encode()
        + b"author \xe9 odd  <> 0 -1234\ncommitter B\xff <b@c> 99999999999 +0000\n"
        + b"encoding ISO-8859-1\nHG:extra a=b\n c\nx\n\n\n\xe9 caf\xe9\r\n\n\n"
    )
    odd = lab.raw("commit", raw)
    bare = lab.raw(
        "commit", f"tree {tree}\nparent {odd}\nauthor A <> 0 +0\ncommitter A <> 0 +0\n".encode()
    )
    empty = lab.raw(
        "commit", f"tree {tree}\nparent {bare}\nauthor A <> 0 +0\ncommitter A <> 0 +0\n\n".encode()
    )
    lab.git("update-ref", "refs/heads/main", empty)
    look = Look(lab, token)
    names = {**look.result.objects}
    for old, content in ((odd, raw), (bare, lab.cat(bare)), (empty, lab.cat(empty))):
        for before, after in names.items():
            content = content.replace(before.encode(), after.encode())
        assert look.new(old) == content


def test_secrets_in_messages_people_and_tags(lab: Lab, token: Needle) -> None:
    lab.commit({"a": "1"})
    message = lab.commit({"a": "2"}, f"subject {TOKEN}\n\nbody\n")
    lab.git("-c", f"user.name=A {TOKEN}", "commit", "-q", "--allow-empty", "-m", "by")
    author = lab.git("rev-parse", "HEAD")
    lab.git("tag", "-m", f"v1 {TOKEN}", "v1")
    lab.git("tag", "-m", "outer", "v2", "v1")
    lab.git("tag", "-m", "a blob", "v3", lab.git("rev-parse", "HEAD:a"))
    look = Look(lab, token)
    assert b"subject REMOVED-token\n\nbody\n" in look.new(message)
    assert b"author A REMOVED-token <ada@example.com>" in look.new(author)
    assert b"\n\nv1 REMOVED-token\n" in look.new(lab.git("rev-parse", "v1"))
    assert look.ref("refs/tags/v3") is None
    outer = look.new(lab.git("rev-parse", "v2"))
    assert outer.startswith(b"object " + look.result.objects[lab.git("rev-parse", "v1")].encode())
    assert b"\ntag v2\n" in outer
    where = {place.where for place in look.result.places}
    assert where == {"commit-message", "author", "tag-message", "reflog"}
    assert TOKEN not in str(look.result)


def test_tags_of_trees_and_blobs(lab: Lab, token: Needle) -> None:
    lab.commit({"d/a": TOKEN})
    blob, tree = lab.git("rev-parse", "HEAD:d/a"), lab.git("rev-parse", "HEAD:d")
    lab.git("tag", "-m", "b", "blob", blob)
    lab.git("tag", "-m", "t", "tree", tree)
    lab.git("update-ref", "refs/odd/blob", blob)
    look = Look(lab, token)
    assert look.ref("refs/odd/blob") == look.result.objects[blob]
    assert look.bytes_of(look.result.objects[blob]) == b"REMOVED-token"
    for name, target in (("blob", blob), ("tree", tree)):
        new = look.ref(f"refs/tags/{name}")
        assert new is not None
        assert look.bytes_of(new).startswith(
            f"object {look.result.objects[target]}\ntype {name}\n".encode()
        )


def test_a_secret_in_a_file_name_is_replaced_without_collision(
    lab: Lab, make_needle: MakeNeedle
) -> None:
    secret = "sec" + "ret-name"
    lab.commit(
        {
            f"{secret}.txt": "1",
            "REMOVED-x.txt": "2",
            f"{secret}/{secret}": "3",
            "REMOVED-x-2": "4",
            "z": "5",
        }
    )
    look = Look(lab, make_needle(secret, "x"))
    new = look.ref("refs/heads/main")
    assert new is not None
    listed = git.text(look.where, "ls-tree", "-r", "--name-only", new).splitlines()
    assert listed == sorted(
        ["REMOVED-x-2", "REMOVED-x.txt", "REMOVED-x.txt-2", "REMOVED-x/REMOVED-x", "z"]
    )
    git.run(look.where, "fsck", "--strict", "--no-dangling", new)
    assert secret not in str(look.result)
    # The index and the work tree have the old names too, and get the new ones.
    assert look.result.remnants == ()
    assert {(p.where, p.path) for p in look.result.places} == {
        ("path", "REMOVED-x.txt"),
        ("path", "REMOVED-x"),
        ("path", "REMOVED-x/REMOVED-x"),
        ("index", "index"),
        ("index", "REMOVED-x.txt"),
        ("index", "REMOVED-x/REMOVED-x"),
    }


def test_binary_files_keep_their_length(lab: Lab, token: Needle) -> None:
    early = b"\0" + TOKEN.encode() + b"end"
    late = b"x" * 9000 + TOKEN.encode() + b"\0end"
    lab.commit({"early": early, "late": late, "link": "x"})
    (lab.path / "link").unlink()
    (lab.path / "link").symlink_to(TOKEN)
    lab.commit()
    look = Look(lab, token)
    for name, before in (("early", early), ("late", late)):
        after = look.new(lab.git("rev-parse", f"HEAD:{name}"))
        assert len(after) == len(before) and TOKEN.encode() not in after
        assert b"REMOVED-token" in after and after.endswith(b"end")
    assert look.new(lab.git("rev-parse", "HEAD:link")) == b"REMOVED-token"


def test_modes_order_and_broken_trees_stay(lab: Lab, token: Needle) -> None:
    lab.commit({"a": TOKEN, "b.sh": "1", "b/x": TOKEN})
    (lab.path / "b.sh").chmod(0o755)
    lab.commit()
    blob, tree = lab.git("rev-parse", "HEAD:a"), lab.git("rev-parse", "HEAD:b")
    entries = [b"100664 z\0", b"040000 b\0", b"160000 sub\0", b"100644 a\0", b"100644 a\0"]
    oids = [blob, tree, "1" * 40, blob, "2" * 40]
    odd = b"".join(e + bytes.fromhex(o) for e, o in zip(entries, oids, strict=True))
    broken = lab.raw("tree", odd)
    lab.git("update-ref", "refs/odd/tree", broken)
    look = Look(lab, token)
    for old, new in look.result.objects.items():
        odd = odd.replace(bytes.fromhex(old), bytes.fromhex(new))
    assert look.new(broken) == odd
    new = look.ref("refs/heads/main")
    assert new is not None
    before, after = (
        [line.split()[0] for line in git.text(look.where, "ls-tree", "-r", "-t", r).splitlines()]
        for r in (lab.git("rev-parse", "HEAD"), new)
    )
    assert before == after == ["100644", "100755", "040000", "100644"]


def test_sha256_works_the_same(make_lab: MakeLab, token: Needle) -> None:
    lab = make_lab("sha256", "--object-format=sha256")
    lab.commit({"a/b": TOKEN})
    lab.git("tag", "-m", "t", "v1")
    look = Look(lab, token)
    new = look.ref("refs/tags/v1")
    assert new is not None and len(new) == 64
    assert git.text(look.where, "show", f"{new}:a/b") == "REMOVED-token"


def test_what_nothing_names_is_doomed_and_has_a_successor(lab: Lab, token: Needle) -> None:
    lab.commit({"a": "1"})
    lab.git("checkout", "-q", "--detach")
    gone = lab.commit({"a": TOKEN})
    lab.git("checkout", "-q", "main")
    dangling = lab.git("hash-object", "-w", "--stdin", stdin=f"staged {TOKEN}".encode())
    lab.write({"a": f"stash {TOKEN}"})
    lab.git("stash")
    stash = lab.git("rev-parse", "refs/stash")
    look = Look(lab, token)
    assert {gone, dangling, stash} <= set(look.result.objects)
    assert look.ref("refs/stash") == look.result.objects[stash]
    assert look.ref("refs/heads/main") is None
    assert set(look.result.doomed) == set(look.result.objects)
    assert [r.name for r in look.result.refs] == ["refs/stash"]


def test_heads_of_every_worktree_move(lab: Lab, tmp_path: Path, token: Needle) -> None:
    leak = lab.commit({"a": TOKEN})
    lab.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
    lab.worktree(tmp_path / "linked", "--detach", leak)
    lab.git("update-ref", "refs/pull/7/head", leak)
    look = Look(lab, token)
    new = look.result.commits[leak]
    assert {(r.name, r.old, r.new) for r in look.result.refs if "ORIG" not in r.name} == {
        ("refs/heads/main", leak, new),
        ("refs/pull/7/head", leak, new),
        ("worktrees/linked/HEAD", leak, new),
    }


@pytest.mark.parametrize("many", [3, 300])
def test_notes_follow_their_commits(lab: Lab, token: Needle, many: int) -> None:
    clean = lab.commit({"a": "1"})
    leak = lab.commit({"a": TOKEN})
    lab.git("notes", "add", "-m", "on the clean one", clean)
    for number in range(many):
        # Enough of them, and git puts folders between.
        oid = lab.git("hash-object", "-w", "--stdin", stdin=f"{number}".encode())
        if many > 3 or number == 0:
            lab.git("notes", "add", "-m", f"note {number}", oid)
    lab.git("notes", "add", "-m", "on the leak", leak)
    lab.git("notes", "--ref=other", "add", "-m", f"with {TOKEN}", leak)
    look = Look(lab, token)
    for ref in look.result.refs:
        git.run(look.where, "update-ref", ref.name, ref.new)
    new = look.result.commits[leak]
    for name, note in (("commits", "on the leak"), ("other", "with REMOVED-token")):
        listed = git.text(look.where, "notes", f"--ref={name}", "list").splitlines()
        assert git.text(look.where, "notes", f"--ref={name}", "show", new) == note
        assert leak not in " ".join(listed)
    before = lab.git("notes", "list").splitlines()
    after = git.text(look.where, "notes", "list").splitlines()
    assert {line.replace(leak, new) for line in before} == set(after)
    tip = look.ref("refs/notes/commits")
    assert tip is not None
    assert git.text(look.where, "rev-parse", f"{tip}^") == lab.git(
        "rev-parse", "refs/notes/commits"
    )
    git.run(look.where, "fsck", "--strict", "--no-dangling", tip)
    assert "refs/notes/commits: 1 note moved" in look.result.messages[0]
    assert look.result.remnants == ()
    assert Look(lab, token).result.refs == look.result.refs


def test_replace_refs_and_grafts_are_no_input(lab: Lab, token: Needle) -> None:
    one = lab.commit({"a": "1"})
    two = lab.commit({"a": TOKEN})
    lab.git("replace", two, one)
    (lab.path / ".git" / "info" / "grafts").write_text(f"{two}\n")
    look = Look(lab, token)
    assert set(look.result.commits) == {two}
    assert look.result.messages == (
        f"refs/replace/{look.result.commits[two]}: what stands in for a rewritten object follows it.",
    )
    assert f"parent {one}".encode() in look.new(two)


def test_packed_or_loose_in_whatever_order_the_ids_are_the_same(
    lab: Lab, make_lab: MakeLab, token: Needle
) -> None:
    for number in range(6):
        lab.commit({f"d{number % 3}/f": f"{number} {TOKEN}"}, f"number {number}")
    loose = Look(lab, token).result
    lab.git("repack", "-q", "-a", "-d", "-f")
    lab.git("commit-graph", "write")
    assert Look(lab, token).result.objects == loose.objects
    copy = make_lab("copy", "--bare")
    copy.git("fetch", "-q", str(lab.path), "main:main")
    assert Look(copy, token).result.commits == loose.commits


def test_a_damaged_object_is_named_not_passed_over(lab: Lab, token: Needle) -> None:
    lab.commit({"a": TOKEN, "b": "will be damaged"})
    bad = lab.git("rev-parse", "HEAD:b")
    path = lab.path / ".git/objects" / bad[:2] / bad[2:]
    path.chmod(0o644)
    path.write_bytes(b"x\x9c not zlib")
    look = Look(lab, token)
    assert [u.what for u in look.result.unreadable] == [f"object {bad}"]
    assert look.result.blobs == 1


def _commit(lab: Lab, like: str, *, extra: bytes, parent: str | None = None) -> str:
    """A commit like another with headers of one's own."""
    head, _, text = lab.cat(like).partition(b"\n\n")
    if parent is not None:
        lines = [line for line in head.split(b"\n") if not line.startswith(b"parent ")]
        lines.insert(1, f"parent {parent}".encode())
        head = b"\n".join(lines)
    return lab.raw("commit", head + b"\n" + extra + b"\n" + text)


def _tag(lab: Lab, oid: str, text: bytes) -> str:
    head = f"object {oid}\ntype commit\ntag v1\ntagger A <a@b.c> 1700000000 +0000\n\n"
    return lab.raw("tag", head.encode() + text)


def test_the_real_repository_is_not_touched(
    lab: Lab, token: Needle, digest_tree: Callable[[Path], str], tmp_path: Path
) -> None:
    lab.commit({"a": TOKEN, "b": "1"})
    lab.worktree(tmp_path / "linked", "--detach", "HEAD")
    lab.write({"b": "changed", "c": TOKEN})
    (lab.path / "a").touch()
    subprocess.run(
        ["git", "config", "core.fsmonitor", "touch fsmonitor-ran"], cwd=lab.path, check=True
    )
    subprocess.run(["git", "config", "gc.auto", "1"], cwd=lab.path, check=True)
    before = digest_tree(lab.path), digest_tree(tmp_path / "linked")
    look = Look(lab, token)
    assert (digest_tree(lab.path), digest_tree(tmp_path / "linked")) == before
    assert [(r.where, r.path) for r in look.result.remnants] == [("untracked", "c")]
