"""A planned rotation, and the review of what there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from remediate.cli.review import ordered, page
from remediate.plugins.lists import Listed
from remediate_providers.github.local import RESPONDER, LocalGitHub
from remediate_providers.gitlab.local import LocalGitLab

from ..providers.github.hosted import guarded
from .conftest import Cli

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def ago(days: int) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_nobody_uses_comes_first() -> None:
    found = [
        Listed("x", "k", "fresh", "ada", ago(10), ago(1)),
        Listed("x", "k", "idle", "ada", ago(400), ago(300)),
        Listed("x", "k", "never", "bob", ago(200)),
        Listed("x", "k", "silent", "bob", ago(900), use_known=False),
        Listed("x", "k", "never, and older", "", ago(500)),
    ]
    rows = ordered(found, NOW)
    assert [row["id"] for row in rows] == ["never, and older", "never", "idle", "fresh", "silent"]
    assert [row["unused_days"] for row in rows] == [500, 200, 300, 1, None]


def test_the_page_shows_text_as_text() -> None:
    rows = ordered([Listed("x", "k", "<script>alert(1)</script>", "a&b")], NOW)
    text = page(rows, {"<b>": "why"}, NOW)
    assert "<script>" not in text and "&lt;script&gt;" in text and "a&amp;b" in text
    assert "<li>&lt;b&gt;: why</li>" in text


def test_github_is_reviewed(cli: Cli, tmp_path: Path, bash: object) -> None:
    github = LocalGitHub().start()
    try:
        there = guarded(github)
        there.deploy_keys = [
            {"id": 1, "title": "ci", "created_at": ago(800), "last_used": None, "read_only": False}
        ]
        github.host.ssh_keys[RESPONDER] = [
            {"id": 2, "title": "laptop", "created_at": ago(90), "last_used": ago(3)}
        ]
        bash(f"git init -q app; git -C app remote add origin {github.url}/acme/app.git")  # type: ignore[operator]
        done = cli(
            *("review", "--repo", tmp_path / "app", "--json", "--html", tmp_path / "r.html"),
            env={**github.environment(), "AWS_EC2_METADATA_DISABLED": "true"},
        )
        assert done.code == 0, done.err
        rows = {row["id"]: row for row in done.document["credentials"]}
        assert rows["ci"]["kind"] == "deploy-key (may write)" and rows["ci"]["last_used"] is None
        assert rows["laptop"]["owner"] == RESPONDER
        assert next(iter(rows)) == "ci"
        assert any("personal access tokens" in what for what in done.document["unknown"])
        assert "deploy-key" in (tmp_path / "r.html").read_text()
        assert github.responder.reveal_text() not in done.out + done.err
    finally:
        github.close()


def test_gitlab_is_reviewed_as_table_json_and_page(cli: Cli, tmp_path: Path, bash: object) -> None:
    gitlab = LocalGitLab().start()
    try:
        gitlab.leak(name="mirror").used = None
        bash(f"git init -q app; git -C app remote add origin {gitlab.url}/acme/app.git")  # type: ignore[operator]
        env = {**gitlab.environment(), "AWS_EC2_METADATA_DISABLED": "true"}
        where = ("review", "--repo", tmp_path / "app")
        done = cli(*where, "--json", "--html", tmp_path / "r.html", env=env)
        assert done.code == 0, done.err
        rows = [row for row in done.document["credentials"] if row["provider"] == "gitlab"]
        assert rows[0]["id"].startswith("mirror ("), "never used comes first"
        assert "mirror" in (tmp_path / "r.html").read_text()
        table = cli(*where, "--plain", env=env)
        assert table.code == 0 and "mirror" in table.out and "gitlab-pat" in table.out
        assert gitlab.responder.value.reveal_text() not in done.out + done.err + table.out
    finally:
        gitlab.close()


def test_a_token_of_gitlab_is_rotated_the_new_one_first(
    cli: Cli, tmp_path: Path, bash: object, key_file: Path
) -> None:
    gitlab = LocalGitLab(lag=0.05).start()
    try:
        planted = gitlab.plant()
        bash("git init -q app; git -C app commit -q --allow-empty -m one")  # type: ignore[operator]
        (tmp_path / "app/remediate.toml").write_text(planted.policy)
        (old,) = planted.values.values()
        flags = ("--repo", tmp_path / "app", "--yes", "--json", "--key-file", key_file)
        done = cli("rotate", *flags, env=gitlab.environment(), stdin=old.reveal())
        assert done.code == 0, done.out + done.err
        assert gitlab.is_dead(planted.values)
        (new,) = gitlab.living()
        assert gitlab.variable("MIRROR_TOKEN") == new.value
        effects = [e["action"] for e in done.events if e["event"] == "effect"]
        assert effects.index("reissue") < effects.index("store") < effects.index("revoke")
        assert old.reveal_text() not in done.out and new.value.reveal_text() not in done.out
    finally:
        gitlab.close()


def test_without_anything_to_list_it_says_why(cli: Cli, tmp_path: Path) -> None:
    done = cli("review", "--repo", tmp_path, "--json")
    assert done.code == 5
    assert done.document["credentials"] == [] and done.document["unknown"]


class TestAws:
    @pytest.fixture
    def aws(self) -> Iterator[object]:
        pytest.importorskip("moto")
        from remediate_providers.aws.local import LocalAws

        running = LocalAws(lag=0.05).start()
        yield running
        running.close()

    def test_a_key_is_rotated_without_an_incident(
        self, cli: Cli, aws: object, tmp_path: Path, bash: object, key_file: Path
    ) -> None:
        planted = aws.plant()  # type: ignore[attr-defined]
        env = aws.environment()  # type: ignore[attr-defined]
        bash("git init -q app; git -C app commit -q --allow-empty -m one")  # type: ignore[operator]
        (tmp_path / "app/remediate.toml").write_text(planted.policy)
        parts = [planted.values[part].reveal_text() for part in ("id", "secret")]
        old = "\n".join(parts)
        flags = ("--repo", tmp_path / "app", "--yes", "--json", "--key-file", key_file)
        done = cli("rotate", *flags, env=env, stdin=old.encode())
        assert done.code == 0, done.out + done.err
        assert done.finished["status"] == "clean"
        listed = aws.client("iam").list_access_keys(UserName="app-deployer")["AccessKeyMetadata"]  # type: ignore[attr-defined]
        status = {key["AccessKeyId"]: key["Status"] for key in listed}
        assert status.pop(parts[0]) == "Inactive" and list(status.values()) == ["Active"]
        effects = [e["action"] for e in done.events if e["event"] == "effect"]
        assert effects.index("reissue") < effects.index("store") < effects.index("revoke")
        assert not {"apply", "purge", "push"} & set(effects)
        for part in parts[1:]:
            assert part not in done.out + done.err
        reviewed = cli("review", "--repo", tmp_path, "--json", env=env)
        assert {row["id"] for row in reviewed.document["credentials"]} >= {parts[0], *status}
        assert cli("rotate", *flags, env=env).code == 2, "no value, nothing to rotate"
        (known,) = cli("list", "--all", "--json").document
        assert known["status"] == "closed", json.dumps(known)
