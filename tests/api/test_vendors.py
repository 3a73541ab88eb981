"""With vendors: a key killed and replaced from a program that logs everything, and a step that takes a value."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.api import ExitStatus, Repository, Secret
from remediate.demo.play import _environment, _person, vendors
from remediate.demo.scenario import build
from remediate.errors import UsageError

pytest.importorskip("moto")


def test_a_program_that_logs_everything_logs_no_key(tmp_path: Path) -> None:
    with vendors(["aws"]) as running:
        planted = [vendor.plant() for vendor in running]
        scenario = build(tmp_path, planted)
        environment = _environment(tmp_path, running)
        program = f"""
import ctypes, logging, resource
logging.basicConfig(level=logging.DEBUG)
from remediate.api import Repository
repo = Repository({str(scenario.repository)!r}, policy={str(scenario.policy)!r}, yes=True,
                  key_file={str(scenario.key_file)!r})
result = repo.run({str(scenario.report)!r}).result()
print(result.status, ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE)[0])
"""
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True
        )
        assert done.stdout.split() == ["clean", "0", "0"], done.stderr[-2000:]
        place = planted[0].policy.split('"aws-secrets-manager:')[1].split("#")[0]
        stored = json.loads(
            running[0].client("secretsmanager").get_secret_value(SecretId=place)["SecretString"]  # type: ignore[attr-defined]
        )
    new = stored["AWS_SECRET_ACCESS_KEY"]
    old = planted[0].values["secret"].reveal_text()
    assert new != old
    assert "DEBUG:" in done.stderr, "it did log everything else"
    for value in (new, old):
        assert value not in done.stderr


def test_a_step_that_takes_a_value(tmp_path: Path) -> None:
    with vendors(["github"]) as running:
        scenario = build(tmp_path, [vendor.plant() for vendor in running])
        repo = Repository(
            scenario.repository,
            policy=scenario.policy,
            yes=True,
            key_file=scenario.key_file,
            environment=_environment(tmp_path, running),
        )
        result = repo.run(scenario.report).result()
        assert result.exit is ExitStatus.MANUAL
        (step,) = [step for step in result.manual if step.takes_value]
        wrong = repo.resume(values={step.id: Secret("not-a-token")}).result()
        assert wrong.exit is not ExitStatus.DONE
        value = _person(running, step)
        assert value is not None
        running_again = repo.resume(values={step.id: value})
        told = [repr(event) for event in running_again]
        assert running_again.result().exit is ExitStatus.DONE
        assert value.reveal_text() not in "".join(told)


def test_a_rotation_without_a_leak(tmp_path: Path, bash: Callable[..., str]) -> None:
    bash("git init -q quiet; cd quiet; git commit -q --allow-empty -m begin")
    key = tmp_path / "key"
    key.write_text("a key of thirty-two characters..\n")
    with vendors(["aws"]) as running:
        (planted,) = [vendor.plant() for vendor in running]
        policy = tmp_path / "remediate.toml"
        policy.write_text(planted.policy)
        repo = Repository(
            tmp_path / "quiet",
            policy=policy,
            yes=True,
            key_file=key,
            environment=running[0].environment(),
        )
        with pytest.raises(UsageError):
            repo.rotate()
        result = repo.rotate(*planted.values.values()).result()
    assert result.exit is ExitStatus.DONE, result
    record = repo.record()
    assert [c.replacement for c in record.credentials] == ["in-place"]
    assert record.history.state != "applied" and not record.history.refs
