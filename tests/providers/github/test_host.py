"""GitHub as a host: what is in a push's way lifted by the least, and put back exactly."""

from __future__ import annotations

import pytest

from remediate.errors import VendorError
from remediate.plugins.host import ClosesAlerts, Guards, HasSupport, Lifts, ServesById, SupportCase
from remediate.plugins.outcome import Status
from remediate.plugins.registry import hosts
from remediate.plugins.report import Document
from remediate.reports.github_alerts import GitHubAlerts
from remediate.secret import Secret
from remediate_providers.github.host import GitHubHost
from remediate_providers.github.host_rules import pattern_of
from remediate_providers.github.host_talk import repository
from remediate_providers.github.local import RESPONDER, RunningGitHub
from remediate_providers.github.server import Server
from remediate_providers.loopback import Fault

from .conftest import Around
from .hosted import NAME, REFS, guarded

HOST = GitHubHost()


def address(github: RunningGitHub) -> str:
    return f"{github.url}/{NAME}.git"


def test_it_is_found_and_offers_everything() -> None:
    host = hosts.get("github")
    assert isinstance(host, Lifts) and isinstance(host, ServesById)
    assert isinstance(host, ClosesAlerts) and isinstance(host, HasSupport)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/app.git",
        "https://github.com/acme/app",
        "git@github.com:acme/app.git",
        "ssh://git@github.com/acme/app.git",
        "ssh://ssh.github.com:443/acme/app.git",
        "GitHub.com:acme/app",
    ],
)
def test_an_address_of_github_is_known(url: str) -> None:
    assert repository(url, Server.of({})) == ("acme", "app")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/acme/app.git",
        "https://github.com.example.com/acme/app",
        "/srv/github.com/app.git",
        "https://github.com/acme",
        "https://github.com/acme/app/wiki",
        "https://github.com/acme/a pp",
        "file:///github.com/acme/app",
    ],
)
def test_any_other_is_not(url: str) -> None:
    assert repository(url, Server.of({})) is None


@pytest.mark.parametrize(
    ("pattern", "ref", "met"),
    [
        ("main", "refs/heads/main", True),
        ("refs/heads/main", "refs/heads/main", True),
        ("release/*", "refs/heads/release/1", True),
        ("release/*", "refs/heads/release/1/2", False),
        ("release/**/*", "refs/heads/release/1/2", True),
        ("v[0-9]?", "refs/heads/v12", True),
        ("v[!0-9]", "refs/heads/v1", False),
        ("a.c", "refs/heads/abc", False),
        ("[", "refs/heads/[", True),
    ],
)
def test_patterns_are_read_as_github_reads_them(pattern: str, ref: str, met: bool) -> None:
    assert (pattern_of(pattern, "refs/heads/").fullmatch(ref) is not None) is met


def test_what_a_push_meets_is_told(github: RunningGitHub, around: Around) -> None:
    guarded(github)
    facts = HOST.look(address(github), REFS, around(github.environment()))
    assert facts.unknown == {}
    known = facts.known
    assert [p["id"] for p in known["pulls"]] == ["#5", "#7"]  # type: ignore[index,union-attr]
    assert known["auto_merge"] == ["#5"]
    assert known["forks"] == [{"id": "bob/app", "url": "https://github.com/bob/app"}]
    assert known["pushers"] == [RESPONDER, "bob"]
    assert known["immutable"] == ["v1"]


def test_everything_is_lifted_by_the_least_and_put_back(
    github: RunningGitHub, around: Around
) -> None:
    there = guarded(github)
    before = there.snapshot()
    vendor = around(github.environment())
    changes = HOST.changes(address(github), REFS, vendor)
    assert [change.id for change in changes] == [
        *(
            "merges-itself/5",
            "auto-merge",
            "workflow/21",
            "hook/31",
            "ruleset/12",
            "ruleset/13",
            "protection/main",
        ),
    ]
    assert there.snapshot() == before, "looking changes nothing"
    assert "hidden" not in repr(changes), "a webhook's address may hold a token"
    assert not there.force_pushes(RESPONDER, "main")
    for change in changes:
        outcome = HOST.lift(address(github), change, vendor)
        assert outcome.status is Status.DONE, outcome
        assert HOST.lift(address(github), change, vendor).status is Status.DONE, "safe to repeat"
    lifted = there.snapshot()
    assert lifted["protections"]["main"] | {"signatures": True} == {
        **before["protections"]["main"],
        "allow_force_pushes": True,
        "enforce_admins": False,
    }
    assert lifted["protections"]["other"] == before["protections"]["other"]
    assert lifted["rulesets"][14] == before["rulesets"][14]
    assert ("User", "4711") in lifted["rulesets"][12] and ("Team", "7") in lifted["rulesets"][12]
    assert lifted["workflows"][21] == "disabled_manually" and not lifted["hooks"][31]
    for change in reversed(changes):
        outcome = HOST.put_back(address(github), change, vendor)
        assert outcome.status is Status.DONE, outcome
        assert HOST.put_back(address(github), change, vendor).status is Status.DONE
    assert there.snapshot() == before


