"""The log: everything is in it, and no value, whoever logs what in which form."""

from __future__ import annotations

import base64
import json
import logging
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediate.errors import StateError, UsageError
from remediate.incident import runlog
from remediate.incident.custody import Custody
from remediate.incident.events import Event
from remediate.incident.redaction import SHOWN
from remediate.incident.runlog import kept, logged
from remediate.secret import InstallationKey, Secret

VALUE = b"Zk8+pass/word==9!"
LOG = logging.getLogger("remediate.tests")


@pytest.fixture
def custody(folder: Path, key: InstallationKey) -> Custody:
    made = Custody(folder, key, None)
    made.put(Secret(VALUE))
    return made


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run.log").read_text("ascii").splitlines()]


def no_value(folder: Path, told: list[str]) -> None:
    text = (folder / "run.log").read_bytes() + "\n".join(told).encode("utf-8", "replace")
    for form in (
        VALUE,
        base64.b64encode(VALUE),
        quote(VALUE, safe="").encode(),
        VALUE.hex().encode(),
    ):
        assert form not in text


def test_every_record_is_a_line_and_the_file_is_ours_alone(folder: Path, custody: Custody) -> None:
    old = os.umask(0)
    try:
        with kept(folder, custody):
            LOG.info("begun with %d", 3)
            LOG.debug("too fine for it")
            logging.getLogger("urllib3.seen_here").warning("retry")
    finally:
        os.umask(old)
    assert stat.S_IMODE((folder / "run.log").stat().st_mode) == 0o600
    first, second = lines(folder)
    assert first["message"] == "begun with 3"
    assert (first["level"], first["logger"]) == ("info", "remediate.tests")
    assert second["logger"] == "urllib3.seen_here"
    with kept(folder, custody):
        LOG.info("again")
    assert len(lines(folder)) == 3


def _raised(make: Callable[[], BaseException]) -> Any:
    try:
        raise make()
    except BaseException:
        return sys.exc_info()


