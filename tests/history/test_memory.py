"""A second look that remembers the first tells what one that reads everything tells, or reads everything."""

from __future__ import annotations

import hashlib
import hmac
import importlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from remediate.history.memory import Memory, packs
from remediate.history.model import Needle, Scan
from remediate.history.repo import open_repo
from remediate.history.scan import scan

if TYPE_CHECKING:
    from tests.history.conftest import Lab

MakeNeedle = Callable[..., Needle]

TOKEN = "tok_" + "Zq8Rk2Lm5Xw7Vb3Nt9"
WEAK = "Sommer2024"

scan_module = importlib.import_module("remediate.history.scan")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """For each listing of objects whether it was of the new ones alone."""
    told: list[bool] = []
    real = scan_module.listed

    def listed(*arguments: Any, **how: Any) -> Any:
        told.append(how.get("alone", False))
        return real(*arguments, **how)

    monkeypatch.setattr(scan_module, "listed", listed)
    return iter([told])


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    folder = tmp_path / "memory"
    folder.mkdir(mode=0o700)
    return Memory(folder, lambda data: hmac.digest(b"k" * 32, data, "sha256").hex())


def _same(lab: Lab, memory: Memory, *needles: Needle) -> Scan:
    """A look with the memory, which is held against one without."""
    repo = open_repo(lab.path)
    told, plain = scan(repo, needles, memory=memory), scan(repo, needles)
    assert told == plain
    assert told.graph.parents == plain.graph.parents and told.graph.trees == plain.graph.trees
    assert told.graph.targets == plain.graph.targets
    as_sets = ({t: set(w) for t, w in g.graph.doomed_trees.items()} for g in (told, plain))
    assert next(as_sets) == next(as_sets)
    return told


def _packed(lab: Lab) -> None:
    lab.commit({"a": "1", "d/e/f": f"x {TOKEN}", f"n-{TOKEN}/g": "2"}, "first")
    lab.git("tag", "-m", f"tag {TOKEN}", "v1")
    lab.commit({"a": "3", "h/i": "4"}, f"second {TOKEN}")
    lab.commit({"d/e/f": None, "k": "5"}, "third")
    lab.git("gc", "-q")


def _entry(memory: Memory) -> Path:
    (found,) = memory._folder.iterdir()
    return found


def test_the_second_look_reads_only_what_is_new(
    lab: Lab, memory: Memory, make_needle: MakeNeedle, read: Iterator[list[bool]]
) -> None:
    told, token = next(read), make_needle(TOKEN)
    _packed(lab)
    _same(lab, memory, token)
    assert told == [False, False]
    found = _same(lab, memory, token)
    assert told[2:] == [True, False] and len(found.hits) > 3
    lab.commit({"d2/z": "nothing", "n": "6"}, f"fourth {TOKEN}")
    lab.git("tag", "-m", "another", "v2")
    assert len(_same(lab, memory, token).hits) == len(found.hits) + 2
    # A pack that comes later is read, and what is known of the old one still holds.
    lab.git("repack", "-q", "-d")
    lab.commit({"o": "7"})
    _same(lab, memory, token)
    assert told[4:] == [True, False, True, False]


def test_a_doomed_blob_that_old_trees_were_not_searched_for(
    lab: Lab, memory: Memory, make_needle: MakeNeedle, read: Iterator[list[bool]]
) -> None:
    told, token = next(read), make_needle(TOKEN)
    _packed(lab)
    _same(lab, memory, token)
    lab.commit({"new": f"another {TOKEN}"})
    _same(lab, memory, token)
    # It begins with what is new, and then reads all.
    assert told[2:5] == [True, False, False]
    _same(lab, memory, token)
    assert told[-2:] == [True, False]


def test_what_lay_about_loose_is_not_remembered(
    lab: Lab, memory: Memory, make_needle: MakeNeedle
) -> None:
    _packed(lab)
    token = make_needle(TOKEN)
    loose = lab.git("hash-object", "-w", "--stdin", stdin=f"loose {TOKEN}".encode())
    assert loose in {hit.oid for hit in _same(lab, memory, token).hits}
    (lab.path / ".git/objects" / loose[:2] / loose[2:]).unlink()
    assert loose not in {hit.oid for hit in _same(lab, memory, token).hits}


def test_what_is_loose_and_packed_stays_when_the_loose_one_goes(
    lab: Lab, memory: Memory, make_needle: MakeNeedle
) -> None:
    lab.commit({"a": f"x {TOKEN}"})
    lab.git("repack", "-q", "-a")
    token = make_needle(TOKEN)
    assert len(_same(lab, memory, token).hits) == 1
    lab.git("prune-packed", "-q")
    assert len(_same(lab, memory, token).hits) == 1