def test_who_may_bypass_changes_nothing(github: RunningGitHub, around: Around) -> None:
    there = guarded(github)
    there.rulesets[12]["bypass_actors"].append({"actor_id": 5, "actor_type": "RepositoryRole"})
    changes = HOST.changes(address(github), REFS, around(github.environment()))
    assert "ruleset/12" not in [change.id for change in changes]


def test_an_older_server_gets_the_admins_role(github: RunningGitHub, around: Around) -> None:
    there = guarded(github)
    github.host.user_actors = False
    vendor = around(github.environment())
    change = next(c for c in HOST.changes(address(github), REFS, vendor) if c.id == "ruleset/13")
    assert HOST.lift(address(github), change, vendor).status is Status.DONE
    assert there.snapshot()["rulesets"][13] == [("RepositoryRole", "5")]
    assert HOST.put_back(address(github), change, vendor).status is Status.DONE
    assert there.snapshot()["rulesets"][13] == []


def test_an_organisations_ruleset_is_a_step_for_its_owner(
    github: RunningGitHub, around: Around
) -> None:
    there = guarded(github)
    there.rulesets[12] |= {"source_type": "Organization", "source": "acme"}
    vendor = around(github.environment())
    change = next(c for c in HOST.changes(address(github), REFS, vendor) if c.id == "ruleset/12")
    outcome = HOST.lift(address(github), change, vendor)
    assert outcome.status is Status.MANUAL and outcome.manual is not None
    assert "/organizations/acme/settings/rules/12" in (outcome.manual.url or "")


def test_no_token_and_no_right_are_told(github: RunningGitHub, around: Around) -> None:
    guarded(github)
    with pytest.raises(VendorError, match="no token of yours"):
        HOST.changes(address(github), REFS, around({"GITHUB_API_URL": github.url}))
    facts = HOST.look(address(github), REFS, around({"GITHUB_API_URL": github.url}))
    assert "no token" in facts.unknown["GitHub's view of the push"]
    stranger = {"GITHUB_API_URL": github.url}
    stranger["GITHUB_TOKEN"] = github.state.issue("mallory", scopes=("repo",)).reveal_text()
    with pytest.raises(VendorError, match="no such thing, or does not show it"):
        HOST.changes(address(github), REFS, around(stranger))


def test_an_answer_that_is_lost_leaves_it_to_be_put_back(
    github: RunningGitHub, around: Around
) -> None:
    there = guarded(github)
    before = there.snapshot()
    vendor = around(github.environment(), seconds=0.2)
    change = next(c for c in HOST.changes(address(github), REFS, vendor) if c.id == "workflow/21")
    github.fail("PUT", "*/disable", *[Fault(None, after=True)] * 9)
    outcome = HOST.lift(address(github), change, vendor)
    assert outcome.status is Status.UNREACHABLE, "doubtful: nobody saw whether it was paused"
    assert there.snapshot() != before
    vendor = around(github.environment())
    assert HOST.put_back(address(github), change, vendor).status is Status.DONE
    assert there.snapshot() == before


def test_old_commits_that_the_pages_show_are_found(github: RunningGitHub, around: Around) -> None:
    there = guarded(github)
    old, gone = "a" * 40, "b" * 40
    there.commits.add(old)
    shown = HOST.still_served(address(github), [old, gone], around(github.environment()))
    assert shown == {old: True, gone: False}


