"""``remediate notify``, driven as a user would, against a webhook on this machine."""

from __future__ import annotations

import json
from email import message_from_string
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from ..incident.webhook import listening
from .conftest import Cli

VALUE = "sk_live_" + "9fQw2LmZ8xPw71TrB6Yc"


@pytest.fixture
def incident(tmp_path: Path, bash: Any, cli: Cli) -> Path:
    """A repository with an incident in it."""
    repository = tmp_path / "shop"
    bash("git init -q shop")
    (repository / "pay.env").write_text(f"KEY={VALUE}\n")
    bash("git -C shop add . && git -C shop commit -qm pay")
    report = tmp_path / "leak.txt"
    report.write_text(f"{VALUE}\n")
    run = cli("run", report, "--repo", repository, "--yes", "--offline", "--no-push", "--no-undo")
    assert run.code == 0, run.err
    return repository


def test_it_is_sent_and_journalled_and_tells_neither_address_nor_secret(
    incident: Path, cli: Cli, sealed: Path
) -> None:
    with listening() as webhook:
        env = {"REMEDIATE_NOTIFY_URL": webhook.url}
        done = cli("notify", "--repo", incident, "--json", env=env)
        webhook.answers.append((404, "no_service", {}))
        refused = cli("notify", "--repo", incident, env=env)
    assert done.code == 0, done.err
    assert done.document["sent"] is True
    assert webhook.taken == [{"text": done.document["text"]}]
    assert "Next update:" in done.document["text"]
    assert refused.code == 5
    assert "it answered 404 no_service" in refused.err
    assert cli("log", "--repo", incident, "--check").code == 0
    record = json.loads(cli("record", "--repo", incident, "--json").out)
    assert [a["status"] for a in record["actions"] if a["action"] == "notify"] == [
        "done",
        "refused",
    ]
    texts = [done.out, done.err, refused.out, refused.err, json.dumps(webhook.taken)]
    texts += [
        path.read_bytes().decode("utf-8", "replace")
        for path in (sealed / "remediate").rglob("*")
        if path.is_file()
    ]
    for text in texts:
        assert "x7Qm" not in text
        assert VALUE not in text


def test_without_an_address_it_says_what_to_do_and_an_email_needs_none(
    incident: Path, cli: Cli
) -> None:
    done = cli("notify", "--repo", incident)
    assert done.code == 2
    assert "REMEDIATE_NOTIFY_URL" in done.err
    assert "--email" in done.err
    done = cli("notify", "--repo", incident, "--email")
    assert done.code == 0
    mail = message_from_string(done.out, policy=default)
    assert str(mail["Subject"]).startswith("[high] Incident INC-")
    assert "Next update:" in mail.get_content()
