"""A third party's plugin, installed as a package: found, listed, used, and passing the contract suites."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from remediate.demo.scenario import build
from remediate.plugins.local import Planted
from remediate.secret import Secret

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
LEAKED = "acme_" + "0a" * 16


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of a machine on which the plugin is installed beside remediate. No network."""
    pytest.importorskip("hatchling", reason="hatchling builds the plugin: remediate[test]")
    folder = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(FIXTURES / "plugin_dist", folder / "source")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"),
            *("--no-build-isolation", "--target", folder / "site", source),
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    return {"PYTHONPATH": str(folder / "site"), "SOURCE": str(source)}


def run(
    installed: Mapping[str, str], *arguments: object, code: int = 0, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, **installed, **environment},
        cwd=installed["SOURCE"],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout.decode() + done.stderr.decode()
    return done


def test_it_passes_the_contract_suites_through_the_registry(installed: Mapping[str, str]) -> None:
    tests = Path(installed["SOURCE"]) / "tests"
    done = run(
        installed,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--durations=3",
        tests,
    )
    assert b" passed" in done.stdout
    assert b"skipped" not in done.stdout


def test_it_is_listed_and_without_it_nothing_is(installed: Mapping[str, str]) -> None:
    listed = json.loads(run(installed, "-m", "remediate", "providers", "--json").stdout)
    assert "acme" in {kind["provider"] for kind in listed["kinds"]}
    assert "acme-settings" in listed["stores"]
    assert listed["broken"] == []
    without = {**installed, "PYTHONPATH": ""}
    assert b"acme" not in run(without, "-m", "remediate", "providers", "--json").stdout


@dataclass
class Acme:
    """Acme: which tokens live."""

    living: set[str] = field(default_factory=lambda: {LEAKED})
    url: str = ""


@pytest.fixture
def acme() -> Iterator[Acme]:
    state = Acme()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            lives = token in state.living
            if lives and self.command == "DELETE":
                state.living.discard(token)
            self.send_response(200 if lives else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_DELETE = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing is written anywhere."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_pipeline_uses_it_as_it_uses_ours(
    installed: Mapping[str, str], acme: Acme, tmp_path: Path
) -> None:
    settings = tmp_path / "acme.json"
    settings.write_text('{"OTHER": "kept"}')
    policy = f'[[credential]]\nmatch = "acme"\nstores = ["acme-settings:{settings}#TOKEN"]\n'
    folder = tmp_path / "leak"
    folder.mkdir()
    values = {"value": Secret(LEAKED)}
    made = build(folder, [Planted({"a.py": f'T = "{LEAKED}"\n'}, values, policy, "Add it")])
    common = ("--key-file", made.key_file, "--yes", "--json")
    done = run(
        installed,
        *("-m", "remediate", "run", made.report, "--repo", made.repository),
        *("--policy", made.policy, *common),
        code=3,
        ACME_API_URL=acme.url,
    )
    assert acme.living == set(), "it is dead"
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (step,) = [m["id"] for m in events[-1]["manual"]]
    new = "acme_" + "1b" * 16
    acme.living.add(new)
    subprocess.run(
        [
            *(sys.executable, "-m", "remediate", "resume", "--value", step),
            *("--policy", made.policy, *common),
        ],
        env={**os.environ, **installed, "ACME_API_URL": acme.url},
        cwd=made.repository,
        input=f"{new}\n".encode(),
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert json.loads(settings.read_text()) == {"OTHER": "kept", "TOKEN": new}
