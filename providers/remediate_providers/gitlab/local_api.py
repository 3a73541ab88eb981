"""The local GitLab's answers to the calls that this provider makes, as the real one gives them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from remediate.secret import Secret
from remediate_providers.gitlab import local_jobs, tokens
from remediate_providers.gitlab.local_state import State, Token
from remediate_providers.loopback import Reply, Request

PREFIX = "/api/v4"
PROJECT = 7
PROJECT_PATH = "acme/app"


class ReplyError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(status)
        self.reply = Reply(status, dict(body))


def _says(status: int, message: object) -> ReplyError:
    return ReplyError(status, {"message": message})


class Answers:
    """One local GitLab's answers."""

    def __init__(self, state: State) -> None:
        self.state = state

    def __call__(self, request: Request) -> Reply:
        """The answer to *request*."""
        try:
            for method, pattern, serve in _ROUTES:
                found = re.fullmatch(pattern, request.path)
                if found and method == request.method:
                    named = {name: unquote(text) for name, text in found.groupdict().items()}
                    return serve(Call(self.state, request), named)
            raise ReplyError(404, {"error": "404 Not Found"})
        except ReplyError as error:
            return error.reply


class Call:
    """One request, and what the server knows."""

    def __init__(self, state: State, request: Request) -> None:
        self.state = state
        self.request = request
        data = request.json()
        self.body: Mapping[str, Any] = data if isinstance(data, dict) else {}

    def _value(self) -> Secret:
        value = self.request.headers.get("PRIVATE-TOKEN", "")
        kind, _, bearer = self.request.headers.get("Authorization", "").partition(" ")
        return Secret(value or (bearer if kind.lower() == "bearer" else ""))

    def _who(self, *scopes: str) -> Token:
        token = self.state.find(self._value())
        if token is None or token.kind != tokens.ACCESS:
            raise _says(401, "401 Unauthorized")
        if not token.works:
            said = "Token was revoked. You have to re-authorize from the user."
            raise ReplyError(401, {"error": "invalid_token", "error_description": said})
        if scopes and not set(scopes) & set(token.scopes):
            raise ReplyError(
                403,
                {
                    "error": "insufficient_scope",
                    "error_description": "The request requires higher privileges than provided by "
                    "the access token.",
                    "scope": " ".join(scopes),
                },
            )
        return token

    def _admin(self) -> Token:
        token = self._who("api")
        if token.user not in self.state.admins:
            raise _says(403, "403 Forbidden")
        return token

    def _owner(self, named: Mapping[str, str]) -> tuple[str, int]:
        token = self._who("api")
        number = (
            PROJECT if named["id"] == PROJECT_PATH else int(re.sub(r"\D", "", named["id"]) or 0)
        )
        home = (named.get("what", "projects"), number)
        if token.user not in self.state.maintainers.get(home, set()):
            raise _says(404, "404 Project Not Found")
        return home

    # -- tokens ----------------------------------------------------------------------------------

    def self(self, _named: Mapping[str, str]) -> Reply:
        """``GET /personal_access_tokens/self``."""
        return Reply(200, self.state.shown(self._who()))

    def associations(self, _named: Mapping[str, str]) -> Reply:
        """``GET /personal_access_tokens/self/associations``."""
        self._who()
        project = {"id": PROJECT, "path_with_namespace": PROJECT_PATH, "access_levels": {}}
        return Reply(200, {"groups": [], "projects": [project]})

    def end_self(self, _named: Mapping[str, str]) -> Reply:
        """``DELETE /personal_access_tokens/self``."""
        self.state.revoke(self._who())
        return Reply(204)

    def rotate_self(self, _named: Mapping[str, str]) -> Reply:
        """``POST …/self/rotate``. A dead one is refused, and takes its family with it."""
        token = self.state.find(self._value())
        if token is not None and token.revoked:
            self.state.rotate(token, None)
        if not {"api", "self_rotate"} & set(self._who().scopes):
            raise ReplyError(403, {"error": "insufficient_scope", "scope": "api self_rotate"})
        assert token is not None
        new = self.state.rotate(token, self.body.get("expires_at"))
        assert new is not None
        return Reply(200, self.state.shown(new, value=True))

    def user(self, _named: Mapping[str, str]) -> Reply:
        """``GET /user``."""
        token = self._who("api", "read_user", "read_api")
        return Reply(200, {"id": token.user, "username": self.state.users[token.user]})

    def user_by_id(self, named: Mapping[str, str]) -> Reply:
        """``GET /users/:id``."""
        self._who("api", "read_user", "read_api")
        name = self.state.users.get(int(named["id"]))
        if name is None:
            raise _says(404, "404 User Not Found")
        return Reply(200, {"id": int(named["id"]), "username": name})

    def token(self, named: Mapping[str, str]) -> Reply:
        """``GET`` and ``DELETE /projects/:id/access_tokens/:token_id``, and a group's."""
        home = self._owner(named)
        return self._one(named, lambda token: token.home == home)

    def any_token(self, named: Mapping[str, str]) -> Reply:
        """``DELETE /personal_access_tokens/:id``: an administrator's, or one's own."""
        own = self._who("api")
        admin = own.user in self.state.admins
        return self._one(named, lambda token: admin or token.user == own.user)

    def _one(self, named: Mapping[str, str], mine: Callable[[Token], bool]) -> Reply:
        token = next(
            (t for t in self.state.tokens if t.id == int(named["token"]) and mine(t)), None
        )
        if token is None:
            raise _says(404, "404 Not Found")
        if self.request.method == "GET":
            return Reply(200, self.state.shown(token))
        self.state.revoke(token)
        token.dies = 0.0
        return Reply(204)

    def listed(self, named: Mapping[str, str]) -> Reply:
        """``GET /projects/:id/access_tokens``."""
        home = self._owner(named)
        return self._page([t for t in self.state.tokens if t.home == home])

    def all_tokens(self, _named: Mapping[str, str]) -> Reply:
        """``GET /personal_access_tokens?user_id=``: anybody's for an administrator, else one's own."""
        own = self._who("api", "read_api")
        user = int(self.request.first("user_id", str(own.user)))
        if user != own.user:
            self._admin()
        return self._page([t for t in self.state.tokens if t.user == user])

    def _page(self, found: Sequence[Token]) -> Reply:
        search, state = self.request.first("search"), self.request.first("state")
        return Reply(
            200,
            [
                self.state.shown(t)
                for t in found
                if search in t.name and not (state == "active" and t.revoked)
            ],
        )

    def create(self, named: Mapping[str, str]) -> Reply:
        """``POST /projects/:id/access_tokens``: never by a project's own token."""
        if self._who("api").home is not None:
            raise _says(401, "401 Unauthorized")
        home = self._owner(named)
        self._fit()
        made = self.state.issue_for(
            home, **self._wanted(), access_level=int(self.body.get("access_level", 40))
        )
        return Reply(201, self.state.shown(made, value=True))

    def create_for_user(self, named: Mapping[str, str]) -> Reply:
        """``POST /users/:id/personal_access_tokens``, for an administrator."""
        self._admin()
        self._fit()
        made = self.state.issue(int(named["id"]), **self._wanted())
        return Reply(201, self.state.shown(made, value=True))

    def _fit(self) -> None:
        if not self.body.get("name") or not self.body.get("scopes"):
            raise ReplyError(400, {"error": "name is missing, scopes is missing"})

    def _wanted(self) -> dict[str, Any]:
        return {
            "name": str(self.body["name"]),
            "scopes": tuple(self.body["scopes"]),
            "expires": self.body.get("expires_at"),
        }

    def admin_token(self, _named: Mapping[str, str]) -> Reply:
        """``POST`` and ``DELETE /admin/token``."""
        self._admin()
        token = self.state.find(Secret(str(self.body.get("token", ""))))
        reset = token is not None and token.kind not in (tokens.ACCESS, tokens.DEPLOY)
        if token is None or (reset and not token.works):
            raise _says(404, {"error": "Not found"})
        if self.request.method == "POST":
            return Reply(200, self.state.shown(token))
        self.state.revoke(token)
        return Reply(204)

    # -- runners ---------------------------------------------------------------------------------

    def verify(self, _named: Mapping[str, str]) -> Reply:
        """``POST /runners/verify``."""
        token = self._runner()
        return Reply(200, {"id": self.state.runner, "token": token.value.reveal_text(),
                           "token_expires_at": None})  # fmt: skip

    def reset_by_itself(self, _named: Mapping[str, str]) -> Reply:
        """``POST /runners/reset_authentication_token``."""
        return self._reset(self._runner())

    def reset_by_id(self, named: Mapping[str, str]) -> Reply:
        """``POST /runners/:id/reset_authentication_token``."""
        token = self._who("api")
        if int(named["id"]) != self.state.runner or token.user not in self.state.maintainers.get(
            ("projects", PROJECT), set()
        ):
            raise _says(403, "403 Forbidden - No access granted")
        live = [t for t in self.state.tokens if t.kind == tokens.RUNNER and not t.revoked]
        return self._reset(live[0])

    def _runner(self) -> Token:
        token = self.state.find(Secret(str(self.body.get("token", ""))))
        if token is None or token.kind != tokens.RUNNER or not token.works:
            raise _says(403, "403 Forbidden")
        return token

    def _reset(self, old: Token) -> Reply:
        with self.state.lock:
            self.state.revoke(old)
            old.dies = 0.0
            new = self.state.issue(old.user, kind=tokens.RUNNER, name="runner")
        return Reply(201, {"token": new.value.reveal_text(), "token_expires_at": None})

    # -- the rest --------------------------------------------------------------------------------

    def events(self, named: Mapping[str, str]) -> Reply:
        """``GET /users/:id/events``."""
        self._who("api", "read_user")
        return Reply(200, [e for e in self.state.events if e["author_id"] == int(named["id"])])

    def left(self, named: Mapping[str, str]) -> Reply:
        """Webhooks, deploy keys and the like."""
        self._owner(named)
        below = named["below"]
        return Reply(200, self.state.hooks if below == "hooks" else self.state.left.get(below, []))

    def keys(self, _named: Mapping[str, str]) -> Reply:
        """``GET /users/:id/keys``, ``gpg_keys``."""
        self._who("api", "read_user")
        return Reply(200, [])

    def own_keys(self, _named: Mapping[str, str]) -> Reply:
        """``GET /user/keys``."""
        self._who("api", "read_user")
        return Reply(200, self.state.left.get("keys", []))

    def audit(self, named: Mapping[str, str]) -> Reply:
        """``GET /projects/:id/audit_events``: a Premium feature."""
        self._owner(named)
        if not self.state.premium:
            raise _says(403, "403 Forbidden")
        return Reply(200, [])

    def variables(self, named: Mapping[str, str]) -> Reply:
        """``GET`` and ``POST`` of a project's, a group's or the server's variables."""
        there = self._home(named)
        if self.request.method == "GET":
            return Reply(200, [self._variable(one) for one in there])
        key, scope = str(self.body.get("key", "")), self.body.get("environment_scope", "*")
        taken = [v for v in there if (v["key"], v.get("environment_scope", "*")) == (key, scope)]
        if taken:
            raise _says(400, {"key": [f"({key}) has already been taken"]})
        one = {"variable_type": "env_var", "protected": False, "masked": False, "raw": False,
               "hidden": False, "environment_scope": scope, **self.body}  # fmt: skip
        if "id" not in named:
            del one["environment_scope"]  # a server's have none
        self._masked(one)
        there.append(one)
        return Reply(201, self._variable(one))

    def change_variable(self, named: Mapping[str, str]) -> Reply:
        """``PUT …/variables/:key``."""
        there = self._home(named)
        scope = self.request.first("filter[environment_scope]")
        found = [
            v
            for v in there
            if v["key"] == named["key"] and scope in ("", v.get("environment_scope", "*"))
        ]
        if not found:
            raise _says(404, "404 Variable Not Found")
        if len(found) > 1:
            raise _says(409, "There are multiple variables with provided parameters. Please use "
                             "'filter[environment_scope]'")  # fmt: skip
        self._masked({**found[0], **self.body})
        found[0].update(self.body)
        return Reply(200, self._variable(found[0]))

    def _home(self, named: Mapping[str, str]) -> list[dict[str, Any]]:
        if "id" not in named:
            self._admin()
            return self.state.instance_variables
        self._owner(named)
        if named["what"] == "groups":
            return self.state.group_variables.setdefault(named["id"], [])
        return self.state.variables

    def pipelines(self, named: Mapping[str, str]) -> Reply:
        """``GET /projects/:id/pipelines``."""
        self._ci(named)
        return Reply(200, local_jobs.pipelines(self.state.pipelines, self.request))

    def jobs(self, named: Mapping[str, str]) -> Reply:
        """``GET /projects/:id/pipelines/:pipeline_id/jobs``."""
        self._ci(named)
        rows = self.state.jobs.get(int(named["pipeline"]), [])
        return Reply(200, local_jobs.jobs(rows, self.request))

    def lint(self, named: Mapping[str, str]) -> Reply:
        """``GET /projects/:id/ci/lint``: a commit's configuration, with what it includes."""
        self._ci(named)
        merged = self.state.configured.get(self.request.first("content_ref"))
        if merged is None:
            missing = ["Please provide content of .gitlab-ci.yml"]
            return Reply(200, {"valid": False, "errors": missing, "warnings": []})
        return Reply(200, {"valid": True, "merged_yaml": merged, "errors": [], "warnings": []})

    def projects(self, named: Mapping[str, str]) -> Reply:
        """``GET /groups/:id/projects``."""
        self._who("api", "read_api")
        rows = [{"id": PROJECT, "path_with_namespace": PROJECT_PATH}, *self.state.projects]
        if not PROJECT_PATH.startswith(f"{named['id']}/"):
            raise _says(404, "404 Group Not Found")
        return Reply(200, local_jobs.page_of(rows, self.request))

    def _ci(self, named: Mapping[str, str]) -> None:
        """Whose CI/CD it is: a project may have it off, or for its members alone."""
        if self._who("api", "read_api").user in self.state.without_ci:
            raise _says(403, "403 Forbidden")
        self._owner({"what": "projects", **named})

    def project(self, named: Mapping[str, str]) -> Reply:
        """``GET /projects/:id``."""
        self._owner(named)
        namespace = {"full_path": PROJECT_PATH.rpartition("/")[0], "kind": "group"}
        data = {"id": PROJECT, "path_with_namespace": PROJECT_PATH, "namespace": namespace}
        return Reply(200, data)

    def _masked(self, one: Mapping[str, Any]) -> None:
        value = str(one.get("value", ""))
        if one.get("masked") and (len(value) < 8 or re.search(r"\s", value)):
            raise _says(400, {"value": ["is invalid"]})

    def _variable(self, one: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**one, "value": None} if one.get("hidden") else one


