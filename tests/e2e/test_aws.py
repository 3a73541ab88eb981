"""One leaked AWS key from the report to the record, against moto's real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate.demo.scenario import Scenario, build
from remediate.plugins.local import Planted
from remediate.secret import Secret

from .conftest import Cli, holds

pytest.importorskip("moto")

from remediate_providers.aws.local import LocalAws, RunningAws


@pytest.fixture
def aws() -> Iterator[RunningAws]:
    running = LocalAws(lag=0.05).start()
    yield running
    running.close()


@pytest.fixture
def planted(aws: RunningAws) -> Planted:
    return aws.plant()


@pytest.fixture
def leak(tmp_path: Path, planted: Planted) -> Scenario:
    folder = tmp_path / "leak"
    folder.mkdir()
    return build(folder, [planted])


def arguments(leak: Scenario) -> list[str]:
    return [
        *("run", str(leak.report), "--repo", str(leak.repository), "--policy", str(leak.policy)),
        *("--key-file", str(leak.key_file), "--yes", "--json"),
    ]


def keys(aws: RunningAws) -> dict[str, str]:
    listed = aws.client("iam").list_access_keys(UserName="app-deployer")["AccessKeyMetadata"]
    return {key["AccessKeyId"]: key["Status"] for key in listed}


def test_the_key_dies_and_the_new_one_is_where_it_is_read(
    cli: Cli, aws: RunningAws, planted: Planted, leak: Scenario, sealed: Path
) -> None:
    old = planted.values["id"].reveal_text()
    jobs = aws.client("ecs")
    jobs.create_cluster(clusterName="shop")
    container = {"name": "app", "image": "app:1", "memory": 64}
    container["environment"] = [{"name": "AWS_ACCESS_KEY_ID", "value": old}]
    jobs.register_task_definition(family="web", containerDefinitions=[container])
    jobs.create_service(cluster="shop", serviceName="web", taskDefinition="web", desiredCount=1)
    done = cli(*arguments(leak), env=aws.environment())
    assert done.code == 0, done.out
    status = keys(aws)
    assert status.pop(old) == "Inactive"
    assert list(status.values()) == ["Active"], "one new key"
    (new,) = status
    secrets = aws.client("secretsmanager")
    held = json.loads(secrets.get_secret_value(SecretId="prod/app")["SecretString"])
    assert held["AWS_ACCESS_KEY_ID"] == new
    assert held["DATABASE_HOST"] == "db.internal", "the other keys are as they were"
    assert held["FEATURE_FLAGS"] == {"checkout": True}
    new_secret = held["AWS_SECRET_ACCESS_KEY"]
    assert new_secret != planted.values["secret"].reveal_text()
    values = {
        "the old secret": planted.values["secret"].reveal(),
        "the new secret": new_secret.encode(),
    }
    for root in (sealed, leak.repository, leak.remote):
        assert holds(root, values) == []
    for text in values.values():
        assert text.decode() not in done.out + done.err
    record = json.loads(Path(done.finished["record"]).read_text())
    text = json.dumps(record)
    assert old in text
    assert new in text
    assert "lambda:ListFunctions" not in text, "it could be read"
    assert any("ECS service shop/web" in advice for advice in record["advice"])


def test_killed_between_making_the_key_and_keeping_it(
    cli: Cli, aws: RunningAws, planted: Planted, leak: Scenario
) -> None:
    """The worst moment: IAM has made the key, and its only answer is lost with the process."""
    aws.gate.faults["iam:CreateAccessKey"] = ["drop-after"]
    made = aws.gate.calls.count("iam:CreateAccessKey")
    with subprocess.Popen(
        [sys.executable, "-m", "remediate", *arguments(leak)],
        env={**os.environ, **aws.environment()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        end = time.monotonic() + 60
        while aws.gate.calls.count("iam:CreateAccessKey") == made and time.monotonic() < end:
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    done = cli("resume", "--repo", leak.repository, "--key-file", leak.key_file, "--json",
               env=aws.environment())  # fmt: skip
    assert done.code == 0, done.out
    status = keys(aws)
    assert status.pop(planted.values["id"].reveal_text()) == "Inactive"
    assert list(status.values()) == ["Active"], "one new key, not two"
    held = json.loads(
        aws.client("secretsmanager").get_secret_value(SecretId="prod/app")["SecretString"]
    )
    assert [held["AWS_ACCESS_KEY_ID"]] == list(status)


@pytest.mark.parametrize("after", ["revoke", "reissue", "store", "apply", "purge", "push"])
def test_killed_after_any_effect_and_resumed(
    cli: Cli, aws: RunningAws, planted: Planted, leak: Scenario, after: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "remediate", *arguments(leak)],
        env={**os.environ, **aws.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as child:
        assert child.stdout
        for line in child.stdout:
            event = json.loads(line)
            if event["event"] == "effect" and event["action"] == after:
                child.send_signal(signal.SIGKILL)
                break
        else:
            pytest.fail(f"no effect named {after}")
        child.wait()
    done = cli("resume", "--repo", leak.repository, "--key-file", leak.key_file, "--json",
               env=aws.environment())  # fmt: skip
    assert done.code == 0, done.out
    assert sorted(keys(aws).values()) == ["Active", "Inactive"]
    assert holds(leak.repository, {"s": planted.values["secret"].reveal()}) == []
    assert cli("verify", leak.report, "--repo", leak.repository, "--remote").code == 0


def test_without_permission_it_is_said_which_one_and_the_history_is_cleaned_all_the_same(
    cli: Cli, aws: RunningAws, planted: Planted, leak: Scenario
) -> None:
    reads = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    nobody = aws.user("nobody", {"Version": "2012-10-17", "Statement": [reads]})
    done = cli(*arguments(leak), env=aws.environment_of(nobody))
    assert done.code in (3, 5), done.out
    assert "iam:UpdateAccessKey" in done.out
    assert keys(aws)[planted.values["id"].reveal_text()] == "Active"
    assert holds(leak.repository, {"s": planted.values["secret"].reveal()}) == []


@pytest.fixture
def partner(aws: RunningAws, tmp_path: Path) -> Scenario:
    """A leaked token that nobody knows the issuer of, in a secret that its owner's Lambda rotates."""
    old = "partner-" + "h7Kq2LmZ" * 4
    aws.client("secretsmanager").create_secret(Name="prod/partner", SecretString=old)
    aws.gate.rotations.set("prod/partner", lambda _text: "partner-" + "Zx81QwTn" * 4, 0.2)
    folder = tmp_path / "leak"
    folder.mkdir()
    planted = Planted(
        files={"config/partner.py": f'PARTNER_TOKEN = "{old}"\n'},
        values={"value": Secret(old)},
        policy=(
            '[[credential]]\nmatch = "secret"\n'
            'stores = ["dotenv:.env#PARTNER_TOKEN", "aws-secrets-manager:prod/partner"]\n'
        ),
    )
    leak = build(folder, [planted])
    (leak.repository / ".git" / "info" / "exclude").write_text(".env\n")
    (leak.repository / ".env").write_text(f"PARTNER_TOKEN={old}\n")
    return leak


