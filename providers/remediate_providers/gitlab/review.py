"""What of GitLab's credentials can be listed: your tokens and SSH keys; a project's tokens, keys and variables.

Shapes: https://docs.gitlab.com/api/personal_access_tokens, /api/user_keys, /api/project_access_tokens,
/api/group_access_tokens, /api/deploy_tokens, /api/deploy_keys, /api/pipeline_triggers,
/api/project_level_variables. Other people's personal access tokens are listed by an administrator alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from remediate.errors import UsageError, VendorError
from remediate.plugins.context import VendorContext
from remediate.plugins.lists import Inventory, Listed
from remediate_providers.gitlab import tokens
from remediate_providers.gitlab.host import project_of
from remediate_providers.gitlab.host_changes import Project
from remediate_providers.gitlab.server import HOW, Api, Server
from remediate_providers.rest import text_of

Row = Mapping[str, Any]


def listed(places: Sequence[str], vendor: VendorContext) -> Inventory:
    """Your own, and those of each of *places* that is a project of this GitLab, and of its group."""
    try:
        server = Server.of(vendor.environment)
    except UsageError as error:
        return Inventory(unknown={"GitLab": error.message})
    ours = list(dict.fromkeys(path for place in places if (path := project_of(place, server))))
    with Api(vendor) as api:
        if api.own is None:
            return Inventory(unknown={server.host: f"there is no token of yours: {HOW}"})
        if not ours and server.assumed:
            return Inventory(unknown={"GitLab": "no remote of this clone is a project there"})
        found: list[Listed] = []
        unknown = {f"{server.host}: other people's personal access tokens": _ADMIN}

        def learn(name: str, ask: Callable[[], Iterable[Listed]]) -> None:
            try:
                found.extend(ask())
            except VendorError as error:
                unknown[f"{server.host}: {name}"] = error.message

        learn("your tokens and SSH keys", lambda: _own(Project(api, "", root="")))
        for path in ours:
            for name, ask in _OF_PROJECT.items():
                learn(f"{name} of {path}", lambda ask=ask, path=path: ask(Project(api, path)))  # type: ignore[misc]
        for path in dict.fromkeys(path.rpartition("/")[0] for path in ours):
            learn(f"access tokens of the group {path}", lambda path=path: _group(api, path))  # type: ignore[misc]
    return Inventory(tuple(found), unknown)


_ADMIN = "an administrator sees them (Admin, Credentials), or a group's owner with Ultimate"


def _own(me: Project) -> Iterator[Listed]:
    user = me.get("/user")
    login, web = str(user.get("username")), me.api.server.web
    # Without a user's number an administrator would be shown everybody's.
    for row in me.every(f"/personal_access_tokens?state=active&user_id={user.get('id')}"):
        yield _access(row, login, f"{web}/-/user_settings/personal_access_tokens")
    for row in me.every("/user/keys"):
        yield _made(row, "ssh-key", login, f"{web}/-/user_settings/ssh_keys")


def _group(api: Api, path: str) -> Iterator[Listed]:
    where = f"{api.server.web}/groups/{path}/-/settings/access_tokens"
    for row in Project(api, path, of="groups").every("/access_tokens?state=active"):
        yield _access(row, path, where)


def _access_tokens(project: Project) -> Iterator[Listed]:
    where = f"{project.api.server.web}/{project.path}/-/settings/access_tokens"
    for row in project.every("/access_tokens?state=active"):
        yield _access(row, project.path, where)


def _deploy_tokens(project: Project) -> Iterator[Listed]:
    for row in project.every("/deploy_tokens?active=true"):
        if row.get("revoked") is not True and row.get("expired") is not True:
            yield _made(row, "gitlab-deploy-token", project.path, _repository(project))


def _deploy_keys(project: Project) -> Iterator[Listed]:
    for row in project.every("/deploy_keys"):
        write = " (may write)" if row.get("can_push") is True else ""
        yield _made(row, f"deploy-key{write}", project.path, _repository(project))


def _triggers(project: Project) -> Iterator[Listed]:
    for row in project.every("/triggers"):
        owner = row.get("owner")
        name = text_of(owner, "username") if isinstance(owner, Mapping) else None
        yield Listed(
            tokens.PROVIDER,
            "gitlab-trigger-token",
            text_of(row, "description") or str(row.get("id")),
            name or project.path,
            created=text_of(row, "created_at"),
            last_used=text_of(row, "last_used"),
            expires=text_of(row, "expires_at"),
            where=_ci(project),
        )


def _variables(project: Project) -> Iterator[Listed]:
    """By their names alone: what they are worth is in the answer as well, and goes nowhere."""
    for row in project.every("/variables"):
        scope = text_of(row, "environment_scope") or "*"
        name = str(row.get("key")) + ("" if scope == "*" else f" ({scope})")
        yield Listed(
            tokens.PROVIDER, "ci-variable", name, project.path, use_known=False, where=_ci(project)
        )


def _access(row: Row, owner: str, where: str) -> Listed:
    scopes = ", ".join(str(scope) for scope in row.get("scopes") or ())
    return Listed(
        tokens.PROVIDER,
        tokens.ACCESS,
        f"{row.get('name')} ({scopes})" if scopes else str(row.get("name")),
        owner,
        created=text_of(row, "created_at"),
        last_used=text_of(row, "last_used_at"),
        expires=text_of(row, "expires_at"),
        where=where,
    )


def _made(row: Row, kind: str, owner: str, where: str) -> Listed:
    """A key or deploy token: newer servers say when a key was used, older ones don't."""
    return Listed(
        tokens.PROVIDER,
        kind,
        text_of(row, "title") or text_of(row, "name") or str(row.get("id")),
        owner,
        created=text_of(row, "created_at"),
        last_used=text_of(row, "last_used_at"),
        use_known="last_used_at" in row,
        expires=text_of(row, "expires_at"),
        where=where,
    )


def _repository(project: Project) -> str:
    return f"{project.api.server.web}/{project.path}/-/settings/repository"


def _ci(project: Project) -> str:
    return f"{project.api.server.web}/{project.path}/-/settings/ci_cd"


_OF_PROJECT: Mapping[str, Callable[[Project], Iterable[Listed]]] = {
    "access tokens": _access_tokens,
    "deploy tokens": _deploy_tokens,
    "deploy keys": _deploy_keys,
    "trigger tokens": _triggers,
    "CI/CD variables": _variables,
}
