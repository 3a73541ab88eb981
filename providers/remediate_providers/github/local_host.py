"""The local GitHub's git-hosting side: protection, rulesets, workflows, webhooks, pulls, alerts.

Answers have the shapes of https://docs.github.com/rest (checked against GitHub's own description in the
tests), with the quirks that matter here: what GET shows is not what PUT takes, a list of bypass
actors that is left out stays as it is, a webhook's secret is shown as asterisks, and whoever is no
administrator sees a 404.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from remediate.secret import Secret
from remediate_providers.github import local_copies, local_footholds, local_merging
from remediate_providers.github.local_state import State
from remediate_providers.loopback import Reply, Request

_FLAGS = (
    "required_linear_history",
    "allow_force_pushes",
    "allow_deletions",
    "block_creations",
    "required_conversation_resolution",
    "lock_branch",
    "allow_fork_syncing",
)


_LONG_AGO = {"created_at": "2025-01-02T03:04:05Z", "updated_at": "2025-01-02T03:04:05Z"}


@dataclass
class HostedRepository:
    """One repository as its host knows it; each list in the API's own shapes."""

    about: dict[str, Any] = field(
        default_factory=lambda: {
            "default_branch": "main",
            "private": True,
            "visibility": "private",
            "archived": False,
            "forks_count": 0,
            "allow_auto_merge": False,
            "security_and_analysis": {
                "secret_scanning": {"status": "disabled"},
                "secret_scanning_push_protection": {"status": "disabled"},
            },
        }
    )
    admins: dict[str, int] = field(default_factory=dict)
    """Login to the account's number."""
    rulesets: dict[int, dict[str, Any]] = field(default_factory=dict)
    protections: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Branch to the body that was PUT last, and ``signatures``."""
    workflows: dict[int, dict[str, Any]] = field(default_factory=dict)
    hooks: dict[int, dict[str, Any]] = field(default_factory=dict)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    forks: list[dict[str, Any]] = field(default_factory=list)
    releases: list[dict[str, Any]] = field(default_factory=list)
    collaborators: list[str] = field(default_factory=list)
    invitations: list[dict[str, Any]] = field(default_factory=list)
    runners: list[dict[str, Any]] = field(default_factory=list)
    activity: list[dict[str, Any]] = field(default_factory=list)
    """Its pushes."""
    commits: set[str] = field(default_factory=set)
    """Commits that its pages and API show, reachable or not."""
    alerts: dict[int, dict[str, Any]] = field(default_factory=dict)
    deploy_keys: list[dict[str, Any]] = field(default_factory=list)
    kept: local_copies.Kept = field(default_factory=local_copies.Kept)
    licensed: bool = True
    """False: what concerns secret scanning is taken, and nothing changes."""

    def force_pushes(self, login: str, branch: str) -> bool:
        """The truth: whether *login* may force-push *branch* just now."""
        protection = self.protections.get(branch)
        if protection is not None and not protection["allow_force_pushes"]:
            return False
        ref = f"refs/heads/{branch}"
        return all(
            self.bypasses(login, one)
            for one in self.rulesets.values()
            if one["enforcement"] == "active"
            and one["target"] == "branch"
            and any(
                pattern == "~ALL" or fnmatchcase(ref, pattern)
                for pattern in one["conditions"]["ref_name"]["include"]
            )
        )

    def bypasses(self, login: str, ruleset: Mapping[str, Any]) -> bool:
        """Whether *login* may go past *ruleset*."""
        number = self.admins.get(login)
        return number is not None and any(
            (actor["actor_type"], actor.get("actor_id"))
            in (("User", number), ("RepositoryRole", 5))
            for actor in ruleset["bypass_actors"]
        )

    def snapshot(self) -> dict[str, Any]:
        """Everything that a push may have lifted or paused, for comparing before and after."""
        return {
            "rulesets": {n: _sorted(one["bypass_actors"]) for n, one in self.rulesets.items()},
            "protections": {n: dict(one) for n, one in self.protections.items()},
            "workflows": {n: one["state"] for n, one in self.workflows.items()},
            "hooks": {n: one["active"] for n, one in self.hooks.items()},
            "auto-merge": self.about["allow_auto_merge"],
            "pulls": {
                one["number"]: (
                    (one.get("auto_merge") or {}).get("merge_method"),
                    bool(one.get("queued")),
                )
                for one in self.pulls
            },
        }


def _sorted(actors: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return sorted((actor["actor_type"], str(actor.get("actor_id"))) for actor in actors)


class HostAnswers:
    """Answers about repositories that are hosted here; anything else goes on to *others*."""

    def __init__(self, state: State, others: Callable[[Request], Reply]) -> None:
        self.state = state
        self.repositories: dict[str, HostedRepository] = {}
        """``OWNER/REPO`` to it."""
        self.user_actors = True
        """False: an older self-hosted server, whose rulesets know no actor ``User``."""
        self.ssh_keys: dict[str, list[dict[str, Any]]] = {}
        """Login to its keys, in the API's own shape."""
        self.next_key = 1000
        self._others = others

    def __call__(self, request: Request) -> Reply:
        """The answer to *request*."""
        for method, pattern, serve in _ROUTES:
            found = re.fullmatch(rf"/repos/([^/]+)/([^/]+){pattern}", request.path)
            if found and method == request.method:
                owner, name, *rest = (unquote(part) for part in found.groups())
                repository = self.repositories.get(f"{owner}/{name}")
                login = self._login(request)
                if repository is None:
                    break
                if login not in repository.admins:
                    return _not_found()
                return serve(_Call(self, repository, request, login, f"{owner}/{name}"), *rest)
        if (request.method, request.path) == ("GET", "/user"):
            return self._user(request)
        if re.fullmatch(r"/user/keys(/\d+)?", request.path) and (login := self._login(request)):
            return self._user_keys(request, self.ssh_keys.setdefault(login, []))
        if request.path == "/graphql" and (login := self._login(request)):
            return local_merging.graphql(self.repositories, login, request)
        if (request.method, request.path) == ("GET", "/search/code") and self._login(request):
            kept = [one.kept for one in self.repositories.values()]
            return local_copies.code(kept, request.first("q"), lambda rows: _page(request, rows))
        owned = re.fullmatch(r"/(orgs|users)/([^/]+)/packages", request.path)
        if owned and self._login(request):
            kept = [
                one.kept for n, one in self.repositories.items() if n.startswith(f"{owned[2]}/")
            ]
            return local_copies.packages(
                kept, request.first("package_type"), lambda rows: _page(request, rows)
            )
        return self._others(request)

    def _user(self, request: Request) -> Reply:
        reply = self._others(request)
        login = self._login(request)
        numbers = [r.admins[login] for r in self.repositories.values() if login in r.admins]
        if reply.status == 200 and numbers and isinstance(reply.body, dict):
            return Reply(200, {**reply.body, "id": numbers[0]}, reply.headers)
        return reply

    def _user_keys(self, request: Request, keys: list[dict[str, Any]]) -> Reply:
        number = request.path.removeprefix("/user/keys").strip("/")
        if request.method == "GET" and not number:
            size = min(int(request.first("per_page", "30")), 100)
            at = (int(request.first("page", "1")) - 1) * size
            return Reply(200, keys[at : at + size])
        return _not_found() if number and request.method != "DELETE" else self.change(request, keys)

    def change(self, request: Request, keys: list[dict[str, Any]]) -> Reply:
        """Add a key to *keys*, or take one away. GitHub has each key in one place alone."""
        if request.method == "DELETE":
            number = int(request.path.rpartition("/")[2])
            kept = [one for one in keys if one["id"] != number]
            if len(kept) == len(keys):
                return _not_found()
            keys[:] = kept
            return Reply(204)
        body = request.json() or {}
        text = " ".join(str(body.get("key", "")).split()[:2])
        everywhere = [*self.ssh_keys.values(), *(r.deploy_keys for r in self.repositories.values())]
        if any(one["key"] == text for some in everywhere for one in some):
            return _invalid("key is already in use")
        made = {
            "id": self.next_key,
            "key": text,
            "title": body.get("title", ""),
            "read_only": bool(body.get("read_only", False)),
            "created_at": self.state.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self.next_key += 1  # a number is never given twice
        keys.append(made)
        return Reply(201, made)

    def _login(self, request: Request) -> str:
        value = request.headers.get("Authorization", "").partition(" ")[2]
        token = self.state.living(Secret(value)) if value else None
        return token.login if token is not None else ""


def _not_found(message: str = "Not Found") -> Reply:
    return Reply(
        404,
        {"message": message, "documentation_url": "https://docs.github.com/rest", "status": "404"},
    )


def _invalid(message: str) -> Reply:
    return Reply(
        422,
        {"message": message, "documentation_url": "https://docs.github.com/rest", "status": "422"},
    )


def _page(request: Request, rows: Sequence[Any]) -> list[Any]:
    size = min(int(request.first("per_page", "30")), 100)
    at = (int(request.first("page", "1")) - 1) * size
    return list(rows[at : at + size])


class _Call:
    """One request about one repository."""

    def __init__(
        self,
        answers: HostAnswers,
        repository: HostedRepository,
        request: Request,
        login: str,
        name: str,
    ) -> None:
        self.name = name
        self.answers = answers
        self.repository = repository
        self.request = request
        self.login = login

    def page(self, rows: Sequence[Any]) -> list[Any]:
        return _page(self.request, rows)

    def kept(self, path: str) -> Reply:
        return local_copies.answer(self.repository.kept, path, self.page)

    def site(self) -> Reply:
        url = self.repository.kept.site
        return Reply(200, {"html_url": url, "public": True}) if url else _not_found()

    def about(self) -> Reply:
        login = self.name.partition("/")[0]
        kind = "Organization" if login in self.answers.state.owners else "User"
        return Reply(200, {**self.repository.about, "owner": {"login": login, "type": kind}})

    def set_about(self) -> Reply:
        body = dict(self.request.json() or {})
        security = body.pop("security_and_analysis", None) or {}
        self.repository.about |= body
        if self.repository.licensed:
            self.repository.about["security_and_analysis"] |= security
        return self.about()

    def rulesets(self) -> Reply:
        short = ("id", "name", "target", "source_type", "source", "enforcement")
        rows = [{name: one[name] for name in short} for one in self.repository.rulesets.values()]
        return Reply(200, self.page(rows))

    def ruleset(self, number: str) -> Reply:
        one = self.repository.rulesets.get(int(number))
        if one is None:
            return _not_found()
        can = "always" if self.repository.bypasses(self.login, one) else "never"
        return Reply(200, {**one, "current_user_can_bypass": can})

    def set_ruleset(self, number: str) -> Reply:
        one = self.repository.rulesets.get(int(number))
        if one is None or one["source_type"] != "Repository":
            return _not_found()
        body = self.request.json() or {}
        actors = body.get("bypass_actors")
        if actors is not None:
            if not self.answers.user_actors and any(a["actor_type"] == "User" for a in actors):
                return _invalid("Invalid bypass actor type")
            one["bypass_actors"] = [{"bypass_mode": "always", **actor} for actor in actors]
        return self.ruleset(number)

    def branches(self) -> Reply:
        rows = [{"name": name, "protected": True} for name in self.repository.protections]
        return Reply(200, self.page(rows if self.request.first("protected") == "true" else []))

    def protection(self, branch: str) -> Reply:
        body = self.repository.protections.get(branch)
        if body is None:
            return _not_found("Branch not protected")
        shown: dict[str, Any] = {name: {"enabled": bool(body.get(name))} for name in _FLAGS}
        shown["enforce_admins"] = {"url": "", "enabled": bool(body["enforce_admins"])}
        shown["required_signatures"] = {"url": "", "enabled": bool(body.get("signatures"))}
        checks = body.get("required_status_checks")
        if checks is not None:
            rows = [
                {**c, "app_id": None if c.get("app_id", -1) == -1 else c["app_id"]}
                for c in checks.get("checks") or []
            ]
            names = checks.get("contexts") or [row["context"] for row in rows]
            shown["required_status_checks"] = {
                "strict": checks["strict"],
                "contexts": names,
                "checks": rows or [{"context": name, "app_id": None} for name in names],
            }
        if (reviews := body.get("required_pull_request_reviews")) is not None:
            shown["required_pull_request_reviews"] = {
                name: _shown(value) if isinstance(value, dict) else value
                for name, value in reviews.items()
            }
        if (people := body.get("restrictions")) is not None:
            shown["restrictions"] = _shown(people)
        return Reply(200, shown)

    def set_protection(self, branch: str) -> Reply:
        body = self.request.json() or {}
        needed = (
            "required_status_checks",
            "enforce_admins",
            "required_pull_request_reviews",
            "restrictions",
        )
        if any(name not in body for name in needed):
            return _invalid("Invalid request.")
        old = self.repository.protections.get(branch, {})
        self.repository.protections[branch] = {**body, "signatures": old.get("signatures", False)}
        return self.protection(branch)

    def signatures(self, branch: str) -> Reply:
        body = self.repository.protections.get(branch)
        if body is None:
            return _not_found("Branch not protected")
        body["signatures"] = self.request.method == "POST"
        if self.request.method == "DELETE":
            return Reply(204)
        return Reply(200, {"url": "", "enabled": True})

    def workflows(self) -> Reply:
        rows = [{**_LONG_AGO, **one} for one in self.repository.workflows.values()]
        return Reply(200, {"total_count": len(rows), "workflows": self.page(rows)})

    def workflow(self, number: str) -> Reply:
        one = self.repository.workflows.get(int(number))
        return Reply(200, one) if one is not None else _not_found()

    def set_workflow(self, number: str, what: str) -> Reply:
        one = self.repository.workflows.get(int(number))
        if one is None:
            return _not_found()
        one["state"] = "active" if what == "enable" else "disabled_manually"
        return Reply(204)

    def hooks(self) -> Reply:
        return Reply(200, self.page([_masked(one) for one in self.repository.hooks.values()]))

    def hook(self, number: str) -> Reply:
        one = self.repository.hooks.get(int(number))
        return Reply(200, _masked(one)) if one is not None else _not_found()

    def set_hook(self, number: str) -> Reply:
        one = self.repository.hooks.get(int(number))
        if one is None:
            return _not_found()
        one |= {k: v for k, v in (self.request.json() or {}).items() if k in ("active", "events")}
        return self.hook(number)

    def pulls(self) -> Reply:
        return Reply(200, self.page(self.repository.pulls))

    def forks(self) -> Reply:
        return Reply(200, self.page(self.repository.forks))

    def releases(self) -> Reply:
        return Reply(200, self.page(self.repository.releases))

    def collaborators(self) -> Reply:
        return Reply(200, self.page([{"login": name} for name in self.repository.collaborators]))

    def invitations(self) -> Reply:
        return Reply(200, self.page(self.repository.invitations))

    def runners(self) -> Reply:
        rows = self.repository.runners
        return Reply(200, {"total_count": len(rows), "runners": self.page(rows)})

    def activity(self) -> Reply:
        rows = local_footholds.activity(self.repository.activity, self.request.first("actor"))
        return Reply(200, self.page(rows))

    def keys(self) -> Reply:
        return Reply(200, self.page(self.repository.deploy_keys))

    def change_keys(self, _number: str = "") -> Reply:
        return self.answers.change(self.request, self.repository.deploy_keys)

    def secrets(self) -> Reply:
        owned = self.answers.state.places.get(self.name)
        rows = [
            {"name": name, "created_at": one.created_at, "updated_at": one.updated_at}
            for name, one in (owned.secrets if owned is not None else {}).items()
        ]
        return Reply(200, {"total_count": len(rows), "secrets": self.page(rows)})

    def commit(self, name: str) -> Reply:
        if name in self.repository.commits:
            return Reply(200, {"sha": name, "commit": {"message": ""}})
        return _invalid(f"No commit found for SHA: {name}")

    def alert(self, number: str) -> Reply:
        one = self.repository.alerts.get(int(number))
        if one is None:
            return _not_found()
        shown = {key: value for key, value in one.items() if key != "locations"}
        return Reply(200, {"number": int(number), **shown})

    def alert_locations(self, number: str) -> Reply:
        one = self.repository.alerts.get(int(number))
        return _not_found() if one is None else Reply(200, self.page(one.get("locations", [])))

    def set_alert(self, number: str) -> Reply:
        one = self.repository.alerts.get(int(number))
        if one is None:
            return _not_found()
        body = self.request.json() or {}
        if body.get("state") == "resolved" and not body.get("resolution"):
            return _invalid("resolution is required")
        one |= body
        return Reply(200, {"number": int(number), **one})


def _shown(people: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "users": [{"login": name} for name in people.get("users") or []],
        "teams": [{"slug": name} for name in people.get("teams") or []],
        "apps": [{"slug": name} for name in people.get("apps") or []],
    }


def _masked(hook: Mapping[str, Any]) -> dict[str, Any]:
    config = dict(hook["config"])
    if "secret" in config:
        config["secret"] = "*" * 8
    return {**_LONG_AGO, **hook, "config": config}


_BRANCH = r"/branches/([^/]+)/protection"
_ROUTES: Sequence[tuple[str, str, Callable[..., Reply]]] = (
    ("GET", "", _Call.about),
    ("PATCH", "", _Call.set_about),
    ("GET", "/rulesets", _Call.rulesets),
    ("GET", r"/rulesets/(\d+)", _Call.ruleset),
    ("PUT", r"/rulesets/(\d+)", _Call.set_ruleset),
    ("GET", "/branches", _Call.branches),
    ("GET", _BRANCH, _Call.protection),
    ("PUT", _BRANCH, _Call.set_protection),
    ("POST", rf"{_BRANCH}/required_signatures", _Call.signatures),
    ("DELETE", rf"{_BRANCH}/required_signatures", _Call.signatures),
    ("GET", "/actions/workflows", _Call.workflows),
    ("GET", r"/actions/workflows/(\d+)", _Call.workflow),
    ("PUT", r"/actions/workflows/(\d+)/(enable|disable)", _Call.set_workflow),
    ("GET", f"/({'|'.join(local_copies.WHERE)})", _Call.kept),
    ("GET", "/pages", _Call.site),
    ("GET", "/hooks", _Call.hooks),
    ("GET", r"/hooks/(\d+)", _Call.hook),
    ("PATCH", r"/hooks/(\d+)", _Call.set_hook),
    ("GET", "/pulls", _Call.pulls),
    ("GET", "/forks", _Call.forks),
    ("GET", "/releases", _Call.releases),
    ("GET", "/collaborators", _Call.collaborators),
    ("GET", "/invitations", _Call.invitations),
    ("GET", "/actions/runners", _Call.runners),
    ("GET", "/activity", _Call.activity),
    ("GET", "/keys", _Call.keys),
    ("POST", "/keys", _Call.change_keys),
    ("DELETE", r"/keys/(\d+)", _Call.change_keys),
    ("GET", "/actions/secrets", _Call.secrets),
    ("GET", r"/commits/([0-9a-f]+)", _Call.commit),
    ("GET", r"/secret-scanning/alerts/(\d+)", _Call.alert),
    ("GET", r"/secret-scanning/alerts/(\d+)/locations", _Call.alert_locations),
    ("PATCH", r"/secret-scanning/alerts/(\d+)", _Call.set_alert),
)
