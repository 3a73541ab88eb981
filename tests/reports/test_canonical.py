from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.reports.canonical import canonical

SAMPLES = Path(__file__).resolve().parents[2] / "fixtures" / "reports"
KEY = (SAMPLES / "planted_key.pem").read_bytes().rstrip(b"\n")
LINES = KEY.split(b"\n")

#: What a value goes wrong by, in any order.
PIECES = st.sampled_from(
    [
        *(b"-----BEGIN A KEY-----", b"-----END A KEY-----", b"-----BEGIN ", b"Proc: 4", b"AB+/="),
        *(b"\\", b"\\n", b"\\u002b", b"u003d", b"n", b"r", b"/"),
        *(b"\n", b"\r", b" ", b"\t", b'"', b"'", b"`"),
    ]
)


def test_a_key_is_one_value_however_it_was_written() -> None:
    written = {
        "as it is": KEY,
        "newline at the end": KEY + b"\n",
        "CRLF": b"\r\n".join(LINES) + b"\r\n",
        "old Mac": b"\r".join(LINES),
        "JSON": b"\\n".join(LINES),
        "JSON, newline at the end": b"\\n".join(LINES) + b"\\n",
        "JSON of CRLF": b"\\r\\n".join(LINES),
        "JSON in JSON": b"\\\\n".join(LINES),
        "quoted": b'"' + b"\\n".join(LINES) + b'\\n"',
        "quoted twice": b"'\"" + KEY + b"\n\"'",
        "YAML": b"\n".join(b"    " + line for line in LINES).lstrip(),
        "YAML, trailing spaces": b"  \n\t".join(LINES),
        "spaces around": b" \n" + KEY + b" \n ",
        "one line": b" ".join(LINES),
        "PHP": b"\\n".join(LINES).replace(b"/", b"\\/"),
        ".NET": b"\\n".join(LINES).replace(b"+", b"\\u002B"),
        "Gson": b"\\n".join(LINES).replace(b"=", b"\\u003d"),
    }
    assert {how: canonical(value) == KEY for how, value in written.items()} == dict.fromkeys(
        written, True
    )


def test_two_keys_stay_two() -> None:
    other = KEY.replace(b"RSA PRIVATE", b"PRIVATE")
    assert canonical(other) != canonical(KEY)


def test_an_encrypted_key_keeps_its_headers_and_empty_line() -> None:
    key = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----"
    assert canonical(key.replace(b"\n", b"\\n")) == key


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (b"token", b"token"),
        (b"token\n", b"token"),
        (b"token\r\n", b"token"),
        (b'"token"', b"token"),
        (b"'token'\n", b"token"),
        (b"\"'token'\"", b"token"),
        (b'"token', b'"token'),
        (b"it's", b"it's"),
        (b" pass word ", b" pass word "),
        (b"C:\\new", b"C:\\new"),
        (b"a\\nb", b"a\\nb"),
        (b'"', b'"'),
        (b'""', b""),
        (b"", b""),
        (b"\xff\xfe\n", b"\xff\xfe"),
    ],
)
def test_other_values_lose_quotes_and_newlines_alone(value: bytes, plain: bytes) -> None:
    assert canonical(value) == plain


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=30).map(b"".join)))
def test_it_is_idempotent_and_never_grows(value: bytes) -> None:
    once = canonical(value)
    assert canonical(once) == once
    assert len(once) <= len(value)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.text("ABCxyz019+/", min_size=1, max_size=64), min_size=2, max_size=8),
    st.sampled_from(["\n", "\r\n", "\\n", "\\r\\n", "\\\\n", "\n  ", " \n\t", "\r"]),
    st.sampled_from(["", '"', "'", "`"]),
)
def test_any_key_survives_any_writing(body: list[str], newline: str, quote: str) -> None:
    lines = ["-----BEGIN EC PRIVATE KEY-----", *body, "-----END EC PRIVATE KEY-----"]
    written = quote + newline.join(lines) + quote
    assert canonical(written.encode()) == "\n".join(lines).encode()


def test_long_input_takes_linear_time() -> None:
    assert canonical(b'"' * 2_000_000) == b""
    canonical(b"-----BEGIN A KEY-----" + b"\\" * 1_000_000)
    canonical(b"-----BEGIN A KEY-----" + b" " * 200_000 + b"x")
    canonical(b"-----BEGIN A KEY-----" + b"a " * 200_000)
