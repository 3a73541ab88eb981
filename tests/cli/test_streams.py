"""Standard input, output and error as a service manager, a pipe or an old terminal gives them."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.errors import ExitStatus, unforeseen

VALUE = "a-value-of-" + "some-length-" + "8f14e45f"
ALONE = "--yes --offline --no-push --no-undo"
PROGRAM = shlex.join([sys.executable, "-m", "remediate"])


@pytest.fixture
def shell(tmp_path: Path, bash: Callable[..., str]) -> Callable[..., tuple[int, str, str]]:
    """A shell in a leaky repository with the report beside it; ``$R`` is the command."""
    bash(
        f"""
        echo {VALUE} > report.txt; git init -q app; cd app
        echo 'key = "{VALUE}"' > s.ini; git add s.ini; git commit -qm 'clé {VALUE}'
        echo 'key = ""' > s.ini; git commit -qam gone
        """
    )

    def run(text: str, **more: str) -> tuple[int, str, str]:
        done = subprocess.run(
            ["bash", "-c", text],
            cwd=tmp_path / "app",
            env={**os.environ, "R": PROGRAM, **more},
            capture_output=True,
            check=False,
        )
        return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode()

    return run


Shell = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_it_works_without_one_of_them(shell: Shell, closed: str) -> None:
    code, _, err = shell(f"$R run ../report.txt {ALONE} {closed}")
    assert code == 0, err
    assert "Traceback" not in err
    code, out, _ = shell("$R verify ../report.txt --json")
    assert code == 0, out
    # What would have been said there is in no file of the journal's.
    code, out, err = shell("$R log --check")
    assert code == 0, err


def test_a_run_whose_words_can_not_be_written_stops_as_by_ctrl_c(shell: Shell) -> None:
    code, _, err = shell(f"$R run ../report.txt {ALONE} --json > /dev/full")
    assert code == 130
    assert err.startswith(
        "remediate: Standard output can't be written to: No space left on device."
    )
    assert "Traceback" not in err


@pytest.mark.parametrize("how", ["--json", "--plain"])
def test_a_run_that_nobody_reads_any_more_stops_as_by_ctrl_c(shell: Shell, how: str) -> None:
    text = f"set -o pipefail; $R run ../report.txt {ALONE} {how} | head -n 1"
    code, out, err = shell(text)
    assert code == 130, err
    assert "Broken pipe" in err
    assert '"version"' in out or "opened" in out
    _, out, _ = shell("$R list")
    assert "interrupted" in out
    code, _, err = shell("$R resume --report ../report.txt " + ALONE.replace("--no-undo", ""))
    assert code in (0, 3), err


@pytest.mark.parametrize(
    "command", ["record", "log", "list", "show", "verify ../report.txt --json"]
)
def test_others_leave_without_a_word_where_nobody_reads(shell: Shell, command: str) -> None:
    shell(f"$R run ../report.txt {ALONE}")
    code, _, err = shell(f"set -o pipefail; $R {command} | true")
    # All may have been written before the reader left.
    assert (code, err) in ((130, ""), (0, ""))
    code, _, err = shell(f"$R {command} > /dev/full")
    assert code == 130
    assert "No space left" in err
    assert "Traceback" not in err


def test_standard_error_that_is_full_stops_nothing(shell: Shell) -> None:
    code, out, _ = shell(f"$R run ../report.txt {ALONE} --json 2> /dev/full")
    assert code == 0, out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_an_old_encoding_spells_what_it_does_not_have(shell: Shell, encoding: str) -> None:
    code, _, err = shell(f"$R run ../report.txt {ALONE} --verbose", PYTHONIOENCODING=encoding)
    assert code == 0, err
    code, out, err = shell("$R record", PYTHONIOENCODING=encoding)
    assert code == 0, err
    assert "# Incident INC-" in out


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "x", VALUE), OSError(errno.EMFILE, VALUE), MemoryError(VALUE)]
)
def test_what_the_machine_has_no_more_of_is_named_and_is_no_bug(error: Exception) -> None:
    told = unforeseen(error)
    assert told.exit_status is ExitStatus.USAGE
    assert told.message.startswith("This machine stopped the work: ")
    assert told.hint
    assert VALUE not in told.message + told.hint
    assert "A bug in remediate: OSError" in unforeseen(OSError(errno.EINVAL, VALUE)).message
