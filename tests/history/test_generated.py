"""No secret is called gone that is still there, however it is written: cases by the hundred.

``GENERATED=3000 pytest tests/history/test_generated.py`` makes that many; GENERATED_SEED other ones.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from remediate.history.apply import apply
from remediate.history.model import Needle
from remediate.history.purge import purge
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo
from remediate.history.verify import verify
from remediate.secret import Secret

from .generator import Case, make

if TYPE_CHECKING:
    from tests.history.conftest import Lab

MANY = int(os.environ.get("GENERATED", "500"))
SEED = int(os.environ.get("GENERATED_SEED", "1"))
BATCH = 50
_WHEN = b"1700000000 +0100"


def _build(lab: Lab, cases: list[Case]) -> None:
    """A repository with each case's text at its place."""
    at: dict[str, list[Case]] = {}
    for case in cases:
        at.setdefault(case.place, []).append(case)
    feed = io.BytesIO()
    person = b"A U Thor <a@example.com> " + _WHEN

    def data(text: bytes) -> bytes:
        return b"data %d\n%s\n" % (len(text), text)

    def commit(ref: str, message: bytes, author: bytes = person, start: str = "") -> None:
        feed.write(b"commit %s\n" % ref.encode())
        feed.write(b"author " + author + b"\ncommitter " + person + b"\n" + data(message))
        feed.write(b"from %s\n" % start.encode() if start else b"")

    def file(name: bytes, text: bytes) -> None:
        quoted = b"".join(b"\\%03o" % byte for byte in name)
        feed.write(b'M 100644 inline "' + quoted + b'"\n' + data(text))

    def of(place: str) -> list[Case]:
        return at.get(place, [])

    for case in of("unreachable blob"):
        feed.write(b"blob\n" + data(case.written()))
    commit("refs/heads/main", b"first")
    for case in (*of("file"), *of("deleted file")):
        file(b"case-%d" % case.number, case.written())
    for case in of("file name"):
        file(case.written(), b"x")
    commit("refs/heads/main", b"second")
    for case in of("deleted file"):
        feed.write(b"D case-%d\n" % case.number)
    for case in of("commit message"):
        commit("refs/heads/main", case.written())
    for case in of("author"):
        author = case.written().strip() + b" <a@example.com> " + _WHEN
        commit("refs/heads/main", b"by somebody", author)
    for ref, place in (("refs/stash", "stash"), ("refs/pull/1/head", "file of another ref")):
        commit(ref, b"kept", start="refs/heads/main")
        for case in of(place):
            file(b"case-%d" % case.number, case.written())
    for case in of("tag message"):
        feed.write(b"tag case-%d\nfrom refs/heads/main\n" % case.number)
        feed.write(b"tagger " + person + b"\n" + data(case.written()))
    commit("refs/notes/commits", b"notes")
    for case in of("note"):
        feed.write(b"N inline refs/heads/main\n" + data(case.written()))
    lab.git("fast-import", "--quiet", stdin=feed.getvalue())
    lab.git("reset", "-q", "--hard")
    for case in of("staged file"):
        lab.write({f"case-{case.number}": case.written()})
        lab.git("add", f"case-{case.number}")
    head = lab.git("rev-parse", "HEAD").encode()
    with (lab.path / ".git/logs/HEAD").open("ab") as log:
        for case in of("reflog"):
            log.write(head + b" " + head + b" " + person + b"\t" + case.written() + b"\n")
    with (lab.path / ".git/config").open("ab") as config:
        for case in of("config"):
            config.write(b"# " + case.written() + b"\n")


def _texts(lab: Lab) -> Iterator[bytes]:
    """Everything in the repository and around it that a case can stand in, by git alone."""
    command = ["git", "cat-file", "--batch-all-objects", "--batch"]
    listed = io.BytesIO(
        subprocess.run(command, cwd=lab.path, check=True, capture_output=True).stdout
    )
    while header := listed.readline().split():
        kind, content = header[1], listed.read(int(header[2]))
        listed.read(1)
        if kind == b"blob":
            yield content
        elif kind == b"tree":
            yield from re.findall(rb"[0-7]+ ([^\0]+)\0.{20}", content, re.DOTALL)
        else:
            head, _, message = content.partition(b"\n\n")
            yield message
            for line in head.splitlines():
                if line.startswith(b"author "):
                    # A name ends where the address begins; what was behind it was a blank.
                    yield line[7:].partition(b" <a@")[0]
                    yield line[7:].partition(b"<a@")[0]
    for name in ("logs/HEAD", "config"):
        for line in (lab.path / ".git" / name).read_bytes().split(b"\n"):
            yield line.partition(b"\t")[2]
            yield line.removeprefix(b"# ")
    for path in lab.path.iterdir():
        if path.is_file():
            yield path.read_bytes()


def _needle(case: Case) -> Needle:
    return Needle(f"n{case.number}", Secret(case.secret), b"REMOVED-secret")


@pytest.mark.parametrize("batch", range(-(-MANY // BATCH)))
def test_never_a_false_clean(batch: int, lab: Lab, record_property: pytest.FixtureRequest) -> None:
    cases = [make(n, SEED) for n in range(batch * BATCH, min(MANY, (batch + 1) * BATCH))]
    needles = [_needle(case) for case in cases]
    _build(lab, cases)
    there = list(_texts(lab))
    for case in cases:
        assert any(case.left_in(text) for text in there), f"{case} is not where it should be"
    repo = open_repo(lab.path)
    seen = {remnant.needle for remnant in verify(repo, needles).remnants}
    missed = [str(case) for case in cases if f"n{case.number}" not in seen]
    assert not missed, "the verifier sees each of them"

    rehearsal = rehearse(repo, needles, lab.path.parent / "quarantine")
    apply(repo, rehearsal, needles)
    purge(repo, rehearsal)
    repo = open_repo(lab.path)
    verdict = verify(repo, needles)
    named = {remnant.needle for remnant in verdict.remnants}
    there = list(_texts(lab))
    left = {f"n{case.number}": case for case in cases if any(map(case.left_in, there))}
    false = [str(case) for needle, case in left.items() if needle not in named]
    assert not false, "called clean, and still there"
    assert verdict.clean == (not named and not verdict.unreadable)
    record_property("replaced", len(cases) - len(named | set(left)))  # type: ignore[operator]
    record_property("named", len(named))  # type: ignore[operator]
    print(f"replaced {len(cases) - len(named | set(left))}, named {len(named)} of {len(cases)}")
    lab.git("fsck", "--strict", "--no-dangling")


def test_a_case_knows_whether_it_is_left() -> None:
    """The truth that all is measured by: it sees what is there, and not what is gone."""
    for number in range(200):
        case = make(number, SEED)
        text = case.written()
        assert case.left_in(text) and case == make(number, SEED)
        other = replace(case, secret=bytes(reversed(case.secret)))
        assert not case.left_in(other.written()) and other.left_in(other.written())
        assert not make(number + 1, SEED).left_in(text)
