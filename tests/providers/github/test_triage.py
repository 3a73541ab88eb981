"""The first look for footholds: what is a sign, what is told and is none, and what is not known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import Held, Triages, TriagesTogether
from remediate.secret import Secret
from remediate_providers.github import tokens, triage
from remediate_providers.github.app_provider import GitHubAppProvider
from remediate_providers.github.local import (
    ORGANISATION,
    OWNER,
    REPOSITORY,
    RESPONDER,
    LocalGitHub,
    RunningGitHub,
)
from remediate_providers.github.local_footholds import Organisation
from remediate_providers.github.local_host import HostedRepository
from remediate_providers.github.local_state import make_value
from remediate_providers.github.provider import GitHubProvider
from remediate_providers.loopback import Fault

Around = Callable[..., VendorContext]
Hold = Callable[..., Held]
PROVIDER = GitHubProvider()
BEFORE, SINCE, AFTER = "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"
NOW = "2026-11-10T00:00:00.000Z"
KNOWN = {"owner": OWNER, "organisations": [ORGANISATION]}
LOG = f"/orgs/{ORGANISATION}/audit-log"
NOT_HERE = "not on Enterprise Cloud"


def hosted(github: RunningGitHub, *, log: bool = False) -> HostedRepository:
    """The repository, with a responder who may read all lists; the audit log where *log*."""
    scopes = ("repo", "admin:org", "admin:org_hook") + (("read:audit_log",) if log else ())
    github.responder = github.state.issue(RESPONDER, scopes=scopes)
    if not log:
        github.fail("GET", LOG, *[Fault(404, b'{"message": "Not Found"}')] * 99)
    made = HostedRepository(admins={RESPONDER: 4711})
    github.host.repositories[REPOSITORY] = made
    github.footholds.organisations[ORGANISATION] = Organisation()
    return made


def look(
    github: RunningGitHub,
    around: Around,
    held: Held,
    since: str | None = SINCE,
    known: dict[str, object] | None = None,
) -> Facts:
    remote = f"{github.url}/{REPOSITORY}.git"
    known = KNOWN if known is None else known
    vendor = around(github.environment(), known=known, remotes=[remote], now=NOW)
    return PROVIDER.triage(held, since, vendor)


def whats(told: Facts, name: str = "footholds") -> list[str]:
    rows = told.known.get(name, [])
    assert isinstance(rows, list)
    return [f"{row['what']} {row['id']}" for row in rows]


def key(number: int, at: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "key": "ssh-ed25519 AAAA", "title": "k", "created_at": at, **more}


def hook(number: int, at: str, changed: str = "") -> dict[str, Any]:
    config = {"url": "https://evil.example/in/s3cr3t-path?t=hidden", "secret": "s"}
    times = {"created_at": at, "updated_at": changed or at}
    return {"id": number, "active": True, "events": ["push"], "config": config, **times}


@pytest.fixture
def held(github: RunningGitHub, hold: Hold) -> Held:
    return hold(github.state.issue(OWNER, scopes=("repo",)))


def test_it_is_asked_by_the_pipeline() -> None:
    for provider in (PROVIDER, GitHubAppProvider()):
        assert isinstance(provider, Triages)
        assert isinstance(provider, TriagesTogether)


def test_nothing_new_is_no_sign_and_says_what_was_read(
    github: RunningGitHub, around: Around, held: Held
) -> None:
    hosted(github, log=True)
    told = look(github, around, held)
    assert told.known == {"footholds": []}
    asked = {seen.probe.split(" at ")[0] for seen in told.evidence}
    assert asked == {
        *(
            f"GET /repos/{REPOSITORY}/{name}"
            for name in (
                "keys",
                "hooks",
                "invitations",
                "collaborators",
                "actions/runners",
                "actions/workflows",
            )
        ),
        *(
            f"GET /orgs/{ORGANISATION}/{name}"
            for name in (
                "hooks",
                "installations",
                "invitations",
                "outside_collaborators",
                "actions/runners",
                "audit-log",
            )
        ),
        *(f"GET /users/{OWNER}/{name}" for name in ("keys", "gpg_keys", "ssh_signing_keys")),
    }
    assert set(told.unknown) == {
        "personal_log",
        f"SSH keys of {OWNER} that GitHub has not verified",
    }


def test_what_is_younger_than_the_leak_is_a_sign(
    github: RunningGitHub, around: Around, held: Held
) -> None:
    made = hosted(github)
    inviter = {"login": OWNER}
    made.deploy_keys = [key(1, BEFORE), key(2, AFTER, added_by=OWNER, read_only=False)]
    made.hooks = {3: hook(3, BEFORE), 4: hook(4, AFTER)}
    made.invitations = [
        {
            "id": 5,
            "invitee": {"login": "mallory"},
            "inviter": inviter,
            "permissions": "admin",
            "created_at": AFTER,
        }
    ]
    theirs = github.footholds.organisations[ORGANISATION]
    theirs.hooks = [hook(6, AFTER)]
    theirs.installations = [
        {"id": 7, "app_slug": "old-app", "created_at": BEFORE},
        {"id": 8, "app_slug": "new-app", "created_at": AFTER},
    ]
    theirs.invitations = [
        {
            "id": 9,
            "login": None,
            "email": "m@evil.example",
            "role": "admin",
            "inviter": inviter,
            "created_at": AFTER,
        }
    ]
    github.host.ssh_keys[OWNER] = [key(10, AFTER), key(11, BEFORE)]
    github.footholds.gpg_keys[OWNER] = [{"id": 12, "name": "sign", "created_at": AFTER}]
    github.footholds.ssh_signing_keys[OWNER] = [key(13, AFTER)]
    told = look(github, around, held)
    assert whats(told) == [
        f"deploy key “k” (2), may write in {REPOSITORY}",
        f"webhook 4 to evil.example in {REPOSITORY}",
        f"invitation of mallory (admin) in {REPOSITORY}",
        f"organisation webhook 6 to evil.example in {ORGANISATION}",
        f"GitHub App new-app (8) in {ORGANISATION}",
        f"invitation of m@evil.example (admin) in {ORGANISATION}",
        f"SSH key “untitled” (10) in {OWNER}",
        f"GPG key “sign” (12) in {OWNER}",
        f"SSH signing key “k” (13) in {OWNER}",
    ]
    assert "new_and_no_sign" not in told.known
    assert "s3cr3t" not in repr(told), "a webhook's address is often a secret of its own"
    assert f"what was made with it in {ORGANISATION}" in told.unknown


def test_what_another_made_is_told_and_no_sign(
    github: RunningGitHub, around: Around, held: Held
) -> None:
    made = hosted(github)
    made.deploy_keys = [key(1, AFTER, added_by="bob")]
    made.hooks = {2: hook(2, BEFORE, changed=AFTER)}
    told = look(github, around, held)
    assert whats(told) == []
    assert whats(told, "new_and_no_sign") == [
        f"deploy key “k” (1), read-only in {REPOSITORY}".replace("read-only", "may write"),
        f"webhook 2 to evil.example in {REPOSITORY}",
    ]
    (by_bob, changed) = told.known["new_and_no_sign"]  # type: ignore[misc]
    assert "bob made it" in by_bob["why"]
    assert "changed since" in changed["why"]
    whose = look(github, around, held, known={"organisations": []})
    assert len(whats(whose)) == 1, "where the owner is not known, nobody else is exonerated by it"


def test_a_log_that_has_nothing_of_it_clears_what_the_lists_show(
    github: RunningGitHub, around: Around, hold: Hold, held: Held
) -> None:
    made = hosted(github, log=True)
    made.hooks = {1: hook(1, AFTER), 2: hook(2, "2026-11-09T23:30:00Z")}
    github.host.ssh_keys[OWNER] = [key(3, AFTER)]
    told = look(github, around, held)
    assert whats(told) == [
        f"webhook 2 to evil.example in {REPOSITORY}",
        f"SSH key “untitled” (3) in {OWNER}",
    ], "too young for the log; and of an account, of which an organisation's log does not tell"
    assert whats(told, "new_and_no_sign") == [f"webhook 1 to evil.example in {REPOSITORY}"]
    old = look(github, around, held, since="2025-01-01T00:00:00Z")
    assert "180 days" in old.unknown["what was made with it at first"]
    refresh = hold(make_value(tokens.REFRESH))
    other = look(github, around, refresh)
    assert "refresh token" in other.unknown["what was made with it"]
    assert f"webhook 1 to evil.example in {REPOSITORY}" in whats(other), "its log tells nothing"


def test_what_the_log_has_of_the_token_is_a_sign(around: Around, hold: Hold) -> None:
    clock = [datetime(2026, 11, 2, tzinfo=UTC)]
    github = LocalGitHub(lag=0.05, now=lambda: clock[0]).start()
    try:
        hosted(github, log=True)
        value = github.state.issue(OWNER)
        thief = {"actor_ip": "203.0.113.77", "repo": REPOSITORY}
        github.state.log(ORGANISATION, value, OWNER, "hook.create", **thief)
        github.state.log(ORGANISATION, value, OWNER, "repo.download_zip", **thief)
        github.state.log(ORGANISATION, value, OWNER, "repo.add_member", user="mallory", **thief)
        github.state.log(ORGANISATION, github.state.issue(OWNER), OWNER, "hook.create", **thief)
        clock[0] = datetime(2026, 10, 1, tzinfo=UTC)
        github.state.log(ORGANISATION, value, OWNER, "hook.create", actor_ip="198.51.100.1")
        clock[0] = datetime(2026, 11, 3, tzinfo=UTC)
        github.state.log(ORGANISATION, value, OWNER, "hook.create", actor_ip="198.51.100.1")
        told = look(github, around, hold(value))
        assert whats(told) == [
            f"hook.create {REPOSITORY}",
            f"repo.add_member mallory in {REPOSITORY}",
        ]
        made = github.host.repositories[REPOSITORY]
        made.hooks = {4: hook(4, AFTER)}
        made.deploy_keys = [key(5, AFTER)]
        listed = look(github, around, hold(value))
        assert whats(listed)[2:] == [f"webhook 4 to evil.example in {REPOSITORY}"], (
            "one of a kind that the log has is not cleared by it"
        )
        made.hooks, made.deploy_keys = {}, []
        (first, _) = told.known["footholds"]  # type: ignore[misc]
        assert first["at"] == "2026-11-02T00:00:00.000Z"
        assert "from 203.0.113.77" in first["why"]
        assert whats(told, "new_and_no_sign") == [f"hook.create {ORGANISATION}"]
        unknown_since = look(github, around, hold(value), since=None)
        assert len(whats(unknown_since)) == 4, "all of it counts where the time is not known"
        assert "when it leaked is not known" in unknown_since.unknown["since when"]
    finally:
        github.close()


@pytest.mark.parametrize(
    "pushed, sign",
    [([AFTER], True), ([BEFORE], False), ([], False), (None, True)],
)
def test_a_workflow_is_a_sign_where_the_owner_pushed(
    github: RunningGitHub, around: Around, held: Held, pushed: list[str] | None, sign: bool
) -> None:
    made = hosted(github, log=True)
    made.workflows = {
        n: {"id": n, "name": "x", "path": path, "state": "active", "created_at": at}
        for n, path, at in (
            (1, ".github/workflows/old.yml", BEFORE),
            (2, ".github/workflows/new.yml", AFTER),
            (3, "dynamic/github-code-scanning/codeql", AFTER),
        )
    }
    made.activity = [{"timestamp": at, "actor": {"login": OWNER}} for at in pushed or ()]
    made.activity.append({"timestamp": AFTER, "actor": {"login": "bob"}})
    if pushed is None:
        github.fail("GET", f"/repos/{REPOSITORY}/activity", Fault(404))
    told = look(github, around, held)
    new = f"workflow .github/workflows/new.yml in {REPOSITORY}"
    assert whats(told) == ([new] if sign else [])
    assert whats(told, "new_and_no_sign") == ([] if sign else [new])
    (asked,) = [r for r in github.state.requests if r.path.endswith("/activity")]
    assert asked.query["actor"] == [OWNER]
    assert asked.query["time_period"] == ["month"]


def test_what_has_no_time_is_named_and_not_known(
    github: RunningGitHub, around: Around, held: Held
) -> None:
    made = hosted(github)
    made.collaborators = ["bob", "mallory"]
    made.runners = [{"id": 1, "name": "box", "os": "linux", "status": "online"}]
    made.deploy_keys = [{**key(2, ""), "created_at": None}]
    told = look(github, around, held)
    assert told.known["collaborators"] == [
        {"id": name, "place": REPOSITORY} for name in ("bob", "mallory")
    ]
    assert told.known["self_hosted_runners"] == [{"id": "box", "place": REPOSITORY}]
    assert whats(told) == []
    unknown = " ".join(told.unknown)
    assert f"since when there are the collaborators of {REPOSITORY}" in unknown
    assert f"self-hosted runners of {REPOSITORY}" in unknown
    assert "when deploy key" in unknown


@pytest.mark.parametrize(
    "fault",
    [
        Fault(404, b'{"message": "Not Found"}'),
        Fault(403, b"{}", {"X-Accepted-OAuth-Scopes": "admin:repo_hook"}),
        Fault(200, b"<html>"),
        Fault(500),
        Fault(None),
    ],
)
def test_a_list_that_was_not_had_is_not_known_and_never_none(
    github: RunningGitHub, around: Around, held: Held, fault: Fault
) -> None:
    hosted(github)
    github.fail("GET", f"/repos/{REPOSITORY}/hooks", *[fault] * 9)
    told = look(github, around, held)
    assert f"webhooks of {REPOSITORY}" in told.unknown
    assert not any("/hooks at" in s.probe for s in told.evidence if REPOSITORY in s.probe)
    assert any(f"{REPOSITORY}/keys" in s.probe for s in told.evidence), "the others are read"


def test_poor_scopes_are_not_known(github: RunningGitHub, around: Around, held: Held) -> None:
    hosted(github)
    github.responder = github.state.issue(RESPONDER, scopes=("repo",))
    told = look(github, around, held)
    for what in ("organisation webhooks", "GitHub Apps", "invitations", "outside collaborators"):
        assert f"{what} of {ORGANISATION}" in told.unknown


def test_your_own_account_shows_you_all_its_keys(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    hosted(github)
    mine = hold(github.state.issue(RESPONDER))
    github.host.ssh_keys[RESPONDER] = [key(1, AFTER)]
    github.footholds.gpg_keys[RESPONDER] = [{"id": 2, "name": "g", "created_at": AFTER}]
    told = look(github, around, mine, known={"owner": RESPONDER})
    assert whats(told) == [
        f"SSH key “k” (1) in {RESPONDER}",
        f"GPG key “g” (2) in {RESPONDER}",
    ]
    paths = [r.path for r in github.state.requests]
    assert "/user/keys" in paths
    assert f"/users/{RESPONDER}/keys" not in paths
    assert f"/users/{RESPONDER}/gpg_keys" in paths, "your token lacks read:gpg_key: as all see it"


def test_without_a_repository_here_or_an_owner(
    github: RunningGitHub, around: Around, held: Held
) -> None:
    vendor = around(github.environment(), remotes=["git@gitlab.com:acme/app.git"], now=NOW)
    told = PROVIDER.triage(held, SINCE, vendor)
    assert told.known == {"footholds": []}
    assert "no remote" in told.unknown["footholds in repositories"]
    assert "not learned" in told.unknown["keys of its owner"]
    assert github.state.requests == []


def test_what_an_installation_token_could_reach_is_looked_at(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    hosted(github)
    known = {"repositories": [REPOSITORY]}
    vendor = around(github.environment(), known=known, now=NOW)
    told = PROVIDER.triage(hold(make_value(tokens.INSTALLATION)), SINCE, vendor)
    assert any(f"GET /repos/{REPOSITORY}/keys" in seen.probe for seen in told.evidence)


def test_with_the_leaked_token_alone_there_is_no_evidence(
    github: RunningGitHub, around: Around, hold: Hold
) -> None:
    value = github.state.issue(RESPONDER)
    for environment in (
        {"GITHUB_API_URL": github.url},
        {"GITHUB_API_URL": github.url, "GITHUB_TOKEN": value.reveal_text()},
    ):
        told = PROVIDER.triage(hold(value), SINCE, around(environment, known=KNOWN))
        assert told.known == {"footholds": []}
        assert "gh auth login" in told.unknown["footholds"]
    assert github.state.requests == []


def test_several_are_looked_at_together_and_each_is_judged_by_itself(
    github: RunningGitHub, around: Around, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triage, "MOST_SEARCHED", 2)
    made = hosted(github)
    made.deploy_keys = [key(1, AFTER, added_by="bob")]
    batch = [hold(github.state.issue(OWNER)), hold(github.state.issue("bob")), hold(_other(github))]
    known = {
        batch[0].id: KNOWN,
        batch[1].id: {"owner": "bob", "organisations": [ORGANISATION]},
        batch[2].id: {"owner": "bob", "organisations": []},
    }
    vendor = around(github.environment(), remotes=[f"{github.url}/{REPOSITORY}"], now=NOW)
    from dataclasses import replace

    told = PROVIDER.triage_all(batch, SINCE, replace(vendor, known_of=lambda one: known[one]))
    assert [len(whats(told[one.id])) for one in batch] == [0, 1, 1]
    paths = [r.path for r in github.state.requests]
    assert paths.count(f"/repos/{REPOSITORY}/keys") == 1
    assert paths.count("/users/bob/keys") == 1
    assert paths.count(LOG) == 1, "one that can't be read is asked for once"
    assert all(
        told[one.id].unknown[f"what was made with it in {ORGANISATION}"] for one in batch[:2]
    )
    assert "searched for 2" in told[batch[2].id].unknown["what was made with it"]


def _other(github: RunningGitHub) -> Secret:
    return github.state.issue("bob")


def test_many_places_are_not_all_looked_at(
    github: RunningGitHub, around: Around, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triage, "MOST_PLACES", 1)
    hosted(github)
    told = look(github, around, held, known={"organisations": [ORGANISATION, "more"]})
    assert "1 of 2 organisations" in told.unknown["footholds in other organisations"]
