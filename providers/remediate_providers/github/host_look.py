"""What a push would meet and concern on GitHub: pull requests, forks, people, releases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from remediate.errors import VendorError
from remediate.model import Json
from remediate.plugins.outcome import Evidence, Facts
from remediate.wording import count
from remediate_providers.github.host_merging import affected
from remediate_providers.github.host_talk import Talk

MOST = 200
"""How many of a kind are named; more are counted."""


def look(talk: Talk, refs: Sequence[str]) -> Facts:
    """Everything that can be learned, and why not where it can't."""
    known: dict[str, Json] = {}
    unknown: dict[str, str] = {}
    branches = {ref.removeprefix("refs/heads/") for ref in refs if ref.startswith("refs/heads/")}
    tags = {ref.removeprefix("refs/tags/") for ref in refs if ref.startswith("refs/tags/")}

    def learn(name: str, ask: Callable[[], dict[str, Json]]) -> None:
        try:
            known.update(ask())
        except VendorError as error:
            unknown[name] = error.message

    learn("repository", lambda: _repository(talk.get("")))
    learn("pulls", lambda: _pulls(talk, branches))
    learn("merge queue", lambda: _queue(talk, refs))
    learn("forks", lambda: _forks(talk))
    learn("pushers", lambda: _pushers(talk))
    learn("releases", lambda: _releases(talk, tags))
    seen = f"{count(len(known), 'fact')}" if known else "nothing"
    return Facts(known, unknown, (Evidence(f"GET {talk.root}", seen, talk.vendor.now()),))


def _repository(data: dict[str, Any]) -> dict[str, Json]:
    return {
        "visibility": str(
            data.get("visibility") or ("private" if data.get("private") else "public")
        ),
        "archived": bool(data.get("archived")),
        "forks_count": data.get("forks_count", 0),
        "default_branch": str(data.get("default_branch")),
    }


def _pulls(talk: Talk, branches: set[str]) -> dict[str, Json]:
    """Open pull requests from or into a branch that is pushed, and those that merge by themselves."""
    affected: list[Json] = []
    waiting: list[Json] = []
    number = 0
    for row in talk.every("/pulls", {"state": "open"}):
        ends = {str((row.get(end) or {}).get("ref")) for end in ("base", "head")}
        if not ends & branches:
            continue
        number += 1
        if len(affected) < MOST:
            affected.append({"id": f"#{row['number']}", "url": str(row.get("html_url"))})
        if row.get("auto_merge") is not None:
            waiting.append(f"#{row['number']}")
    return {"pulls": affected, "pulls_count": number, "auto_merge": waiting}


def _queue(talk: Talk, refs: Sequence[str]) -> dict[str, Json]:
    rows = [row for row in affected(talk, refs) if row.get("mergeQueueEntry") is not None]
    return {"merge_queue": [f"#{row['number']}" for row in rows]}


def _forks(talk: Talk) -> dict[str, Json]:
    rows = list(talk.every("/forks"))
    listed: list[Json] = [
        {"id": str(row.get("full_name")), "url": str(row.get("html_url"))} for row in rows[:MOST]
    ]
    return {"forks": listed}


def _pushers(talk: Talk) -> dict[str, Json]:
    rows = talk.every("/collaborators", {"permission": "push"})
    return {"pushers": [str(row.get("login")) for row in rows][:MOST]}


def _releases(talk: Talk, tags: set[str]) -> dict[str, Json]:
    """Releases of tags that are pushed; an immutable one's tag can't be moved by anybody.

    https://docs.github.com/code-security/supply-chain-security/understanding-your-software-supply-chain/immutable-releases
    """
    rows = [row for row in talk.every("/releases") if str(row.get("tag_name")) in tags]
    return {
        "releases": [str(row["tag_name"]) for row in rows],
        "immutable": [str(row["tag_name"]) for row in rows if row.get("immutable") is True],
    }
