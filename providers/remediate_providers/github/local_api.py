"""The local GitHub's answers to the calls that this provider makes, as the real one gives them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import unquote

from remediate.secret import Secret
from remediate_providers.github import local_runs, tokens
from remediate_providers.github.local_pages import new_token_page, token_made_page
from remediate_providers.github.local_state import BULK, UNAUTHENTICATED, Place, State, Token
from remediate_providers.loopback import Reply, Request

PREFIX = "/api/v3"
"""A self-hosted server has its API there, beside its pages."""
MOST = 1000
_VERSIONS = frozenset({"2022-11-28", "2026-03-10"})
_APPS = r"/(?P<app>actions|agents|dependabot|codespaces)/secrets"
_WHERE = rf"(?:/environments/(?P<environment>[^/]+)/secrets|{_APPS})"
PAGE = 30
"""Entries of a list where a request does not say how many."""
_DOCS = "https://docs.github.com/rest"


class ReplyError(Exception):
    """An answer other than a plain success, from wherever it is found out."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        body = {"message": message, "documentation_url": _DOCS, "status": str(status)}
        self.reply = Reply(status, body, headers or {})


class Answers:
    """One local GitHub's answers."""

    def __init__(self, state: State) -> None:
        self.state = state

    def __call__(self, request: Request) -> Reply:
        """The answer to *request*."""
        try:
            return Call(self.state, request).reply()
        except ReplyError as error:
            return error.reply


