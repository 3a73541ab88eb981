"""The responder's own token: the environment's, else gh's, and never a stranger's gh."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.plugins.context import VendorContext
from remediate.secret import Secret
from remediate_providers.github import responder, tokens
from remediate_providers.github.local_state import make_value
from remediate_providers.github.provider import GitHubProvider
from remediate_providers.github.server import Server

Around = Callable[..., VendorContext]
PROVIDER = GitHubProvider()


@pytest.fixture
def gh(tmp_path: Path) -> Callable[[str], str]:
    """Puts a program named gh on a PATH of its own: a real child process, as the real one is."""

    def make(script: str) -> str:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "gh"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return f"{folder}:/usr/bin:/bin"

    return make


def values(vendor: VendorContext) -> list[Secret]:
    return list(PROVIDER.responder_values(vendor))


def test_the_environments_come_first(around: Around, gh: Callable[[str], str]) -> None:
    stored = make_value(tokens.OAUTH).reveal_text()
    path = gh(f"echo {stored}")
    environment = {"PATH": path, "GH_TOKEN": "two", "GITHUB_TOKEN": " one "}
    assert values(around(environment)) == [Secret("one"), Secret("two"), Secret(stored)]
    assert responder.token(around(environment), Server.of(environment)) == Secret("one")


def test_gh_is_asked_sealed(around: Around, gh: Callable[[str], str], tmp_path: Path) -> None:
    token = make_value(tokens.OAUTH).reveal_text()
    seen = tmp_path / "seen"
    path = gh(f'{{ env; echo "args: $*"; pwd; }} > {seen}; echo {token}')
    environment = {"PATH": path, "HOME": "/home/ada", "GH_TOKEN": "own", "AWS_SECRET": "x"}
    assert values(around(environment)) == [Secret("own"), Secret(token)]
    text = seen.read_text()
    assert "args: auth token --hostname github.com" in text
    assert "HOME=/home/ada" in text
    assert "GH_TOKEN" not in text
    assert "AWS_SECRET" not in text
    assert text.rstrip().endswith("\n/")


@pytest.mark.parametrize(
    "script",
    [
        "exit 1",
        "echo no oauth token found >&2; exit 1",
        "echo hello",
        "true",
        "head -c 200000 /dev/zero",
    ],
)
def test_gh_that_gives_no_token(around: Around, gh: Callable[[str], str], script: str) -> None:
    assert values(around({"PATH": gh(script)})) == []


def test_gh_that_hangs_is_left(
    around: Around, gh: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responder, "GH_SECONDS", 0.2)
    assert values(around({"PATH": gh("exec sleep 30")})) == []


def test_gh_beside_the_leaky_files_is_not_run(
    around: Around, gh: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh(f"touch {tmp_path}/ran; echo {make_value(tokens.OAUTH).reveal_text()}")
    monkeypatch.chdir(tmp_path / "bin")
    for path in (".", "", "bin", f".{os.pathsep}bin"):
        assert values(around({"PATH": path})) == []
    assert not (tmp_path / "ran").exists()


def test_a_local_stand_in_is_never_given_what_gh_keeps(
    around: Around, gh: Callable[[str], str]
) -> None:
    path = gh(f"echo {make_value(tokens.OAUTH).reveal_text()}")
    assert values(around({"PATH": path, "GITHUB_API_URL": "http://127.0.0.1:9"})) == []


def test_a_self_hosted_server_has_its_own(around: Around) -> None:
    environment = {
        "GITHUB_API_URL": "https://git.example.com/api/v3",
        "GH_TOKEN": "of-github-com",
        "GH_ENTERPRISE_TOKEN": "of-ours",
    }
    assert values(around(environment)) == [Secret("of-ours")]


def test_nobody_signed_in(around: Around) -> None:
    assert values(around({})) == []
    assert responder.token(around({}), Server.of({})) is None
