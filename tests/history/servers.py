"""Real git servers on loopback: `git http-backend` behind lighttpd, and an sshd of our own.

Each serves the repositories below one folder until it is closed. Where its program is missing, what
needs it is skipped with the package's name.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LOGIN = ("me", "pass" + "word" * 2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _program(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: {package})")
    return found


@contextmanager
def _running(command: list[str], port: int, log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        child = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        for _ in range(500):
            assert child.poll() is None, log.read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield
    finally:
        child.terminate()
        child.wait(10)


@contextmanager
def http(root: Path, work: Path) -> Iterator[str]:
    """lighttpd with ``git http-backend`` for *root*, one user who may push; gives the base address."""
    program = _program("lighttpd", "lighttpd")
    backend = Path(
        subprocess.run(
            ["git", "--exec-path"], capture_output=True, check=True, text=True
        ).stdout.strip(),
        "git-http-backend",
    )
    if not backend.is_file():
        pytest.skip("git http-backend is not installed (Debian: git)")
    port = _free_port()
    users = work / "users"
    users.write_text(":".join(LOGIN) + "\n")
    config = work / "lighttpd.conf"
    config.write_text(f"""
server.document-root = "{work}"
server.bind = "127.0.0.1"
server.port = {port}
server.modules = ("mod_auth", "mod_authn_file", "mod_alias", "mod_setenv", "mod_cgi")
auth.backend = "plain"
auth.backend.plain.userfile = "{users}"
alias.url = ("/git" => "{backend}")
$HTTP["url"] =~ "^/git/" {{
  auth.require = ("" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
  setenv.add-environment = (
    "GIT_PROJECT_ROOT" => "{root}", "GIT_HTTP_EXPORT_ALL" => "1", "HOME" => "{work}",
    "GIT_CONFIG_NOSYSTEM" => "1")
  cgi.assign = ("" => "")
}}
""")
    with _running([program, "-D", "-f", str(config)], port, work / "lighttpd.log"):
        yield f"http://{':'.join(LOGIN)}@127.0.0.1:{port}/git"


@contextmanager
def ssh(root: Path, work: Path) -> Iterator[tuple[str, str]]:
    """An sshd that lets one key in; gives the base address, and the ``GIT_SSH_COMMAND`` for it."""
    program = _program("sshd", "openssh-server")
    client = _program("ssh", "openssh-client")
    maker = _program("ssh-keygen", "openssh-client")
    port = _free_port()
    for name in ("host", "user"):
        subprocess.run([maker, "-q", "-t", "ed25519", "-N", "", "-f", str(work / name)], check=True)
    known = work / "known_hosts"
    public = (work / "host.pub").read_text().rsplit(" ", 1)[0]
    known.write_text(f"[127.0.0.1]:{port} {public}\n")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    config = work / "sshd_config"
    config.write_text(f"""
ListenAddress 127.0.0.1:{port}
HostKey {work / "host"}
AuthorizedKeysFile {work / "user.pub"}
PidFile none
StrictModes no
UsePAM no
AcceptEnv GIT_PROTOCOL
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
""")
    command = (
        f"{client} -F none -i {work / 'user'} -o IdentitiesOnly=yes -o IdentityAgent=none "
        f"-o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes -o BatchMode=yes"
    )
    with _running([program, "-D", "-e", "-f", str(config)], port, work / "sshd.log"):
        yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}{root}", command