class Call:
    """One request, and what the server knows."""

    def __init__(self, state: State, request: Request) -> None:
        self.state = state
        self.request = request

    # -- who asks --------------------------------------------------------------------------------

    def _token(self) -> tuple[Token, dict[str, str]]:
        """The token that this request came with, and the headers that GitHub adds for it."""
        kind, _, value = self.request.headers.get("Authorization", "").partition(" ")
        if not value:
            raise ReplyError(401, "Requires authentication")
        token = self.state.living(Secret(value)) if kind.lower() in ("bearer", "token") else None
        if token is None or token.kind == tokens.REFRESH:
            raise ReplyError(401, "Bad credentials")
        headers = {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": "4999",
            "X-RateLimit-Reset": str(int(self.state.limit_ends.timestamp())),
        }
        if token.kind in (tokens.CLASSIC, tokens.OAUTH):
            headers["X-OAuth-Scopes"] = ", ".join(token.scopes)
        if token.expires is not None:
            headers["GitHub-Authentication-Token-Expiration"] = token.expires.strftime(
                "%Y-%m-%d %H:%M:%S UTC"
            )
        return token, headers

    def _anonymous(self) -> dict[str, str]:
        """Count a request that says nothing of who asks."""
        left = self.state.spend_unauthenticated()
        headers = {
            "X-RateLimit-Limit": str(UNAUTHENTICATED),
            "X-RateLimit-Remaining": str(max(left, 0)),
            "X-RateLimit-Reset": str(int(self.state.limit_ends.timestamp())),
        }
        if left < 0:
            raise ReplyError(403, "API rate limit exceeded for 127.0.0.1.", headers)
        return headers

    # -- what is asked ---------------------------------------------------------------------------

    def reply(self) -> Reply:
        """The answer. Raises `ReplyError`."""
        path = self.request.path
        if path in ("/settings/tokens/new", "/settings/personal-access-tokens/new"):
            return self._new_token(path)
        if not self.request.headers.get("User-Agent"):
            raise ReplyError(403, "Request forbidden by administrative rules.")
        if self.request.headers.get("X-GitHub-Api-Version", "2022-11-28") not in _VERSIONS:
            raise ReplyError(400, "The requested API version is not supported")
        for method, pattern, serve in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == self.request.method:
                named = {k: unquote(v) for k, v in found.groupdict().items() if v is not None}
                return serve(self, named)
        raise ReplyError(404, "Not Found")

    def _json(self) -> dict[str, object]:
        data = self.request.json()
        if not isinstance(data, dict):
            raise ReplyError(
                400, "Problems parsing JSON" if data is None else "Body should be a JSON object"
            )
        return data

    def revoke(self, _named: Mapping[str, str]) -> Reply:
        """``POST /credentials/revoke``: to nobody who says who they are, and 202 whatever becomes of it."""
        if "Authorization" in self.request.headers:
            raise ReplyError(403, "This endpoint does not accept authenticated requests.")
        headers = self._anonymous()
        values = self._json().get("credentials")
        whole = isinstance(values, list) and all(isinstance(v, str) and v for v in values)
        if not whole or not isinstance(values, list) or not 1 <= len(values) <= MOST:
            raise ReplyError(422, "Validation failed, or the endpoint has been spammed.", headers)
        for value in values:
            if tokens.kind_of(Secret(value)) in BULK:
                self.state.revoke(Secret(value))
        return Reply(202, {}, headers)

    def user(self, _named: Mapping[str, str]) -> Reply:
        """``GET /user``."""
        token, headers = self._token()
        if token.kind == tokens.INSTALLATION:
            raise ReplyError(403, "Resource not accessible by integration", headers)
        return Reply(
            200, {"login": token.login, "id": 1, "type": "User", "site_admin": False}, headers
        )

    def organisations(self, _named: Mapping[str, str]) -> Reply:
        """``GET /user/orgs``."""
        token, headers = self._token()
        if token.kind == tokens.CLASSIC and not {"read:org", "admin:org", "user"} & set(
            token.scopes
        ):
            raise ReplyError(
                403,
                "You need at least read:org scope or user scope to list your organizations.",
                {**headers, "X-Accepted-OAuth-Scopes": "admin:org, read:org, repo, user"},
            )
        names = self.state.organisations.get(token.login, ())
        return Reply(200, [{"login": name, "id": at} for at, name in enumerate(names, 1)], headers)

    def installation(self, _named: Mapping[str, str]) -> Reply:
        """``GET /installation/repositories``."""
        token, headers = self._token()
        if token.kind != tokens.INSTALLATION:
            raise ReplyError(
                403, "You must authenticate with an installation access token", headers
            )
        names = [name for name in self.state.places if "@" not in name]
        listed = [{"full_name": name} for name in names]
        return Reply(200, {"total_count": len(names), "repositories": listed}, headers)

    def end_installation(self, _named: Mapping[str, str]) -> Reply:
        """``DELETE /installation/token``."""
        token, headers = self._token()
        if token.kind != tokens.INSTALLATION:
            raise ReplyError(
                403, "You must authenticate with an installation access token", headers
            )
        self.state.revoke(token.value)
        return Reply(204, None, headers)

    def public_key(self, named: Mapping[str, str]) -> Reply:
        """``GET …/secrets/public-key``."""
        place, headers = self._place(named)
        return Reply(200, place.public_key(), headers)

    def secret(self, named: Mapping[str, str]) -> Reply:
        """``GET …/secrets/{name}``: everything but the value."""
        place, headers = self._place(named)
        stored = place.secrets.get(named["name"].upper())
        if stored is None:
            raise ReplyError(404, "Not Found", headers)
        data = {
            "name": named["name"].upper(),
            "created_at": stored.created_at,
            "updated_at": stored.updated_at,
        }
        if stored.visibility is not None:
            data["visibility"] = stored.visibility
        return Reply(200, data, headers)

    def secret_repositories(self, named: Mapping[str, str]) -> Reply:
        """``GET …/secrets/{name}/repositories``: those that an organisation selected."""
        place, headers = self._place(named)
        stored = place.secrets.get(named["name"].upper())
        if stored is None:
            raise ReplyError(404, "Not Found", headers)
        if stored.visibility != "selected":
            raise ReplyError(409, "Visibility type is not set to selected", headers)
        size = min(int(self.request.first("per_page") or PAGE), 100)
        at = (int(self.request.first("page") or 1) - 1) * size
        some = [
            {"id": one, "name": f"r{one}", "full_name": f"{named['org']}/r{one}"}
            for one in stored.repositories[at : at + size]
        ]
        total = len(stored.repositories)
        return Reply(200, {"total_count": total, "repositories": some}, headers)

    def put_secret(self, named: Mapping[str, str]) -> Reply:
        """``PUT …/secrets/{name}``."""
        place, headers = self._place(named)
        data = self._json()
        if data.get("key_id") != place.key_id:
            raise ReplyError(422, "The key_id is not the one of this place.", headers)
        try:
            sealed = base64.b64decode(str(data.get("encrypted_value") or "!"), validate=True)
        except (ValueError, binascii.Error):
            raise ReplyError(422, "encrypted_value is not base64.", headers) from None
        if named["name"].upper().startswith("GITHUB_"):
            raise ReplyError(422, "Secret names must not start with GITHUB_.", headers)
        visibility, selected = data.get("visibility"), data.get("selected_repository_ids") or []
        if "org" in named and visibility not in ("all", "private", "selected"):
            raise ReplyError(422, "visibility is missing.", headers)
        new = self.state.store(
            place,
            named["name"].upper(),
            sealed,
            str(visibility) if "org" in named else None,
            selected if isinstance(selected, list) and visibility == "selected" else [],
        )
        return Reply(201, {}, headers) if new else Reply(204, None, headers)

    def audit(self, named: Mapping[str, str]) -> Reply:
        """``GET /orgs/{org}/audit-log``: to owners, searched by a token's hash."""
        token, headers = self._token()
        name = named["org"]
        if token.login not in self.state.owners.get(name, frozenset()):
            raise ReplyError(404, "Not Found", headers)
        if not {"read:audit_log", "admin:org"} & set(token.scopes):
            wanted = {"X-Accepted-OAuth-Scopes": "admin:org, read:audit_log"}
            raise ReplyError(403, "Must have admin rights.", {**headers, **wanted})
        phrase = self.request.first("phrase")
        wanted_hash = re.search(r'hashed_token:"([^"]+)"', phrase)
        before = re.search(r"created:<(\d{4}-\d{2}-\d{2})", phrase)
        since = re.search(r"created:>=(\d{4}-\d{2}-\d{2})", phrase)
        rows = [
            row
            for row in self.state.audit.get(name, [])
            if (not before or _day(row) < before[1])
            and (not wanted_hash or row["hashed_token"] == wanted_hash[1])
            and (not since or _day(row) >= since[1])
        ]
        size = min(int(self.request.first("per_page") or 30), 100)
        at = int(self.request.first("after") or 0)
        if at + size < len(rows):
            address = (
                f"<http://{self.request.headers['Host']}{self.request.path}?after={at + size}>"
            )
            headers["Link"] = f'{address}; rel="next"'
        return Reply(200, rows[at : at + size], headers)

    # -- helpers ---------------------------------------------------------------------------------

    def _place(self, named: Mapping[str, str]) -> tuple[Place, dict[str, str]]:
        token, headers = self._token()
        app = "" if named.get("app", "actions") == "actions" else f":{named['app']}"
        if "org" in named:
            return self._of_organisation(named["org"], app, token, headers), headers
        repository = f"{named['owner']}/{named['repo']}"
        environment = named.get("environment")
        name = repository if environment is None else f"{repository}@{environment}"
        place = self.state.places.get(name + app)
        if place is None and app and name in self.state.places:
            place = self.state.places[name + app] = Place()
        if place is None or token.login not in self.state.writers.get(repository, frozenset()):
            # A repository that a token may not administer does not exist to it.
            raise ReplyError(404, "Not Found", headers)
        if token.kind == tokens.CLASSIC and "repo" not in token.scopes:
            wanted = {"X-Accepted-OAuth-Scopes": "repo"}
            raise ReplyError(403, "Must have admin rights to Repository.", {**headers, **wanted})
        return place, headers

    def secrets(self, named: Mapping[str, str]) -> Reply:
        """``GET …/secrets``: the names, of a page."""
        place, headers = self._place(named)
        return self._listed("secrets", [{"name": name} for name in sorted(place.secrets)], headers)

    def organisation_secrets(self, named: Mapping[str, str]) -> Reply:
        """``GET …/actions/organization-secrets``: those that a repository is given."""
        _place, headers = self._place(named)
        theirs = self.state.places.get(named["owner"], Place())
        return self._listed("secrets", [{"name": name} for name in sorted(theirs.secrets)], headers)

    def environments(self, named: Mapping[str, str]) -> Reply:
        """``GET …/environments``."""
        _place, headers = self._place(named)
        start = f"{named['owner']}/{named['repo']}@"
        names = [name.removeprefix(start) for name in self.state.places if name.startswith(start)]
        return self._listed("environments", [{"name": name} for name in names], headers)

    def _listed(
        self, name: str, rows: Sequence[Mapping[str, object]], headers: Mapping[str, str]
    ) -> Reply:
        size = min(int(self.request.first("per_page") or PAGE), 100)
        at = (int(self.request.first("page") or 1) - 1) * size
        return Reply(200, {"total_count": len(rows), name: rows[at : at + size]}, headers)

    def contents(self, named: Mapping[str, str]) -> Reply:
        """``GET …/contents/{path}``: a folder's files, or a file's text in base64."""
        _place, headers = self._place(named)
        repository, ref = f"{named['owner']}/{named['repo']}", self.request.first("ref")
        files = self.state.files.get(f"{repository}@{ref}" if ref else repository, {})
        path = named["path"]
        if path in files:
            text = base64.encodebytes(files[path].encode()).decode()
            data = {"type": "file", "path": path, "encoding": "base64", "content": text}
            return Reply(200, data, headers)
        inside = [one for one in files if one.startswith(f"{path}/")]
        if not inside:
            raise ReplyError(404, "Not Found", headers)
        return Reply(200, [{"type": "file", "path": one} for one in inside], headers)

    def workflow_runs(self, named: Mapping[str, str]) -> Reply:
        """``GET …/actions/runs``: see `local_runs`."""
        token, _headers = self._token()
        if token.login in self.state.without_actions:
            wanted = {"X-Accepted-GitHub-Permissions": "actions=read"}
            raise ReplyError(403, "Resource not accessible by personal access token", wanted)
        _place, headers = self._place(named)
        runs = self.state.runs.get(f"{named['owner']}/{named['repo']}", [])
        return Reply(200, local_runs.listed(runs, self.request), headers)

    def _of_organisation(
        self, name: str, app: str, token: Token, headers: Mapping[str, str]
    ) -> Place:
        place = self.state.places.get(name + app)
        if place is None or token.login not in self.state.owners.get(name, frozenset()):
            raise ReplyError(404, "Not Found", headers)
        if token.kind == tokens.CLASSIC and "admin:org" not in token.scopes:
            wanted = {"X-Accepted-OAuth-Scopes": "admin:org"}
            raise ReplyError(403, "Must have admin rights.", {**headers, **wanted})
        return place

    def _new_token(self, path: str) -> Reply:
        fine = "personal-access-tokens" in path
        query = {name: values[0] for name, values in self.request.query.items()}
        logins = sorted(self.state.organisations)
        if self.request.method == "GET":
            return Reply(200, new_token_page(path, query, logins, fine=fine), {})
        form = self.request.form()
        login = form.get("login", "")
        if self.request.method != "POST" or login not in logins:
            raise ReplyError(422, "Nobody is signed in.")
        scopes = [s for s in form.get("scopes", "").replace(" ", "").split(",") if s]
        kind = tokens.FINE_GRAINED if fine else tokens.CLASSIC
        value = self.state.issue(login, kind, scopes)
        return Reply(200, token_made_page(value), {"Cache-Control": "no-store"})


