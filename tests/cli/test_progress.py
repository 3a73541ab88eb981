from __future__ import annotations

import io

import pytest

from remediate.cli.progress import ProgressLine, duration


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def line(*, moving: bool) -> tuple[ProgressLine, io.StringIO, Clock]:
    out, clock = io.StringIO(), Clock()
    return ProgressLine(moving=moving, out=out, clock=clock, width=lambda: 60), out, clock


def test_what_is_over_within_a_second_is_not_worth_a_line() -> None:
    progress, out, clock = line(moving=True)
    progress.tell("Reading files", 0, 100)
    clock.now = 0.9
    progress.tell("Reading files", 100, 100)
    assert out.getvalue() == ""


def test_a_moving_line_has_rate_and_time_left_and_goes_away() -> None:
    progress, out, clock = line(moving=True)
    progress.tell("Reading files", 0, 1000)
    clock.now = 10
    progress.tell("Reading files", 250, 1000)
    shown = out.getvalue()
    assert "25 %, 250 of 1,000, 25/s, 30 s left" in shown
    assert len(shown.split("\x1b[2K")[-1]) < 60, "it fits, so that it can be taken away again"
    progress.clear()
    assert out.getvalue().endswith("\r\x1b[2K")
    once = out.getvalue()
    progress.clear()
    assert out.getvalue() == once


def test_where_nothing_can_move_a_line_comes_now_and_then() -> None:
    progress, out, clock = line(moving=False)
    for second in range(40):
        clock.now = second
        progress.tell("Cloning", second, None)
    assert len(out.getvalue().splitlines()) == 2
    assert "\x1b" not in out.getvalue() and "\r" not in out.getvalue()


def test_a_step_that_begins_anew_is_timed_anew() -> None:
    progress, out, clock = line(moving=True)
    progress.tell("Reading", 0, 10)
    clock.now = 100
    progress.tell("Writing", 0, 10)
    clock.now = 102
    progress.tell("Writing", 5, 10)
    assert "2 s left" in out.getvalue()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.4, "59 s"), (185, "3 min 5 s"), (1800, "30 min"), (7800, "2 h 10 min"),
     (260000, "3 days"), (-4, "0 s")],
)  # fmt: skip
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