@pytest.mark.parametrize("how", ["repack", "damage", "cut", "forge", "junk"])
def test_where_anything_is_in_doubt_all_is_read(
    lab: Lab, memory: Memory, make_needle: MakeNeedle, read: Iterator[list[bool]], how: str
) -> None:
    told, token = next(read), make_needle(TOKEN)
    _packed(lab)
    _same(lab, memory, token)
    entry = _entry(memory)
    content = entry.read_bytes()
    if how == "repack":
        lab.commit({"p": "8"})
        lab.git("repack", "-q", "-a", "-d")
    elif how == "damage":
        entry.write_bytes(content.replace(b'"hits": [', b'"hits": [ ', 1))
    elif how == "cut":
        entry.write_bytes(content[: len(content) // 2])
    elif how == "forge":
        data = json.loads(content.partition(b"\n")[2])
        forged = json.dumps({**data, "hits": []}).encode()
        entry.write_bytes(hashlib.sha256(forged).hexdigest().encode() + b"\n" + forged)
    else:
        entry.write_bytes(b"\xff")
    del told[:]
    _same(lab, memory, token)
    assert told == [False, False]
    _same(lab, memory, token)
    assert told[2:] == [True, False]


def test_another_secret_or_key_knows_nothing(
    lab: Lab, memory: Memory, make_needle: MakeNeedle, read: Iterator[list[bool]]
) -> None:
    told = next(read)
    _packed(lab)
    _same(lab, memory, make_needle(TOKEN))
    _same(lab, memory, make_needle(WEAK))
    _same(lab, Memory(memory._folder, lambda d: hashlib.sha256(d).hexdigest()), make_needle(TOKEN))
    assert True not in told and len(list(memory._folder.iterdir())) == 3


def test_it_keeps_no_secret_to_itself(
    lab: Lab, memory: Memory, make_needle: MakeNeedle, monkeypatch: pytest.MonkeyPatch
) -> None:
    _packed(lab)
    lab.commit({"weak": f"password: {WEAK}"})
    lab.git("gc", "-q")
    for number in range(3):
        _same(lab, memory, make_needle(TOKEN), make_needle(f"{WEAK}{number}"), make_needle(WEAK))
    for path in memory._folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        text = path.read_bytes()
        for value in (TOKEN.encode(), WEAK.encode()):
            assert value not in text
            # Nor a digest by which a weak one could be guessed without the key.
            assert hashlib.sha256(value).hexdigest().encode() not in text + path.name.encode()
    module = importlib.import_module("remediate.history.memory")
    monkeypatch.setattr(module, "_MOST", 2)
    _same(lab, memory, make_needle("another-" + TOKEN))
    assert len(list(memory._folder.iterdir())) == 2


def test_what_could_not_be_read_is_never_remembered(
    lab: Lab, memory: Memory, make_needle: MakeNeedle
) -> None:
    _packed(lab)
    (pack,) = (lab.path / ".git/objects/pack").glob("*.pack")
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 0xFF
    pack.chmod(0o644)
    pack.write_bytes(content)
    repo = open_repo(lab.path)
    for _ in range(2):
        assert scan(repo, [make_needle(TOKEN)], memory=memory).unreadable
    assert not list(memory._folder.iterdir()) and packs(repo).facts


def test_a_pack_that_was_only_touched_or_copied_is_the_same(
    lab: Lab, memory: Memory, make_needle: MakeNeedle, read: Iterator[list[bool]]
) -> None:
    told, token = next(read), make_needle(TOKEN)
    _packed(lab)
    _same(lab, memory, token)
    pack = next((lab.path / ".git/objects/pack").glob("*.pack"))
    os.utime(pack, (1, 1))
    shutil.copy(pack, pack.with_suffix(".new"))
    pack.with_suffix(".new").replace(pack)
    _same(lab, memory, token)
    assert told[2:] == [True, False]


def test_a_pack_that_was_changed_in_place_is_another(
    lab: Lab, memory: Memory, make_needle: MakeNeedle, read: Iterator[list[bool]]
) -> None:
    told, token = next(read), make_needle(TOKEN)
    _packed(lab)
    _same(lab, memory, token)
    pack = next((lab.path / ".git/objects/pack").glob("*.pack"))
    content = bytearray(pack.read_bytes())
    content[30] ^= 0xFF
    pack.chmod(0o644)
    pack.write_bytes(content)
    _same(lab, memory, token)
    assert told[2:] == [False, False]
