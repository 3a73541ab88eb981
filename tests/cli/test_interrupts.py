"""Ctrl-C and SIGTERM come in the middle of an import, and where Python may raise nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def stopped(tmp_path: Path, program: str, module: str, how: signal.Signals) -> str:
    """What a process says that runs *program*, with *module* to import, and is sent *how* as it prints."""
    (tmp_path / "slow.py").write_text(module)
    listening = "from remediate.cli.interrupts import Asked, listen\nlisten()\n"
    with subprocess.Popen(
        [sys.executable, "-c", listening + program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        assert first == "now\n", first + child.stdout.read()
        child.send_signal(how)
        return child.stdout.read()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_import_is_gone_through_first(tmp_path: Path, how: signal.Signals) -> None:
    module = (
        "import time\nprint('now', flush=True)\n"
        "class Described:\n"
        "    def __set_name__(self, owner, name):\n"
        "        time.sleep(0.5)\n"
        "class Made:\n"
        "    it = Described()\n"
        "print('whole', flush=True)\n"
    )
    program = (
        "try:\n    import slow\n    import time\n    time.sleep(20)\n"
        "except KeyboardInterrupt:\n    print('stopped', hasattr(slow, 'Made'))\n"
    )
    assert stopped(tmp_path, program, module, how) == "whole\nstopped True\n"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_what_is_raised_where_nothing_may_be_is_not_lost(
    tmp_path: Path, how: signal.Signals
) -> None:
    program = (
        "import time\n"
        "class Ends:\n"
        "    def __del__(self):\n"
        "        print('now', flush=True)\n"
        "        time.sleep(20)\n"
        "try:\n    Ends()\n    time.sleep(20)\n    print('went on')\n"
        "except KeyboardInterrupt:\n    print('stopped', Asked.to_stop)\n"
    )
    assert stopped(tmp_path, program, "", how) == "stopped True\n"


def test_who_was_begun_in_the_background_is_not_stopped_by_ctrl_c() -> None:
    program = (
        "import signal, os\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from remediate.cli.interrupts import listen\nlisten()\n"
        "os.kill(os.getpid(), signal.SIGINT)\nprint('goes on')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "goes on\n"
