"""The run's log: ``run.log`` in the incident's folder, JSON Lines, 0600, redacted where it is written.

Everything that the run logs goes through one handler, which takes every value in custody out of every text,
in each form that `remediate.incident.redaction` knows. Of an exception only the type and the places are kept:
its text may hold a value that is in custody nowhere yet.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from remediate.clock import utc_now
from remediate.errors import Error, StateError
from remediate.incident.custody import Custody
from remediate.incident.events import Event, Listener
from remediate.incident.redaction import harmless, redactor

FILE_NAME = "run.log"
MAX_BYTES = 64 * 1024 * 1024
"""The log stops there: it is a convenience, and must not fill the disk that the journal needs."""
_LONGEST = 20_000
_OURS = ("remediate", "urllib3")
_QUERY = re.compile(r"\?[^\s\"']+")
_LOG = logging.getLogger(__name__)


class RunLog(logging.Handler):
    """Writes records as lines of JSON; with *tell* each (but events) is told to a person as well."""

    def __init__(
        self, folder: Path, custody: Custody, tell: Callable[[str], None] | None = None
    ) -> None:
        super().__init__()
        path = folder / FILE_NAME
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._file = os.open(path, flags, 0o600)
            self._size = os.fstat(self._file).st_size
        except OSError as error:
            raise StateError(
                f"The log {path} can't be written: {error.strerror}.",
                hint="Make room or mend the permissions, then: remediate resume",
            ) from None
        self._custody = custody
        self._tell = tell
        self._known: list[str] = []
        self._redact: Callable[[str], str] = redactor([])

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*. Never raises: a log that can't be written stops nobody."""
        try:
            line = self._line(record)
            text = json.dumps(line, ensure_ascii=True, default=str) + "\n"
            if self._size + len(text) <= MAX_BYTES:
                self._size += os.write(self._file, text.encode("ascii"))
            if self._tell is not None and "event" not in line:
                self._tell(harmless(f"     {line['logger']}: {line['message']}"))
        except Exception:  # noqa: S110 - the default handler would print the record, unredacted
            pass

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        super().close()

    def _line(self, record: logging.LogRecord) -> dict[str, Any]:
        redact = self._redactor()
        try:
            message = record.getMessage()
        except Exception:
            message = "a record that can't be formatted"
        if record.name.startswith("urllib3"):
            message = _QUERY.sub(
                "?…", message
            )  # what is asked may be a secret; who is asked is not
        line: dict[str, Any] = {
            "at": utc_now(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(message)[:_LONGEST],
        }
        event = getattr(record, "event", None)
        if isinstance(event, Mapping):
            line["event"] = _redacted(event, redact)
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = redact(_told(record.exc_info[1]))[:_LONGEST]
        return line

    def _redactor(self) -> Callable[[str], str]:
        known = self._custody.fingerprints()
        if known != self._known:
            self._redact, self._known = redactor(self._custody.every()), known
        return self._redact


def _told(error: BaseException) -> str:
    """An exception's type and places; its text only where it is ours, which holds no value."""
    text = f": {error.message}" if isinstance(error, Error) else ""
    places = "".join(traceback.format_tb(error.__traceback__))
    return f"{type(error).__name__}{text}\n{places}"


def _redacted(value: Any, redact: Callable[[str], str], depth: int = 0) -> Any:
    if isinstance(value, str):
        return redact(value)[:_LONGEST]
    if depth < 20 and isinstance(value, Mapping):
        return {redact(str(k)): _redacted(v, redact, depth + 1) for k, v in value.items()}
    if depth < 20 and isinstance(value, Sequence):
        return [_redacted(item, redact, depth + 1) for item in value]
    return value if isinstance(value, bool | int | float | None) else redact(str(value))


@contextlib.contextmanager
def kept(
    folder: Path, custody: Custody, *, tell: Callable[[str], None] | None = None
) -> Iterator[None]:
    """While the body runs, log into *folder*; in detail, and to a person too, with *tell*.

    What ends the body is logged with its places.
    """
    handler = RunLog(folder, custody, tell)
    root = logging.getLogger()
    loggers = [logging.getLogger(name) for name in _OURS]
    levels = [logger.level for logger in loggers]
    # On the root, so that warnings of any library are redacted too and do not reach the terminal.
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG if tell is not None else logging.INFO)
    try:
        yield
    except BaseException as error:
        _LOG.error("ended by %s", type(error).__name__, exc_info=True)
        raise
    finally:
        root.removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        handler.close()


def logged(listener: Listener) -> Listener:
    """*listener*, with every event written into the log as well; progress only in a detailed one."""

    def tell(event: Event) -> None:
        level = logging.DEBUG if event.name == "progress" else logging.INFO
        _LOG.log(level, event.name, extra={"event": dict(event.data)})
        listener(event)

    return tell
