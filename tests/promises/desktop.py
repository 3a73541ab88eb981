"""A desktop's keyring: GNOME's daemon on a message bus of its own, in a folder of a test's."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

try:
    # What the keyring library speaks through on Linux; elsewhere it is not installed.
    from jeepney import DBusAddress, new_method_call
    from jeepney.io.blocking import open_dbus_connection
except ImportError:
    MISSING = "jeepney"
else:
    MISSING = ""

PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")
MISSING = MISSING or next((p for p in PROGRAMS if shutil.which(p) is None), "")
_NAME = "org.freedesktop.DBus"

#: No service folders: a daemon that has gone is not started again by the bus, nor is a window opened.
_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
"""
_PASSPHRASE = b"of the login"


class Desktop:
    """A session of which the keyring can be unlocked, locked, and gone. A context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bus: subprocess.Popen[bytes] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None
        for name in ("home", "data", "run"):
            (folder / name).mkdir(mode=0o700, parents=True)
        # A socket's path may have 107 bytes, and a test's folder is deep.
        self._socket = Path(f"/tmp/remediate-bus-{os.getpid()}-{time.monotonic_ns()}")

    @property
    def environment(self) -> dict[str, str]:
        """What a program of this session has."""
        return {
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self._socket}",
            "XDG_DATA_HOME": str(self._folder / "data"),
            "XDG_RUNTIME_DIR": str(self._folder / "run"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring",
        }

    def __enter__(self) -> Desktop:
        config = self._folder / "bus.conf"
        config.write_text(_BUS.format(socket=self._socket))
        self._bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _until(self._socket.exists)
        self.unlocked()
        return self

    def __exit__(self, *_: object) -> None:
        self.gone()
        if self._bus is not None:
            self._bus.kill()
            self._bus.wait()
        self._socket.unlink(missing_ok=True)

    def unlocked(self) -> None:
        """The daemon as after a login."""
        self._start("--unlock")

    def locked(self) -> None:
        """The daemon as nobody has logged in; nobody is there to be asked either."""
        self._start()

    def gone(self) -> None:
        """No daemon at all."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def _start(self, *options: str) -> None:
        self.gone()
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._folder / "home")}
        self._daemon = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--components=secrets", *options],
            env={**environment, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert self._daemon.stdin is not None
        self._daemon.stdin.write(_PASSPHRASE)
        self._daemon.stdin.close()
        _until(self._answers)

    def _answers(self) -> bool:
        """Whether somebody on the bus is the Secret Service."""
        where = DBusAddress("/org/freedesktop/DBus", _NAME, _NAME)
        asked = new_method_call(where, "NameHasOwner", "s", ("org.freedesktop.secrets",))
        with open_dbus_connection(self.environment["DBUS_SESSION_BUS_ADDRESS"]) as bus:
            return bool(bus.send_and_get_reply(asked).body[0])


def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(200):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("the desktop's keyring did not start")
