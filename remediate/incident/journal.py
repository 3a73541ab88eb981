"""The journal: the append-only log of what was meant and what happened, chained and sealed.

One SQLite file (WAL, synchronous=FULL) in the incident's folder. Each row carries an HMAC over itself
and the seal of the row before it; the newest seal, the head, is kept outside the database as well:
beside it, and with the other incidents' heads, so that an older copy of the whole folder, put back, is
told. The database ahead of a head, by one row or by as many as the head itself announces for one
transaction, is a crash between the writes. Anything else is tampering.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remediate.clock import utc_now
from remediate.errors import StateError, TamperedError
from remediate.incident.home import write_private
from remediate.incident.rows import SCHEMA, WITNESSED_SINCE, Kind, Row
from remediate.model import Json
from remediate.secret import InstallationKey
from remediate.wording import count

_GENESIS = "0" * 64
_TABLE = """
CREATE TABLE IF NOT EXISTS rows (
    seq   INTEGER PRIMARY KEY,
    at    TEXT NOT NULL,
    kind  TEXT NOT NULL,
    stage TEXT,
    key   TEXT,
    data  TEXT NOT NULL,
    seal  TEXT NOT NULL
) STRICT
"""


class Journal:
    """An incident's journal, open for reading and appending. Safe to append to from threads.

    *witness* is where a second copy of the head is kept, outside the incident's folder. A *reader*
    appends nothing and mends nothing, and may look while another process writes.

    Raises `TamperedError` on opening where the chain does not hold, `StateError` where the file can't
    be used.
    """

    def __init__(
        self,
        folder: Path,
        key: InstallationKey,
        *,
        witness: Path | None = None,
        reader: bool = False,
        now: Callable[[], str] = utc_now,
    ) -> None:
        self.path = folder / "journal.db"
        self.head_path = folder / "journal.head"
        self._head_paths = [self.head_path, *([witness] if witness else [])]
        self._reader = reader
        self._key = key
        self._now = now
        self._lock = threading.Lock()
        try:
            # Made by us first, so that SQLite does not make it with the user's umask.
            if not self.path.exists():
                self.path.touch(mode=0o600, exist_ok=True)
            self._db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(_TABLE)
        except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
            # The second where SQLite's own words quote a damaged schema.
            raise StateError(
                f"The journal {self.path} can't be opened: {type(error).__name__}.",
                hint="Check the folder's space and permissions, then: remediate resume",
            ) from None
        self._rows, self._seals = self._load()
        self._whole = True

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every row so far."""
        return tuple(self._rows)

    @property
    def head(self) -> tuple[int, str]:
        """The number of the last row and its seal; 0 and zeros for an empty journal."""
        return len(self._rows), self._seals[-1]

    def require(self, incident: str, *, begun: bool = True) -> None:
        """Nothing, where this is the journal of *incident*; it may be empty unless that was *begun*.

        All journals of an installation are sealed under one key: another incident's, put here with both
        of its heads, holds together. Raises `TamperedError`.
        """
        if not self._rows and not begun:
            return
        first = self._rows[0] if self._rows else None
        if first is None or first.kind != Kind.OPENED or first.data.get("incident") != incident:
            whose = "is empty" if first is None else "is another incident's"
            raise TamperedError(
                f"The journal {self.path} {whose}: {incident}'s own was removed.", hint=_TAMPER_HINT
            )

    def holds(self, seq: int, seal: str) -> bool:
        """Whether the row *seq* is there and carries *seal*: whether (seq, seal) was once its head."""
        return 0 <= seq < len(self._seals) and self._seals[seq] == seal

    def append(
        self,
        kind: Kind,
        data: Mapping[str, Json] | None = None,
        *,
        stage: str | None = None,
        key: str | None = None,
    ) -> Row:
        """Add one row; it is on disk when this returns. Raises `StateError`."""
        return self.append_all([(kind, data or {}, key)], stage=stage)[0]

    def append_all(
        self, entries: Sequence[tuple[Kind, Mapping[str, Json], str | None]], *, stage: str | None
    ) -> list[Row]:
        """Add a row for each kind, data and key: all or none, on disk when this returns.

        Raises `StateError`.
        """
        if not entries:
            return []
        with self._lock:
            if not self._whole:
                # The row before was cut short, by a full disk or an interrupt: look what is there.
                self._rows, self._seals = self._load()
            self._whole = False
            rows: list[Row] = []
            seals = [self._seals[-1]]
            stored = []
            for kind, data, key in entries:
                seq = len(self._rows) + len(rows) + 1
                text = _canonical(data)
                # As whoever reads it from disk gets it, key order and all: the record that this process makes
                # of its rows has to be the one that any other makes of them.
                row = Row(seq, self._now(), str(kind), stage, key, json.loads(text))
                seals.append(self._key.seal(_sealed(row, text, seals[-1])))
                rows.append(row)
                stored.append((row.seq, row.at, row.kind, row.stage, row.key, text, seals[-1]))
            if len(rows) > 1:
                # Announced, so that a crash before the new head is none of a tamperer's.
                self._write_heads(_head(len(self._rows), self._seals[-1], more=len(rows)))
            self._insert(stored)
            self._rows += rows
            self._seals += seals[1:]
            self._write_heads(_head(rows[-1].seq, seals[-1]))
            self._whole = True
            return rows

    def _insert(self, stored: Sequence[tuple[object, ...]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)", stored)
            self._db.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            if not isinstance(error, sqlite3.Error):
                raise  # an interrupt, between two statements
            raise StateError(
                f"The journal can't be written ({type(error).__name__}); "
                "nothing is done that is not journalled, so the run stops here.",
                hint="Make room or mend the permissions, then: remediate resume",
            ) from None

    def _write_heads(self, head: bytes) -> None:
        for path in self._head_paths:
            write_private(path, head)

    def _load(self) -> tuple[list[Row], list[str]]:
        # Heads are read before and after the rows: a reader may be overtaken by a writer, and must not
        # take that for tampering.
        before = [_read_head(path) for path in self._head_paths]
        rows: list[Row] = []
        seals = [_GENESIS]
        try:
            stored = self._db.execute(
                "SELECT seq, at, kind, stage, key, data, seal FROM rows ORDER BY seq"
            ).fetchall()
        except (sqlite3.Error, UnicodeDecodeError):
            raise TamperedError(
                f"The journal {self.path} is not a journal any more.", hint=_TAMPER_HINT
            ) from None
        for seq, at, kind, stage, key, text, stored_seal in stored:
            try:
                row = Row(seq, at, kind, stage, key, json.loads(text))
                seal = self._key.seal(_sealed(row, text, seals[-1]))
            except (ValueError, TypeError, RecursionError):
                # Nothing that we wrote is unreadable, or of another type (the table was replaced).
                row, seal = Row(len(rows) + 1, "", "", None, None, {}), ""
            if seq != len(rows) + 1 or not seal or seal != stored_seal:
                raise TamperedError(
                    f"Row {row.seq} of the journal {self.path} is not what this installation wrote: "
                    "it was edited, cut out or put elsewhere, or the installation key is another.",
                    hint=_TAMPER_HINT,
                )
            rows.append(row)
            seals.append(seal)
        schema = _schema(rows)
        after = [_read_head(path) for path in self._head_paths] if self._reader else before
        for path, first, last in zip(self._head_paths, before, after, strict=True):
            unwitnessed = path != self.head_path and 0 < schema < WITNESSED_SINCE
            if unwitnessed and first == last == _Head(0, _GENESIS):
                continue
            self._check_head(path, seals, first, last)
        if schema > SCHEMA:
            raise StateError(
                "This incident was begun by a newer remediate.",
                hint="Upgrade: pip install --upgrade remediate",
            )
        if not self._reader and rows:
            for path, head in zip(self._head_paths, before, strict=True):
                if head != _Head(len(rows), seals[-1]):  # a crash between the row and the head
                    write_private(path, _head(len(rows), seals[-1]))
        return rows, seals

    def _check_head(self, path: Path, seals: Sequence[str], first: _Head, last: _Head) -> None:
        """*first* is what the head said before the rows were read, *last* what it said after."""
        number = len(seals) - 1
        known = 0 <= first.seq <= number and seals[first.seq] == first.seal
        if known and number - last.more <= last.seq:
            return
        raise TamperedError(
            f"The journal {self.path} has {count(number, 'row')} and its head {path} says "
            f"{max(first.seq, 0)}: rows were removed, or the journal was rolled back or replaced.",
            hint=_TAMPER_HINT,
        )


@dataclass(frozen=True)
class _Head:
    """The newest row that is surely there: its number, its seal, and how many may have followed it."""

    seq: int
    seal: str
    more: int = 1


def _read_head(path: Path) -> _Head:
    try:
        seq, seal, *more = path.read_text("ascii").split()
        return _Head(int(seq), seal, *map(int, more))
    except FileNotFoundError:
        return _Head(0, _GENESIS)
    except (ValueError, TypeError, OSError):
        return _Head(-1, "")


def _head(seq: int, seal: str, *, more: int = 1) -> bytes:
    return f"{seq} {seal}\n".encode() if more == 1 else f"{seq} {seal} {more}\n".encode()


def _schema(rows: Sequence[Row]) -> int:
    """The schema that the journal was begun under, 0 where its first row does not say."""
    if not rows or rows[0].kind != Kind.OPENED:
        return 0
    schema = rows[0].data.get("schema")
    return schema if isinstance(schema, int) and not isinstance(schema, bool) else 0


_TAMPER_HINT = (
    "Do not go on with this incident. Move its folder out of the folder of incidents, keep it as evidence, "
    "and begin anew: remediate run REPORT"
)


def _canonical(data: Mapping[str, Json]) -> str:
    return json.dumps(data, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def _sealed(row: Row, text: str, before: str) -> bytes:
    # JSON of the list, so that no two different rows can run together into the same bytes.
    return json.dumps([before, row.seq, row.at, row.kind, row.stage, row.key, text]).encode()
