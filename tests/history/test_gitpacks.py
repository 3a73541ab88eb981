"""Histories within the history: bundles, packs and loose objects that are files of the repository."""

from __future__ import annotations

import hashlib
import random
import subprocess
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from remediate.history import packreader
from remediate.history.apply import apply
from remediate.history.purge import purge
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo
from remediate.history.verify import verify

from .conftest import needle
from .test_containers import MATCHER, READER
from .test_every_place import SECRET

if TYPE_CHECKING:
    from .conftest import Lab


def a_history(lab: Lab, secret: str, *, versions: int = 30) -> None:
    """Versions of one file, so that git stores them as deltas; *secret* is in some of them."""
    lines = [f"line {n} of a file that changes little\n" for n in range(400)]
    for version in range(versions):
        lines[version * 7] = f"changed in {version}\n"
        kept = [f"key = {secret}\n"] if 5 <= version < 12 else []
        lab.commit({"f": "".join([*lines[:200], *kept, *lines[200:]]), "g": str(version)})


def bundle(lab: Lab, path: Path, *what: str) -> bytes:
    lab.git("bundle", "create", "-q", str(path), *(what or ("--all",)))
    return path.read_bytes()


def packed(lab: Lab) -> bytes:
    lab.git("repack", "-adfq", "--depth=40", "--window=40")
    (pack,) = (lab.path / ".git/objects/pack").glob("*.pack")
    return pack.read_bytes()


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_all_that_git_packs_is_read(tmp_path: Path, algorithm: str) -> None:
    from .conftest import Lab

    lab = Lab(tmp_path / "it", f"--object-format={algorithm}")
    a_history(lab, SECRET)
    lab.git("tag", "-am", "one", "v1")
    listed = lab.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)")
    kinds = dict(line.split() for line in listed.splitlines())
    by_id = bundle(lab, tmp_path / "b", "--all")
    texts = {"pack": packed(lab), "bundle": by_id}
    # Bases told by id (REF_DELTA), as older versions write them.
    lab.git("-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq")
    texts["by id"] = packed_as_it_is(lab)
    for text in texts.values():
        at = packreader.PACK.search(text)
        assert at is not None
        contents, end = packreader.objects(text, at.start(), lambda _: None)
        assert end == len(text)
        ids = {
            hashlib.new(algorithm, f"{kind} {len(c)}\0".encode() + c).hexdigest()
            for c in contents
            for kind in ("blob", "tree", "commit", "tag")
        }
        assert len(contents) == len(kinds) and kinds.keys() <= ids


def packed_as_it_is(lab: Lab) -> bytes:
    (pack,) = (lab.path / ".git/objects/pack").glob("*.pack")
    return pack.read_bytes()


def test_any_change_to_a_pack_is_told(lab: Lab) -> None:
    a_history(lab, SECRET, versions=12)
    data, random_ = packed(lab), random.Random(3)
    for _ in range(200):
        at = random_.randrange(8, len(data))
        other = data[:at] + bytes([data[at] ^ random_.randrange(1, 256)]) + data[at + 1 :]
        with pytest.raises(packreader.PackError):
            packreader.objects(other, 0, lambda _: None)
    for cut in range(8, len(data), 97):
        with pytest.raises(packreader.PackError):
            packreader.objects(data[:cut], 0, lambda _: None)


def test_a_pack_that_promises_much_costs_what_is_there() -> None:
    spent: list[int] = []
    # A blob of 2**59 bytes, by its header, and one that a delta promises to be as large.
    head = b"PACK\0\0\0\2\0\0\0\2"
    large = bytes([0xBF, *[0xFF] * 7, 0x0F]) + zlib.compress(b"x")
    base, delta = bytes([0x31]) + zlib.compress(b"y"), b"\x01" + b"\xff" * 8 + b"\x07" + b"\x01y"
    promised = bytes([0x6C, len(base)]) + zlib.compress(delta)
    for text in (head + large, head + base + promised):
        with pytest.raises(packreader.PackError, match="damaged"):
            packreader.objects(text, 0, spent.append)
    assert sum(spent) < 100
    # What nobody counts on is not in anybody's way.
    assert not MATCHER.look(b"\0 see " + head + large).closed
    told: list[str] = []
    READER.find(b"\0 see " + head + large, told)
    assert not told


