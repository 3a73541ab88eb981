"""What guards refs on GitHub, lifted for a push and put back: rulesets and branch protection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from remediate.errors import VendorError
from remediate.http import Answer
from remediate.model import Json, ManualStep
from remediate.plugins.host import Change
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.wording import count
from remediate_providers.github.host_rules import (
    actors,
    bypassed,
    concerns,
    lifted_body,
    protection_body,
    same_actors,
)
from remediate_providers.github.host_talk import Talk

ADMIN_ROLE: Mapping[str, Json] = {
    "actor_id": 5,
    "actor_type": "RepositoryRole",
    "bypass_mode": "always",
}
"""The repository's administrators: 5 is their role's number everywhere
(https://docs.github.com/rest/repos/rules#create-a-repository-ruleset)."""


def ruleset_changes(talk: Talk, refs: Sequence[str], default_branch: str) -> Iterator[Change]:
    """A change for each ruleset that stands in the way and that who asks may not bypass."""
    for row in talk.every("/rulesets", {"includes_parents": "true"}):
        if row.get("enforcement") != "active":
            continue
        ruleset = talk.get(f"/rulesets/{row['id']}")
        if not concerns(ruleset, refs, default_branch) or bypassed(ruleset):
            continue
        yield Change(
            f"ruleset/{ruleset['id']}",
            "protection",
            f"let yourself bypass the ruleset {ruleset.get('name')}",
            {
                "source_type": str(ruleset.get("source_type") or "Repository"),
                "source": str(ruleset.get("source") or talk),
                "bypass_actors": actors(ruleset),
            },
        )


def lift_ruleset(talk: Talk, change: Change) -> Outcome:
    """Add who asks to those who may bypass it; where this server knows no such actor, the admins."""
    number = change.id.rpartition("/")[2]
    summary = f"The ruleset {number} of {talk} was not lifted"
    if change.before["source_type"] != "Repository":
        return _elsewhere(talk, change, summary)
    before = change.before["bypass_actors"]
    assert isinstance(before, list | tuple)
    me = talk.ask_at("GET", "/user").json()
    answer: Answer | None = None
    for actor in (
        {"actor_id": me.get("id"), "actor_type": "User", "bypass_mode": "always"}
        if isinstance(me, dict) and me.get("id") is not None
        else ADMIN_ROLE,
        ADMIN_ROLE,
    ):
        answer = talk.ask("PUT", f"/rulesets/{number}", {"bypass_actors": [*before, actor]})
        if answer.status != 422:
            break
    assert answer is not None
    if answer.status != 200:
        return talk.refused(summary, answer)
    seen = talk.get(f"/rulesets/{number}")
    if not bypassed(seen):
        reason = "GitHub took the change, and this user may still not bypass it"
        # It has changed something, so it is to be put back.
        return Outcome(Status.UNKNOWN, summary, reason=reason)
    return _seen(talk, f"Let {actor['actor_type']} {actor['actor_id']} bypass ruleset {number} of {talk}",
                 f"GET {talk.root}/rulesets/{number}", "current_user_can_bypass=always")  # fmt: skip


def put_back_ruleset(talk: Talk, change: Change) -> Outcome:
    """Who may bypass it as before. An empty list is written too: leaving it out would change nothing."""
    number = change.id.rpartition("/")[2]
    summary = f"The ruleset {number} of {talk} was not put back"
    before = change.before["bypass_actors"]
    assert isinstance(before, list | tuple)
    answer = talk.ask("PUT", f"/rulesets/{number}", {"bypass_actors": list(before)})
    if answer.status != 200:
        return talk.refused(summary, answer)
    if not same_actors(talk.get(f"/rulesets/{number}").get("bypass_actors") or (), before):
        return Outcome(Status.UNKNOWN, summary, reason="GitHub took it, and shows something else")
    return _seen(talk, f"Put back the ruleset {number} of {talk}",
                 f"GET {talk.root}/rulesets/{number}", f"{count(len(before), 'bypass actor')}, as before")  # fmt: skip


def protection_changes(talk: Talk, refs: Sequence[str]) -> Iterator[Change]:
    """A change for each protected branch among *refs*."""
    wanted = {ref.removeprefix("refs/heads/") for ref in refs if ref.startswith("refs/heads/")}
    for row in talk.every("/branches", {"protected": "true"}):
        branch = str(row.get("name"))
        if branch not in wanted:
            continue
        answer = talk.ask("GET", _path(branch))
        if answer.status == 404 and "not protected" in str(answer.json()).lower():
            continue  # by a ruleset alone
        data = answer.json()
        if answer.status != 200 or not isinstance(data, dict):
            raise VendorError(talk.api.refusal(answer), hint="Then: remediate resume")
        body = protection_body(data)
        signed = bool((data.get("required_signatures") or {}).get("enabled"))
        if lifted_body(body) != body or signed:
            yield Change(
                f"protection/{branch}",
                "protection",
                f"allow forced pushes to {branch}",
                {"protection": body, "signatures": signed},
            )


def lift_protection(talk: Talk, change: Change) -> Outcome:
    """Allow forced pushes, and administrators to go past the rest."""
    branch = change.id.partition("/")[2]
    summary = f"The protection of {branch} in {talk} was not lifted"
    before = change.before["protection"]
    assert isinstance(before, Mapping)
    answer = talk.ask("PUT", _path(branch), lifted_body(before))
    if answer.status != 200:
        return talk.refused(summary, answer)
    if change.before["signatures"]:
        answer = talk.ask("DELETE", f"{_path(branch)}/required_signatures")
        if answer.status not in (204, 404):
            reason = talk.api.refusal(answer)
            return Outcome(
                Status.UNKNOWN, summary, reason=f"signatures are still asked for: {reason}"
            )
    return _seen(talk, f"Allowed forced pushes to {branch} of {talk}",
                 f"PUT {talk.root}{_path(branch)}", "allow_force_pushes=true")  # fmt: skip


def put_back_protection(talk: Talk, change: Change) -> Outcome:
    """The protection as before, read again."""
    branch = change.id.partition("/")[2]
    summary = f"The protection of {branch} in {talk} was not put back"
    before, signed = change.before["protection"], change.before["signatures"]
    answer = talk.ask("PUT", _path(branch), before)
    if answer.status != 200:
        return talk.refused(summary, answer)
    if signed:
        answer = talk.ask("POST", f"{_path(branch)}/required_signatures")
        if answer.status != 200:
            return talk.refused(f"{summary}: signatures are not asked for", answer)
    now = talk.get(_path(branch))
    again = bool((now.get("required_signatures") or {}).get("enabled"))
    if protection_body(now) != before or again != signed:
        return Outcome(Status.UNKNOWN, summary, reason="GitHub took it, and shows something else")
    return _seen(talk, f"Put back the protection of {branch} in {talk}",
                 f"GET {talk.root}{_path(branch)}", "as before")  # fmt: skip


def _path(branch: str) -> str:
    return f"/branches/{quote(branch, safe='')}/protection"


def _elsewhere(talk: Talk, change: Change, summary: str) -> Outcome:
    source = change.before["source"]
    number = change.id.rpartition("/")[2]
    return Outcome(
        Status.MANUAL,
        summary,
        reason=f"it belongs to {source}, not to the repository",
        manual=ManualStep(
            id=f"bypass-ruleset-{number}",
            title=f"Let yourself bypass the ruleset {number} of {source}, for the push alone",
            why="It forbids forced pushes, and whoever owns the organisation owns it.",
            url=f"{talk.api.server.web}/organizations/{source}/settings/rules/{number}",
            instructions=(
                "Add yourself to its bypass list.",
                "Then: remediate resume",
                "Take yourself off the list again.",
            ),
            check="The push is tried again.",
        ),
    )


def _seen(talk: Talk, summary: str, probe: str, saw: str) -> Outcome:
    return Outcome(Status.DONE, summary, evidence=(Evidence(probe, saw, talk.vendor.now()),))


def default_branch(repository: Mapping[str, Any]) -> str:
    """The name of the repository's default branch."""
    return str(repository.get("default_branch") or "main")