def test_a_secret_that_a_lambda_rotates_is_replaced_by_it(
    cli: Cli, aws: RunningAws, partner: Scenario
) -> None:
    """Nobody knows who issued it; its owner's Lambda does, and both stores get what that made."""
    done = cli(*arguments(partner), env=aws.environment())
    assert done.code == 3, done.out
    kept = aws.client("secretsmanager").get_secret_value(SecretId="prod/partner")["SecretString"]
    assert "Zx81QwTn" in kept
    assert kept in (partner.repository / ".env").read_text()
    assert kept not in done.out + done.err
    assert [step["id"].split("-")[0] for step in done.finished["manual"]] == ["revoke"]
    assert aws.gate.rotations.runs("prod/partner") == 1
    again = cli("resume", "--repo", partner.repository, "--key-file", partner.key_file, "--json",
                env=aws.environment())  # fmt: skip
    assert again.code == 3
    assert aws.gate.rotations.runs("prod/partner") == 1


@pytest.mark.parametrize("after", ["before", "reissue"])
def test_killed_in_a_rotation_it_is_not_rotated_again(
    cli: Cli, aws: RunningAws, partner: Scenario, after: str
) -> None:
    """With nothing kept but in memory: what the Lambda made is read from the secret once more."""
    aws.gate.rotations.set("prod/partner", lambda _text: "partner-" + "Zx81QwTn" * 4, 1.0)
    ordered = [
        one for one in arguments(partner) if one not in ("--key-file", str(partner.key_file))
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "remediate", *ordered, "--no-undo"],
        env={**os.environ, **aws.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as child:
        assert child.stdout
        if after == "before":
            end = time.monotonic() + 60
            while "secretsmanager:RotateSecret" not in aws.gate.calls and time.monotonic() < end:
                time.sleep(0.01)
        else:
            for line in child.stdout:
                event = json.loads(line)
                if event["event"] == "effect" and event["action"] == after:
                    break
        child.send_signal(signal.SIGKILL)
        child.wait()
    done = cli("resume", "--repo", partner.repository, "--report", partner.report, "--policy",
               partner.policy, "--no-undo", "--yes", "--json", env=aws.environment())  # fmt: skip
    assert done.code == 3, done.out
    kept = aws.client("secretsmanager").get_secret_value(SecretId="prod/partner")["SecretString"]
    assert "Zx81QwTn" in kept
    assert kept in (partner.repository / ".env").read_text()
    assert aws.gate.rotations.runs("prod/partner") == 1