_ANY = r"/(?P<what>projects|groups)/(?P<id>[^/]+)"
Serve = Callable[[Call, Mapping[str, str]], Reply]
_ROUTES: Sequence[tuple[str, str, Serve]] = (
    ("GET", "/personal_access_tokens/self", Call.self),
    ("DELETE", "/personal_access_tokens/self", Call.end_self),
    ("GET", "/personal_access_tokens/self/associations", Call.associations),
    ("POST", "/personal_access_tokens/self/rotate", Call.rotate_self),
    ("GET", "/personal_access_tokens", Call.all_tokens),
    ("GET", r"/personal_access_tokens/(?P<token>\d+)", Call.any_token),
    ("DELETE", r"/personal_access_tokens/(?P<token>\d+)", Call.any_token),
    ("GET", "/user", Call.user),
    ("GET", "/user/keys", Call.own_keys),
    ("GET", r"/users/(?P<id>\d+)", Call.user_by_id),
    ("GET", r"/users/(?P<id>\d+)/events", Call.events),
    ("GET", r"/users/(?P<id>\d+)/(?:gpg_)?keys", Call.keys),
    ("POST", r"/users/(?P<id>\d+)/personal_access_tokens", Call.create_for_user),
    ("GET", rf"{_ANY}/access_tokens", Call.listed),
    ("POST", rf"{_ANY}/access_tokens", Call.create),
    ("GET", rf"{_ANY}/access_tokens/(?P<token>\d+)", Call.token),
    ("DELETE", rf"{_ANY}/access_tokens/(?P<token>\d+)", Call.token),
    ("GET", rf"{_ANY}/(?P<below>hooks|deploy_keys|deploy_tokens|triggers)", Call.left),
    ("GET", rf"{_ANY}/audit_events", Call.audit),
    ("GET", r"/projects/(?P<id>[^/]+)", Call.project),
    ("GET", r"/projects/(?P<id>[^/]+)/pipelines", Call.pipelines),
    ("GET", r"/projects/(?P<id>[^/]+)/pipelines/(?P<pipeline>\d+)/jobs", Call.jobs),
    ("GET", r"/projects/(?P<id>[^/]+)/ci/lint", Call.lint),
    ("GET", r"/groups/(?P<id>[^/]+)/projects", Call.projects),
    ("GET", rf"{_ANY}/variables", Call.variables),
    ("POST", rf"{_ANY}/variables", Call.variables),
    ("PUT", rf"{_ANY}/variables/(?P<key>[^/]+)", Call.change_variable),
    ("GET", "/admin/ci/variables", Call.variables),
    ("POST", "/admin/ci/variables", Call.variables),
    ("PUT", "/admin/ci/variables/(?P<key>[^/]+)", Call.change_variable),
    ("POST", "/admin/token", Call.admin_token),
    ("DELETE", "/admin/token", Call.admin_token),
    ("POST", "/runners/verify", Call.verify),
    ("POST", "/runners/reset_authentication_token", Call.reset_by_itself),
    ("POST", r"/runners/(?P<id>\d+)/reset_authentication_token", Call.reset_by_id),
)