def test_an_alert_is_closed_as_revoked(github: RunningGitHub, around: Around) -> None:
    there = guarded(github)
    vendor = around(github.environment())
    page = f"https://github.com/{NAME}/security/secret-scanning/42"
    outcome = HOST.close_alert(address(github), page, "Revoked.", vendor)
    assert outcome is not None and outcome.status is Status.DONE
    assert there.alerts[42] == {
        "state": "resolved",
        "resolution": "revoked",
        "resolution_comment": "Revoked.",
        "validity": "inactive",
    }
    assert outcome.evidence[0].saw == "state=resolved, validity=inactive"
    there.alerts[42] = {"state": "open"}
    github.fail("PATCH", f"/repos/{NAME}/secret-scanning/alerts/42", Fault(422))
    outcome = HOST.close_alert(address(github), page, "Revoked.", vendor)
    assert outcome is not None and outcome.status is Status.DONE
    assert "validity" not in there.alerts[42], "GitHub's own word on it stands"
    api = f"https://api.github.com/repos/{NAME}/secret-scanning/alerts/43"
    refused = HOST.close_alert(address(github), api, "Revoked.", vendor)
    assert refused is not None and refused.status is Status.REFUSED
    other = "https://github.com/else/where/security/secret-scanning/42"
    assert HOST.close_alert(address(github), other, "", vendor) is None
    assert HOST.close_alert(address(github), "https://example.com/x", "", vendor) is None


def test_an_alert_is_read_by_the_address_that_somebody_was_sent(
    github: RunningGitHub, around: Around
) -> None:
    there = guarded(github)
    value = "ghp_" + "A1b2" * 9
    place = {"path": "/app.ini", "start_line": 3, "end_line": 3, "commit_sha": "a" * 40}
    there.alerts[7] = {
        "secret_type": "github_personal_access_token",
        "secret": value,
        "state": "open",
        "created_at": "2026-03-01T10:00:00Z",
        "locations": [{"type": "commit", "details": place}],
    }
    vendor = around(github.environment())
    data = HOST.read_alert(f"{github.url}/{NAME}/security/secret-scanning/7", vendor)
    assert data is not None
    (finding,) = GitHubAlerts().read(Document("the alert", data))
    assert finding.value == Secret(value)
    assert (finding.location.path, finding.location.start_line) == ("app.ini", 3)
    assert HOST.read_alert(f"{github.url}/{NAME}/issues/7", vendor) is None
    elsewhere = f"https://example.com/{NAME}/security/secret-scanning/7"
    assert HOST.read_alert(elsewhere, vendor) is None, "a token is sent to its own server alone"
    with pytest.raises(VendorError):
        HOST.read_alert(f"{github.url}/{NAME}/security/secret-scanning/8", vendor)


def test_the_supports_text_holds_all_they_ask_for() -> None:
    first, served = "a" * 40, "b" * 40
    case = SupportCase("git@github.com:acme/app.git", 3, (first,), ("c" * 64,), (served,))
    step = HOST.support(case)
    text = "\n".join(step.instructions)
    assert "Repository: acme/app\n" in text and "Affected pull requests: 3" in text
    assert first in text and served in text and "c" * 64 in text
    assert step.url is not None and step.url.startswith("https://support.github.com/")


def test_push_protection_is_switched_on_and_back(github: RunningGitHub, around: Around) -> None:
    there = guarded(github)
    scanning = there.about["security_and_analysis"]
    scanning["secret_scanning"] = {"status": "enabled"}
    before = dict(scanning)
    vendor = around(github.environment())
    assert isinstance(HOST, Guards)
    change = HOST.unguarded(address(github), vendor)
    assert change is not None and scanning == before, "looking changes nothing"
    for _ in range(2):
        assert HOST.guard(address(github), change, vendor).status is Status.DONE
    assert {one["status"] for one in scanning.values()} == {"enabled"}
    assert HOST.unguarded(address(github), vendor) is None
    assert HOST.unguard(address(github), change, vendor).status is Status.DONE
    assert scanning == before, "what was on before stays on"


def test_push_protection_that_the_plan_lacks_is_told(github: RunningGitHub, around: Around) -> None:
    there = guarded(github)
    there.licensed = False
    vendor = around(github.environment())
    change = HOST.unguarded(address(github), vendor)
    assert change is not None
    outcome = HOST.guard(address(github), change, vendor)
    assert outcome.status is Status.REFUSED and "plan" in outcome.reason
    del there.about["security_and_analysis"]
    with pytest.raises(VendorError, match="does not show"):
        HOST.unguarded(address(github), vendor)