def _day(row: Mapping[str, object]) -> str:
    stamp = row["@timestamp"]
    assert isinstance(stamp, int)
    return datetime.fromtimestamp(stamp / 1000, UTC).strftime("%Y-%m-%d")


Serve = Callable[[Call, Mapping[str, str]], Reply]
_ORGANISATION = r"/orgs/(?P<org>[^/]+)"
_REPOSITORY = r"/repos/(?P<owner>[^/]+)/(?P<repo>[^/]+)"
_ROUTES: Sequence[tuple[str, str, Serve]] = (
    ("POST", "/credentials/revoke", Call.revoke),
    ("GET", "/user", Call.user),
    ("GET", "/user/orgs", Call.organisations),
    ("GET", "/installation/repositories", Call.installation),
    ("DELETE", "/installation/token", Call.end_installation),
    ("GET", f"{_REPOSITORY}{_WHERE}", Call.secrets),
    ("GET", f"{_REPOSITORY}/actions/organization-secrets", Call.organisation_secrets),
    ("GET", f"{_REPOSITORY}/environments", Call.environments),
    ("GET", f"{_REPOSITORY}/contents/(?P<path>.+)", Call.contents),
    ("GET", f"{_REPOSITORY}{_WHERE}/public-key", Call.public_key),
    ("GET", f"{_REPOSITORY}{_WHERE}/(?P<name>[^/]+)", Call.secret),
    ("PUT", f"{_REPOSITORY}{_WHERE}/(?P<name>[^/]+)", Call.put_secret),
    ("GET", f"{_REPOSITORY}/actions/runs", Call.workflow_runs),
    ("GET", f"{_ORGANISATION}{_APPS}/public-key", Call.public_key),
    ("GET", f"{_ORGANISATION}{_APPS}/(?P<name>[^/]+)", Call.secret),
    ("GET", f"{_ORGANISATION}{_APPS}/(?P<name>[^/]+)/repositories", Call.secret_repositories),
    ("PUT", f"{_ORGANISATION}{_APPS}/(?P<name>[^/]+)", Call.put_secret),
    ("GET", "/orgs/(?P<org>[^/]+)/audit-log", Call.audit),
)
