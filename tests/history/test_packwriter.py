from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.history import git
from remediate.history.delta import delta
from remediate.history.packwriter import PackWriter, write_index

if TYPE_CHECKING:
    from tests.history.conftest import Lab


def undo(instructions: bytes, base: bytes) -> bytes:
    """What git makes of a delta, written from gitformat-pack(5) alone."""
    at = 0
    sizes = []
    for _ in range(2):
        size = shift = 0
        while True:
            byte = instructions[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        sizes.append(size)
    out = b""
    while at < len(instructions):
        command = instructions[at]
        at += 1
        if command < 0x80:
            out += instructions[at : at + command]
            at += command
            continue
        numbers = []
        for bits, count in ((0, 4), (4, 3)):
            number = 0
            for i in range(count):
                if command >> bits + i & 1:
                    number |= instructions[at] << 8 * i
                    at += 1
            numbers.append(number)
        offset, size = numbers[0], numbers[1] or 0x10000
        assert offset + size <= len(base)
        out += base[offset : offset + size]
    assert sizes == [len(base), len(out)]
    return out


_TEXTS = st.binary(max_size=300)
_PIECES = st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 700)), max_size=6)


@given(st.binary(max_size=40), st.integers(1, 60), _PIECES)
@settings(max_examples=100, deadline=None)
def test_a_delta_makes_the_target(seed: bytes, times: int, edits: list[tuple[bytes, int]]) -> None:
    base = random.Random(seed).randbytes(len(seed) * times)
    target = bytearray(base)
    for text, place in edits:
        at = min(place * 3, len(target))
        if place % 3 == 0:
            target[at : at + len(text)] = text
        elif place % 3 == 1:
            target[at:at] = text
        else:
            del target[at : at + len(text)]
    assert undo(delta(base, bytes(target)), base) == target


@given(_TEXTS, _TEXTS)
@settings(max_examples=60, deadline=None)
def test_a_delta_of_any_two_texts(base: bytes, target: bytes) -> None:
    assert undo(delta(base, target), base) == target


def test_a_changed_id_costs_little() -> None:
    base = random.Random(1).randbytes(30_000)
    changed = base[:9_000] + bytes(20) + base[9_020:]
    inserted = changed[:20_000] + bytes(40) + changed[20_000:]
    assert len(delta(base, changed)) < 100
    assert len(delta(base, inserted)) < 200
    assert undo(delta(base, inserted), base) == inserted


def test_a_copy_beyond_what_one_instruction_can_say() -> None:
    base = bytes(0x1000000 + 70_000)
    assert undo(delta(base, base + b"x"), base) == base + b"x"


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_git_reads_what_is_written(tmp_path: Path, object_format: str) -> None:
    git.run(tmp_path, "init", "-q", "--bare", f"--object-format={object_format}", "r")
    where = tmp_path / "r"
    rng = random.Random(5)
    content = rng.randbytes(4_000)
    written: dict[str, tuple[str, bytes]] = {}
    pack = where / "objects" / "pack" / "x.pack"
    with PackWriter(pack, object_format) as writer:
        before: list[str] = []
        for number in range(130):
            at = rng.randrange(len(content))
            content = content[:at] + rng.randbytes(20) + content[at + 20 * (number % 3) :]
            kind = ("blob", "tree")[number % 2]
            if kind == "tree":
                entry = b"100644 f\0" + rng.randbytes(20 if object_format == "sha1" else 32)
                written_as = b"".join(
                    b"100644 %04d\0" % i + entry[9:] for i in range(30 + number % 5)
                )
            else:
                written_as = content
            oid = writer.add(kind, written_as, like=before[-2:])
            assert writer.add(kind, written_as) == oid
            written[oid] = (kind, written_as)
            before.append(oid)
        for kind in ("blob", "commit"):
            oid = writer.add(kind, b"")
            written[oid] = (kind, b"")
        assert writer.count == len(written)
    # The index that git itself would write, byte for byte.
    git.run(where, "index-pack", "-o", str(tmp_path / "its.idx"), str(pack))
    assert pack.with_suffix(".idx").read_bytes() == (tmp_path / "its.idx").read_bytes()
    for oid, (kind, content) in written.items():
        assert git.run(where, "cat-file", kind, oid) == content


def test_trees_alike_become_deltas(lab: Lab, tmp_path: Path) -> None:
    pack = tmp_path / "x.pack"
    rng = random.Random(6)
    ids = [rng.randbytes(20) for _ in range(300)]
    with PackWriter(pack, "sha1") as writer:
        like: list[str] = []
        for _ in range(120):
            ids[rng.randrange(300)] = rng.randbytes(20)
            like = [
                writer.add(
                    "tree", b"".join(b"100644 %03d\0%s" % e for e in enumerate(ids)), like=like
                )
            ]
    assert pack.stat().st_size < 120 * 9_000 // 10
    lab.git("index-pack", "--stdin", stdin=pack.read_bytes())
    depths = [
        int(line.split()[5])
        for line in lab.git(
            "verify-pack",
            "-v",
            next((lab.path / ".git/objects/pack").glob("*.idx")).name
            and str(next((lab.path / ".git/objects/pack").glob("*.idx"))),
        ).splitlines()
        if len(line.split()) == 7
    ]
    assert depths and max(depths) <= 50


def test_offsets_beyond_two_gigabytes(lab: Lab, tmp_path: Path) -> None:
    far = {f"{n:040x}": (n, offset) for n, offset in enumerate((12, 1 << 31, (1 << 33) + 5, 99))}
    write_index(tmp_path / "x.idx", far, bytes(20))
    listed = lab.git("show-index", stdin=(tmp_path / "x.idx").read_bytes()).splitlines()
    assert {line.split()[1]: int(line.split()[0]) for line in listed} == {
        oid: offset for oid, (_, offset) in far.items()
    }


def test_without_an_object_there_is_no_pack(tmp_path: Path) -> None:
    with PackWriter(tmp_path / "x.pack", "sha1"):
        pass
    assert not list(tmp_path.iterdir())
