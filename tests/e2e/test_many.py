"""Many credentials in one report: none is killed over the limit, all are within it, in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remediate.secret import Secret
from remediate_providers.github.local import LocalGitHub, RunningGitHub
from tests.e2e.conftest import Cli

COUNT = 25


@pytest.fixture
def github() -> Iterator[RunningGitHub]:
    running = LocalGitHub(lag=0.05).start()
    yield running
    running.close()


def leaky(folder: Path, bash: Callable[..., str], values: list[Secret]) -> tuple[Path, Path]:
    """A repository that holds them all, and a plain report of them."""
    lines = "".join(f"TOKEN_{at}={value.reveal_text()}\n" for at, value in enumerate(values))
    (folder / "app").mkdir()
    (folder / "app" / "tokens.env").write_text(lines)
    bash("git init -q app && cd app && git add -A && git commit -qm tokens")
    report = folder / "report.txt"
    report.write_text("".join(value.reveal_text() + "\n" for value in values))
    return folder / "app", report


def test_over_the_limit_none_is_killed_and_within_it_all_are(
    cli: Cli, tmp_path: Path, bash: Callable[..., str], github: RunningGitHub
) -> None:
    values = [github.state.issue(f"user-{at}") for at in range(COUNT)]
    repository, report = leaky(tmp_path, bash, values)
    stages = [flag for stage in ("assess", "preserve", "contain") for flag in ("--only", stage)]
    ordered = ["run", report, "--repo", repository, "--yes", "--json", *stages]
    done = cli(*ordered, env=dict(github.environment()))
    assert done.code == 3
    assert "max_revocations" in done.out
    assert all(github.state.living(value) for value in values)
    (repository / "remediate.toml").write_text(f"[incident]\nmax_revocations = {COUNT}\n")
    done = cli(*ordered, env=dict(github.environment()))
    assert done.finished["status"] == "partial", done.err
    assert not any(github.state.living(value) for value in values)
    revoking = [one for one in github.state.requests if one.path == "/credentials/revoke"]
    assert len(revoking) == 1, "one request for all of them"
    killed = [e for e in done.events if e["event"] == "effect" and e["action"] == "revoke"]
    assert [e["status"] for e in killed] == ["done"] * COUNT