def test_what_only_begins_like_a_bundle_is_text() -> None:
    text = b"# v2 git bundle\n" + b"0" * 40 + b" refs/heads/main\n\n\xff"
    told: list[str] = []
    assert not READER.find(text, told) and not told and not MATCHER.look(text).closed


@pytest.fixture
def inner(tmp_path: Path) -> Lab:
    from .conftest import Lab

    return Lab(tmp_path / "inner")


@pytest.mark.parametrize("form", ["bundle", "pack", "loose"])
def test_one_in_the_history_is_replaced_and_its_absence_proven(
    form: str, lab: Lab, inner: Lab, tmp_path: Path
) -> None:
    a_history(inner, SECRET)
    other = b"clean"
    if form == "loose":
        oid = inner.git("hash-object", "-w", "--stdin", stdin=f"a = {SECRET}\n".encode())
        data = (inner.path / ".git/objects" / oid[:2] / oid[2:]).read_bytes()
        other = zlib.compress(b"blob 5\0hello")
    else:
        data = bundle(inner, tmp_path / "b") if form == "bundle" else packed(inner)
    assert SECRET.encode() not in data
    lab.commit({"fixtures/it": data, "fixtures/other": other})
    lab.commit({"fixtures/it": None})
    repo, needles = open_repo(lab.path), [needle(SECRET)]
    kind = "zlib" if form == "loose" else f"git-{form}"
    assert {r.encoding for r in verify(repo, needles).remnants} == {f"{kind}+plain"}
    rehearsal = rehearse(repo, needles, tmp_path / "quarantine")
    assert not rehearsal.remnants and not rehearsal.unreadable
    apply(repo, rehearsal, needles)
    purge(repo, rehearsal)
    assert verify(repo, needles).clean
    assert lab.git("show", "HEAD~1:fixtures/other").encode("utf-8", "surrogateescape") == other
    if form != "loose":
        assert lab.git("show", "HEAD~1:fixtures/it") == "REMOVED-secret"
        assert any("was replaced whole" in message for message in rehearsal.messages)


def test_a_secret_that_a_delta_puts_together_is_seen(lab: Lab, inner: Lab) -> None:
    # Half of it from the base, half of it from the delta: in neither stream does it stand.
    head, tail = SECRET[: len(SECRET) // 2], SECRET[len(SECRET) // 2 :]
    lines = "".join(f"line {n} of many that stay\n" for n in range(300))
    inner.commit({"f": f"{lines}key = {head}\n"})
    inner.commit({"f": f"{lines}key = {head}{tail} and more\n" + "x\n" * 200})
    data = packed(inner)
    lab.commit({"p": data})
    assert {r.encoding for r in verify(open_repo(lab.path), [needle(SECRET)]).remnants} == {
        "git-pack+plain"
    }


@pytest.mark.parametrize("where", [".git/backup.bundle", "mine.bundle"])
def test_a_bundle_beside_the_history_is_read(
    where: str, lab: Lab, inner: Lab, tmp_path: Path
) -> None:
    lab.commit({"f": "clean"})
    inner.commit({"f": "clean too"})
    (lab.path / where).write_bytes(bundle(inner, tmp_path / "b"))
    repo, needles = open_repo(lab.path), [needle(SECRET)]
    assert verify(repo, needles).clean
    inner.commit({"f": f"a = {SECRET}\n"})
    (lab.path / where).write_bytes(bundle(inner, tmp_path / "b"))
    rehearsal = rehearse(repo, needles, tmp_path / "quarantine")
    for found in (rehearsal.remnants, verify(repo, needles).remnants):
        (left,) = found
        assert str(left.path).endswith(where.removeprefix(".git/"))
        assert left.encoding == "git-bundle+plain"
    apply(repo, rehearsal, needles)
    assert (lab.path / where).read_bytes() == (tmp_path / "b").read_bytes()


def test_a_bundle_that_rests_on_what_it_lacks_is_no_clean_verdict(
    lab: Lab, inner: Lab, tmp_path: Path
) -> None:
    a_history(inner, "nothing", versions=6)
    data = bundle(inner, tmp_path / "b", "HEAD~2..main")
    assert subprocess.run(
        ["git", "clone", "-q", tmp_path / "b", tmp_path / "c"], check=False
    ).returncode
    lab.commit({"thin.bundle": data})
    lab.commit({"thin.bundle": None})
    (thing,) = verify(open_repo(lab.path), [needle(SECRET)]).unreadable
    assert thing.reason == "git-bundle: it rests on objects that are not in it"
