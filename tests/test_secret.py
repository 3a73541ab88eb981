"""`Secret` never shows itself, whichever way Python is asked to turn it into text."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.secret import InstallationKey, Secret

VALUE = "correct-horse-" + "battery-staple"


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format, "{:>40}".format, ascii])
def test_no_text_form_shows_the_value(show: object) -> None:
    assert VALUE not in show(Secret(VALUE))  # type: ignore[operator]


def test_not_in_a_dataclass_a_log_or_an_fstring(caplog: pytest.LogCaptureFixture) -> None:
    @dataclasses.dataclass
    class Holder:
        token: Secret

    holder = Holder(Secret(VALUE))
    logging.getLogger("x").warning("holding %s and %r", holder, holder.token)
    assert VALUE not in caplog.text
    assert VALUE not in repr(dataclasses.asdict(holder))
    assert VALUE not in f"{holder.token}{holder}"


def test_neither_json_nor_pickle_takes_it() -> None:
    with pytest.raises(TypeError) as error:
        json.dumps({"a": Secret(VALUE)})
    assert VALUE not in str(error.value)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(Secret(VALUE), protocol)


def test_not_in_a_traceback_with_locals() -> None:
    def fail(secret: Secret) -> None:
        raise ValueError(f"about {secret}")

    try:
        fail(Secret(VALUE))
    except ValueError as error:
        shown = "".join(
            traceback.TracebackException.from_exception(error, capture_locals=True).format()
        )
    assert VALUE not in shown.replace(repr(VALUE), "")


def test_it_does_not_change_and_copies_are_itself() -> None:
    secret = Secret(VALUE)
    with pytest.raises(AttributeError):
        secret.value = "x"  # type: ignore[attr-defined]
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret
    assert not hasattr(secret, "__dict__")


@given(st.binary(), st.binary())
def test_equal_by_value(one: bytes, other: bytes) -> None:
    assert (Secret(one) == Secret(other)) is (one == other)
    assert (hash(Secret(one)) == hash(Secret(other))) is (one == other)
    assert Secret(one) != one


@given(st.binary())
def test_text_round_trips_any_bytes(value: bytes) -> None:
    assert Secret(Secret(value).reveal_text()).reveal() == value


def test_fingerprints_are_this_installations_own_and_no_seal() -> None:
    one, other = InstallationKey(b"1" * 32), InstallationKey(b"2" * 32)
    secret = Secret(VALUE)
    assert one.fingerprint(secret) == one.fingerprint(Secret(VALUE))
    assert one.fingerprint(secret) != other.fingerprint(secret)
    assert one.fingerprint(secret) != one.seal(secret.reveal())
    assert len(one.fingerprint(secret)) == 64
    assert "1" * 32 not in repr(one)
