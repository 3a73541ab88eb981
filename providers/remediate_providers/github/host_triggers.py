"""What a push sets off on GitHub, paused for it and put back: workflows, webhooks, auto-merge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from remediate.plugins.host import Change
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate_providers.github.host_talk import Talk

_EVENTS = frozenset({"*", "push", "create", "delete", "pull_request", "release", "status"})


def workflow_changes(talk: Talk) -> Iterator[Change]:
    """Each active workflow. GitHub's own (``dynamic/…``) have no such switch and are left alone."""
    for row in talk.every("/actions/workflows", within="workflows"):
        if row.get("state") == "active" and not str(row.get("path", "")).startswith("dynamic/"):
            yield Change(
                f"workflow/{row['id']}",
                "trigger",
                f"pause the workflow {row.get('name')}",
                {"state": "active"},
            )


def set_workflow(talk: Talk, change: Change, *, paused: bool) -> Outcome:
    """Disable or enable one workflow (a run that is under way is not stopped)."""
    number = change.id.rpartition("/")[2]
    path = f"/actions/workflows/{number}"
    said = "paused" if paused else "switched on again"
    answer = talk.ask("PUT", f"{path}/{'disable' if paused else 'enable'}")
    if answer.status != 204:
        return talk.refused(f"The workflow {number} of {talk} was not {said}", answer)
    state = str(talk.get(path).get("state"))
    if (state == "active") is paused:
        return Outcome(
            Status.UNKNOWN,
            f"The workflow {number} of {talk} was not {said}",
            reason=f"GitHub took it, and shows {state}",
        )
    return _seen(talk, f"The workflow {number} of {talk} is {said}", path, f"state={state}")


def hook_changes(talk: Talk) -> Iterator[Change]:
    """Each webhook that a push would call. Told by its host: its address may hold a token."""
    for row in talk.every("/hooks"):
        if row.get("active") is True and _EVENTS & set(row.get("events") or ()):
            config = row.get("config")
            address = str(config.get("url", "")) if isinstance(config, Mapping) else ""
            yield Change(
                f"hook/{row['id']}",
                "trigger",
                f"pause the webhook to {urlsplit(address).hostname or row['id']}",
                {"active": True},
            )


def set_hook(talk: Talk, change: Change, *, paused: bool) -> Outcome:
    """Switch one webhook off or on; its address, secret and events are not touched."""
    number = change.id.rpartition("/")[2]
    said = "paused" if paused else "switched on again"
    answer = talk.ask("PATCH", f"/hooks/{number}", {"active": not paused})
    if answer.status != 200:
        return talk.refused(f"The webhook {number} of {talk} was not {said}", answer)
    active = talk.get(f"/hooks/{number}").get("active")
    if active is paused:
        return Outcome(
            Status.UNKNOWN,
            f"The webhook {number} of {talk} was not {said}",
            reason="GitHub took it, and shows something else",
        )
    return _seen(
        talk, f"The webhook {number} of {talk} is {said}", f"/hooks/{number}", f"active={active}"
    )


def auto_merge_changes(repository: Mapping[str, Any]) -> Iterator[Change]:
    """Auto-merge, where the repository allows it: a pull request with old commits may merge itself."""
    if repository.get("allow_auto_merge") is True:
        yield Change("auto-merge", "trigger", "switch auto-merge off", {"allow_auto_merge": True})


def set_auto_merge(talk: Talk, *, off: bool) -> Outcome:
    """Switch the repository's auto-merge off or on."""
    said = "off" if off else "on again"
    answer = talk.ask("PATCH", "", {"allow_auto_merge": not off})
    if answer.status != 200:
        return talk.refused(f"Auto-merge of {talk} was not switched {said}", answer)
    if talk.get("").get("allow_auto_merge") is off:
        return Outcome(
            Status.UNKNOWN,
            f"Auto-merge of {talk} was not switched {said}",
            reason="GitHub took it, and shows something else",
        )
    return _seen(talk, f"Auto-merge of {talk} is {said}", "", f"allow_auto_merge={not off}".lower())


def _seen(talk: Talk, summary: str, path: str, saw: str) -> Outcome:
    evidence = (Evidence(f"GET {talk.root}{path}", saw, talk.vendor.now()),)
    return Outcome(Status.DONE, summary, evidence=evidence)
