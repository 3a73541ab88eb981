from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.history.edits import Ids
from remediate.history.reflogs import MARK, Log, rewrite, without_marks

OLD, NEW = "a" * 40, "b" * 40
CLEAN, GONE = "c" * 40, "d" * 40
OBJECTS = {OLD: NEW}
WHO = "Ada <ada@example.com> 1700000000 +0100"
IDS = Ids(OBJECTS, OBJECTS)


def _rewrite(text: bytes, clean: bytes = b"tok_1") -> Log:
    return rewrite(
        Path("log"), text, OBJECTS, {OLD, GONE}, IDS, lambda data: data.replace(clean, b"X")
    )


def _line(old: str, new: str, message: str = "commit: x") -> bytes:
    return f"{old} {new} {WHO}\t{message}\n".encode()


def test_ids_are_mapped_and_messages_cleaned() -> None:
    log = _rewrite(_line(CLEAN, OLD) + _line(OLD, CLEAN, "commit: use tok_1"))
    assert log.edit.after == _line(CLEAN, NEW) + _line(NEW, CLEAN, "commit: use X")
    assert (log.entries, log.dropped) == (2, 0)


def test_an_entry_without_a_successor_goes_and_is_counted() -> None:
    log = _rewrite(_line(CLEAN, GONE) + _line(GONE, CLEAN))
    assert log.edit.after == _line("0" * 40, CLEAN)
    assert log.dropped == 1


def test_our_own_entries_go() -> None:
    mine = _line(OLD, NEW, MARK)
    assert _rewrite(_line(CLEAN, OLD) + mine).edit.after == _line(CLEAN, NEW)
    assert without_marks(_line(CLEAN, OLD) + mine) == _line(CLEAN, OLD)


def test_messages_that_name_commits_name_the_new_ones() -> None:
    moving = _line(OLD, CLEAN, f"checkout: moving from {OLD[:7]} to {OLD}")
    assert _rewrite(moving).edit.after == _line(
        NEW, CLEAN, f"checkout: moving from {NEW[:7]} to {NEW}"
    )
    other = _line(CLEAN, CLEAN, f"x{OLD} {OLD}0 {OLD[:6]} 1234567 sha256-{OLD}")
    assert _rewrite(other).edit.after == other.replace(f"-{OLD}".encode(), f"-{NEW}".encode())


def test_an_abbreviation_of_two_commits_is_left() -> None:
    twin = OLD[:-1] + "0"
    ids = Ids({OLD: NEW, twin: CLEAN}, {OLD: NEW, twin: CLEAN})
    assert ids.map(OLD[:8].encode()) == OLD[:8].encode()
    assert ids.map(OLD.encode()) == NEW.encode()


def test_a_new_id_is_not_mapped_again() -> None:
    # The new commit's abbreviation is an old one's too.
    near = NEW[:8] + "0" * 32
    ids = Ids({OLD: NEW, near: CLEAN}, {OLD: NEW, near: CLEAN})
    assert ids.map(NEW[:8].encode()) == NEW[:8].encode()


_ids = st.sampled_from([OLD, NEW, CLEAN, GONE, "0" * 40])
_messages = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=20)
_entries = st.builds(_line, _ids, _ids, _messages | st.just("tok_1") | st.just(MARK))
_odd = st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"") + b"\n")


@given(st.lists(_entries | _odd, max_size=8).map(b"".join), st.booleans())
@settings(max_examples=200, deadline=None)
def test_the_outcome_is_its_own_outcome(text: bytes, ended: bool) -> None:
    text = text if ended else text[:-1]
    log = _rewrite(text)
    assert _rewrite(log.edit.after).edit.after == log.edit.after
    assert OLD.encode() not in log.edit.after or b" " + OLD.encode() not in b" " + log.edit.after
    assert b"tok_1" not in log.edit.after
    kept = log.edit.after.count(b"\n")
    assert (
        kept
        == text.count(b"\n")
        - log.dropped
        - len([line for line in text.splitlines() if line.endswith(b"\t" + MARK.encode())])
        or not ended
    )