WAYS: dict[str, Callable[[], None]] = {
    "message": lambda: LOG.info(f"token {VALUE.decode()}"),
    "argument": lambda: LOG.info("token %s", VALUE.decode()),
    "bytes": lambda: LOG.info("token %r", VALUE),
    "base64": lambda: LOG.info(base64.b64encode(VALUE).decode()),
    "query": lambda: LOG.warning("GET /x?t=%s", quote(VALUE, safe="")),
    "exception": lambda: LOG.error("x", exc_info=_raised(lambda: ValueError(VALUE.decode()))),
    "our exception": lambda: LOG.error("x", exc_info=_raised(lambda: UsageError(VALUE.decode()))),
    "its cause": lambda: LOG.error(
        "x", exc_info=_raised(lambda: RuntimeError("y", ValueError(VALUE.decode())))
    ),
    "extra": lambda: LOG.info("x", extra={"event": {"deep": [{"er": VALUE.decode()}]}}),
    "extra's name": lambda: LOG.info("x", extra={"event": {VALUE.decode(): 1}}),
    "an object": lambda: LOG.info("x", extra={"event": {"o": ValueError(VALUE.decode())}}),
    "another library": lambda: logging.getLogger("botocore").warning("%s", VALUE.decode()),
    "wrong arguments": lambda: LOG.info("%d %d", VALUE.decode()),
    "a lone surrogate": lambda: LOG.info("\udce9 " + VALUE.decode()),
    "an escape": lambda: LOG.info("\x1b[2J" + VALUE.decode()),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_value_by_any_way(
    folder: Path,
    custody: Custody,
    way: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # pytest's own handlers fail on what can't be formatted.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    told: list[str] = []
    with kept(folder, custody, tell=told.append):
        WAYS[way]()
    no_value(folder, told)
    assert lines(folder)
    assert "\x1b" not in "".join(told)
    out, err = capfd.readouterr()
    assert VALUE.decode() not in out + err


def test_a_value_that_came_into_custody_later(folder: Path, custody: Custody) -> None:
    new = b"another-" + b"value-1234"
    with kept(folder, custody):
        custody.put(Secret(new))
        LOG.info("got %s", new.decode())
    assert lines(folder)[0]["message"] == f"got {SHOWN}"


def test_of_an_exception_the_type_and_the_places_alone(folder: Path, custody: Custody) -> None:
    """Its text may hold a value that nobody knows yet: the key that was just made."""

    def fail() -> None:
        raise KeyError("fresh-from-the-vendor")

    with pytest.raises(KeyError), kept(folder, custody):
        fail()
    (line,) = lines(folder)
    assert line["message"] == "ended by KeyError"
    assert "in fail" in line["exception"]
    assert "fresh-from-the-vendor" not in json.dumps(lines(folder)).replace(
        'raise KeyError(\\"fresh-from-the-vendor\\")', ""
    )


def test_a_urls_query_is_left_out(folder: Path, custody: Custody) -> None:
    with kept(folder, custody, tell=lambda _: None):
        logging.getLogger("urllib3.seen_here").debug(
            '%s "%s %s" %s', "https://x:443", "GET", "/a/b?session=unknown-to-us", 200
        )
    assert "unknown-to-us" not in lines(folder)[0]["message"]
    assert "/a/b" in lines(folder)[0]["message"]


def test_events_are_logged_and_told_on(folder: Path, custody: Custody) -> None:
    seen: list[Event] = []
    told: list[str] = []
    with kept(folder, custody, tell=told.append):
        for name in ("effect", "progress"):
            logged(seen.append)(Event(name, {"summary": VALUE.decode(), "n": 1, "ok": True}))
    assert [event.name for event in seen] == ["effect", "progress"]
    assert lines(folder)[0]["event"] == {"summary": SHOWN, "n": 1, "ok": True}
    assert told == [], "the stream shows them"
    with kept(folder, custody):
        logged(seen.append)(Event("progress", {}))
    assert len(lines(folder)) == 2, "progress is in a detailed log only"


def test_everything_is_as_it_was_afterwards(folder: Path, custody: Custody) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), logging.getLogger("urllib3").level)
    with pytest.raises(ZeroDivisionError), kept(folder, custody, tell=lambda _: None):
        raise ZeroDivisionError
    assert (list(root.handlers), logging.getLogger("urllib3").level) == before
    assert not [f for f in Path("/proc/self/fd").iterdir() if str(folder) in str(f.resolve())]


def test_a_link_in_its_place_is_refused(folder: Path, custody: Custody, tmp_path: Path) -> None:
    (folder / "run.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match=r"run\.log"), kept(folder, custody):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_it_ends_before_it_fills_the_disk(
    folder: Path, custody: Custody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runlog, "MAX_BYTES", 2000)
    with kept(folder, custody):
        for _ in range(100):
            LOG.info("x" * 100)
        LOG.info("y" * 100_000)
    assert 0 < (folder / "run.log").stat().st_size <= 2000


def test_a_log_that_can_not_be_written_stops_nobody(
    folder: Path, custody: Custody, capfd: pytest.CaptureFixture[str]
) -> None:
    with kept(folder, custody, tell=lambda _: (_ for _ in ()).throw(OSError())):
        LOG.info(VALUE.decode())
    assert capfd.readouterr() == ("", "")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    before=st.text(max_size=10),
    after=st.text(max_size=10),
    value=st.binary(min_size=8, max_size=30),
    form=st.sampled_from(["text", "repr", "base64", "hex", "quote"]),
)
def test_any_value_in_any_form_anywhere(
    before: str,
    after: str,
    value: bytes,
    form: str,
    tmp_path_factory: pytest.TempPathFactory,
    key: InstallationKey,
) -> None:
    folder = tmp_path_factory.mktemp("log")
    custody = Custody(folder, key, None)
    custody.put(Secret(value))
    shown = {
        "text": value.decode("utf-8", "surrogateescape"),
        "repr": value.decode("utf-8", "surrogateescape"),
        "base64": base64.b64encode(value).decode(),
        "hex": value.hex(),
        "quote": quote(value, safe=""),
    }[form]
    with kept(folder, custody):
        LOG.info("%s", before + shown + after)
    assert shown not in lines(folder)[0]["message"].replace(SHOWN, "\n")
