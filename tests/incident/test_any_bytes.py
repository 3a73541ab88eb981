"""Whatever bytes lie in the state folder, or are handed in beside a report: read, refused, or as good as not there."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.errors import Error, InputError, StateError, TamperedError
from remediate.history import commitmap
from remediate.incident import lifted, sealing
from remediate.incident.home import private_folder
from remediate.incident.journal import Journal
from remediate.incident.rows import Kind
from remediate.secret import InstallationKey, Secret
from remediate.stages import rounds

KEY = InstallationKey(bytes(range(32)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["wrap", "kind", "key", "recipient", "salt", "refs", "doomed", "what", "where", "lost"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)  # fmt: skip
TEXT = JSON.map(json.dumps).map(str.encode) | st.binary(max_size=300)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield private_folder(Path(name) / "incidents" / "INC-1")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.booleans(), st.integers(0, 4000))
def test_a_journal_of_any_bytes(data: bytes, whole: bool, at: int) -> None:
    """Whole, or some bytes of a true one written over."""
    with folder() as where:
        with contextlib.closing(Journal(where, KEY)) as journal:
            journal.append(Kind.ADVICE, {"text": "x" * 200})
            rows = journal.rows
        file = where / "journal.db"
        content = b"" if whole else file.read_bytes()
        file.write_bytes(content[:at] + data + content[at + len(data) :])
        try:
            with contextlib.closing(Journal(where, KEY, reader=True)) as journal:
                assert journal.rows == rows, "what is believed is what was written"
        except (TamperedError, StateError):
            pass


@settings(max_examples=150, deadline=None)
@given(TEXT)
def test_small_files_of_any_bytes(data: bytes) -> None:
    with folder() as where:
        (where / "seal.json").write_bytes(data)
        assert isinstance(sealing.wants_key(where), bool)
        with contextlib.suppress(Error):
            sealing.unlock(where, Secret("a key of some length"), name="INC-1")
        rounds._plan(where, 1).write_bytes(data)
        rounds.saved(where, 1)
        lifted.mark(where, "the remote", ("a rule",))
        (note,) = (where.parent.parent / "lifted").iterdir()
        note.write_bytes(data)
        (where / "lock").touch()
        for line in lifted.remind(where.parent.parent):
            assert "remediate resume INC-1" in line


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.text(alphabet="0123456789abcdef \t", max_size=90) | st.text(max_size=20), max_size=5
    )
)
def test_a_commit_map_of_any_lines(lines: list[str]) -> None:
    with folder() as where:
        file = where / "map"
        file.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
        try:
            found = commitmap.read_map(file)
        except InputError:
            return
        assert found
        assert all(set(old + new) <= set("0123456789abcdef") for old, new in found.items())
        commitmap.resolved(found)
