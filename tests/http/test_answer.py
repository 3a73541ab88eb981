"""What an answer says of itself, and how long it asks to wait."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from remediate.http import LONGEST, Answer, backoff

TOKEN = "very-secret-value"


@pytest.mark.parametrize(
    "headers, seconds",
    [
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": " 30 "}, 30.0),
        (
            {
                "Retry-After": "Thu, 01 Jan 2026 00:00:10 GMT",
                "Date": "Thu, 01 Jan 2026 00:00:00 GMT",
            },
            10.0,
        ),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "0.75"}, 0.75),
        ({"Retry-After": "1."}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert Answer(429, CaseInsensitiveDict(headers), b"").retry_after == seconds


NOON = "Thu, 01 Jan 2026 12:00:00 GMT"
EPOCH = 1767268800


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(EPOCH + 40)},
        {"ratelimit-remaining": "0", "ratelimit-reset": str(EPOCH + 40)},
        {"ratelimit-remaining": "0", "ratelimit-reset": "40"},
        {"x-ratelimit-route-remaining": "0", "x-ratelimit-reset": str((EPOCH + 40) * 1000)},
        {
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": str(EPOCH),
            "x-ratelimit-reset-after": "40.0",
        },
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-01-01T12:00:40Z"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-01-01 12:00:40 UTC"},
        {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(EPOCH + 40)},
    ],
    ids=lambda headers: " ".join(f"{name}={value}" for name, value in headers.items()),
)
@pytest.mark.parametrize("status", [403, 429])
def test_each_vendors_way_of_saying_when(headers: dict[str, str], status: int) -> None:
    answer = Answer(status, CaseInsensitiveDict({**headers, "Date": NOON}), b"")
    assert answer.limited
    assert answer.wait == 41.0


def test_a_limit_that_is_not_used_up_is_not_waited_for() -> None:
    """GitHub's secondary limits come with the primary one's headers, whose reset may be an hour away."""
    headers = {"x-ratelimit-remaining": "4000", "x-ratelimit-reset": str(EPOCH + 3000)}
    assert Answer(429, CaseInsensitiveDict({**headers, "Date": NOON}), b"").wait is None
    assert not Answer(403, CaseInsensitiveDict({**headers, "Date": NOON}), b"").limited


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_no_header_breaks_the_waiting(after: str, reset: str, date: str) -> None:
    pairs = [
        ("Retry-After", after),
        ("x-ratelimit-reset", reset),
        ("x-ratelimit-remaining", "0"),
        ("Date", date),
    ]
    wait = Answer(429, CaseInsensitiveDict(pairs), b"").wait
    assert wait is None or wait >= 0


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_json_is_none(body: bytes) -> None:
    assert Answer(200, {}, body).json() is None


def test_an_answer_does_not_show_its_body() -> None:
    assert TOKEN not in repr(
        Answer(200, CaseInsensitiveDict({"Set-Cookie": TOKEN}), TOKEN.encode())
    )


@given(st.integers(min_value=1, max_value=60))
@settings(max_examples=30, deadline=None)
def test_backing_off_grows_and_ends(attempt: int) -> None:
    assert 0.2 <= backoff(attempt) <= LONGEST
