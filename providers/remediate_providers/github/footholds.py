"""What there is at GitHub by which somebody could come back, out of its lists: keys, webhooks, people, runners, apps.

Read with the responder's own token. A list that can't be had is not known, whatever the status: GitHub answers
404 to whoever may not see a thing. Collaborators and runners are listed without a time: they are named, and
no sign by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from remediate.clock import parse
from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence
from remediate.secret import Secret
from remediate.wording import count
from remediate_providers.github.server import Api
from remediate_providers.rest import mapping, objects, text_of

PAGE = 100
PAGES = 10
MOST = 50
"""Names without a time that are kept of one list."""
WORKFLOW = "workflow"
_OWN_WORKFLOWS = ".github/workflows/"
"""Where a repository's own stand: those of GitHub's programs stand under ``dynamic/``."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Made:
    """One thing, and when it was made."""

    what: str
    id: str
    place: str
    """The repository, organisation or account that has it."""
    at: str | None
    by: str | None
    """The login that made it, where GitHub says so."""
    why: str
    """What somebody could do with it."""
    changed: str | None = None
    """When it was changed last, where that may turn it into something else."""


@dataclass
class Seen:
    """What the lists of one place told."""

    made: list[Made] = field(default_factory=list)
    untimed: dict[str, list[Json]] = field(default_factory=dict)
    """What is listed without a time, by what it is: ``{"id", "place"}`` each."""
    unknown: dict[str, str] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    organisation: str | None = None
    """Whose the repository is, where that is an organisation."""


@dataclass(frozen=True)
class _List:
    path: str
    what: str
    why: str
    name: Callable[[Row], str]
    within: str | None = None
    """The key of an object that holds the list."""
    by: Callable[[Row], str | None] = lambda _row: None
    timed: bool = True
    changes: bool = False
    query: Mapping[str, str] = field(default_factory=dict)
    counts: Callable[[Row], bool] = lambda _row: True


def _titled(row: Row) -> str:
    return f"“{row.get('title') or row.get('name') or 'untitled'}” ({row.get('id')})"


def _hook(row: Row) -> str:
    config = row.get("config")
    url = config.get("url") if isinstance(config, dict) else None
    try:
        # The path and the query of a webhook's address are often a secret of their own.
        host = urlsplit(str(url)).hostname
    except ValueError:
        host = None
    return f"{row.get('id')} to {host or 'an address that is not shown'}"


def _inviter(row: Row) -> str | None:
    who = row.get("inviter")
    return text_of(who, "login") if isinstance(who, dict) else None


def _invited(row: Row) -> str:
    who = row.get("invitee")
    login = text_of(who, "login") if isinstance(who, dict) else text_of(row, "login")
    role = text_of(row, "permissions") or text_of(row, "role") or "unknown rights"
    return f"of {login or text_of(row, 'email') or row.get('id')} ({role})"


def _deploy_key(row: Row) -> str:
    return f"{_titled(row)}, {'read-only' if row.get('read_only') is True else 'may write'}"


def _app(row: Row) -> str:
    return f"{text_of(row, 'app_slug') or row.get('app_id')} ({row.get('id')})"


def _named(row: Row) -> str:
    return text_of(row, "login") or text_of(row, "name") or str(row.get("id"))


_RUNNERS = _List(
    "/actions/runners",
    "self-hosted runner",
    "jobs and their secrets are handed to it",
    _named,
    within="runners",
    timed=False,
)
_REPOSITORY = (
    _List(
        "/keys",
        "deploy key",
        "it opens the repository without any token",
        _deploy_key,
        by=lambda row: text_of(row, "added_by"),
    ),
    _List("/hooks", "webhook", "what happens in the repository is sent there", _hook, changes=True),
    _List("/invitations", "invitation", "whoever accepts it may come back", _invited, by=_inviter),
    _List(
        "/collaborators",
        "collaborator",
        "may come back",
        _named,
        timed=False,
        query={"affiliation": "direct"},
    ),
    _RUNNERS,
    _List(
        "/actions/workflows",
        WORKFLOW,
        "it runs with the repository's secrets",
        lambda row: str(row.get("path")),
        within="workflows",
        counts=lambda row: str(row.get("path")).startswith(_OWN_WORKFLOWS),
    ),
)
_ORGANISATION = (
    _List(
        "/hooks",
        "organisation webhook",
        "what happens in every repository is sent there",
        _hook,
        changes=True,
    ),
    _List(
        "/installations",
        "GitHub App",
        "it makes itself a token whenever it wants one",
        _app,
        within="installations",
    ),
    _List("/invitations", "invitation", "whoever accepts it may come back", _invited, by=_inviter),
    _List("/outside_collaborators", "outside collaborator", "may come back", _named, timed=False),
    _RUNNERS,
)
_KEYS = (
    ("keys", "SSH key", "it opens whatever its owner may open"),
    ("gpg_keys", "GPG key", "commits signed with it are shown as its owner's"),
    ("ssh_signing_keys", "SSH signing key", "commits signed with it are shown as its owner's"),
)
#: `time_period` of a repository's activity, and how far back it surely reaches.
_PERIODS = (("day", 0.9), ("week", 6.5), ("month", 27.0), ("quarter", 85.0), ("year", 360.0))


class Lists:
    """One piece of work's reading of GitHub's lists with *own*, the responder's token."""

    def __init__(self, api: Api, own: Secret, vendor: VendorContext) -> None:
        self._api = api
        self._own = own
        self._vendor = vendor

    def login(self) -> str | None:
        """Whose the responder's token is; None where that can't be learned (of a GitHub App's, for one)."""
        try:
            answer = self._api.ask("GET", "/user", self._own)
        except HttpError:
            return None
        return text_of(mapping(answer), "login") if answer.status == 200 else None

    def repository(self, name: str) -> Seen:
        """The lists of one repository, ``OWNER/REPO``."""
        seen = Seen()
        owner, _, short = name.partition("/")
        base = f"/repos/{quote(owner, safe='')}/{quote(short, safe='')}"
        try:
            answer = self._api.ask("GET", base, self._own)
        except HttpError as error:
            seen.unknown[f"footholds in {name}"] = self._api.refusal(error)
            return seen
        data = mapping(answer)
        if answer.status != 200 or "owner" not in data:
            seen.unknown[f"footholds in {name}"] = self._api.refusal(answer)
            return seen
        whose = data["owner"]
        if isinstance(whose, dict) and whose.get("type") == "Organization":
            seen.organisation = text_of(whose, "login")
        self._read(base, name, _REPOSITORY, seen)
        return seen

    def organisation(self, name: str) -> Seen:
        """The lists of one organisation."""
        seen = Seen()
        self._read(f"/orgs/{quote(name, safe='')}", name, _ORGANISATION, seen)
        return seen

    def account(self, login: str, *, mine: bool) -> Seen:
        """The keys of one account: all of them where it is the responder's, else those that GitHub shows to all."""
        seen = Seen()
        public = f"/users/{quote(login, safe='')}"
        for path, what, why in _KEYS:
            one = _List(f"/{path}", what, why, _titled)
            if mine and self._all("/user", login, one, seen):
                continue
            if self._all(public, login, one, seen) and path == "keys":
                seen.unknown[f"{what}s of {login} that GitHub has not verified"] = (
                    "GitHub shows them to their owner alone (classic token: read:public_key)"
                )
        return seen

    def pushed(self, name: str, login: str, since: datetime, now: datetime) -> bool | None:
        """Whether *login* pushed to the repository *name* since then; None where that can't be learned."""
        age = (now - since) / timedelta(days=1)
        period = next((word for word, days in _PERIODS if age < days), None)
        if period is None:
            return None
        owner, _, short = name.partition("/")
        path = f"/repos/{quote(owner, safe='')}/{quote(short, safe='')}/activity"
        query = {"actor": login, "time_period": period, "per_page": str(PAGE)}
        try:
            answer = self._api.ask("GET", path, self._own, query=query)
        except HttpError:
            return None
        rows = answer.json()
        if answer.status != 200 or not isinstance(rows, list):
            return None
        times = [moment(row.get("timestamp")) for row in objects(rows)]
        # The newest come first: where none on this page is young enough, none is.
        return any(at is None or at >= since for at in times)

    def _read(self, base: str, place: str, lists: tuple[_List, ...], seen: Seen) -> None:
        for one in lists:
            self._all(base, place, one, seen)

    def _all(self, base: str, place: str, one: _List, seen: Seen) -> bool:
        """Read one list into *seen*; whether it could be read."""
        unread = f"{one.what}s of {place}"
        try:
            rows = [row for row in self._rows(base + one.path, one) if one.counts(row)]
        except _UnreadError as error:
            seen.unknown[unread] = str(error)
            return False
        seen.unknown.pop(unread, None)
        probe = f"GET {base}{one.path} at {self._api.server.host}"
        seen.evidence.append(
            Evidence(probe, f"200, {count(len(rows), one.what)}", self._vendor.now())
        )
        if one.timed:
            seen.made += [self._made(row, place, one) for row in rows]
        elif rows:
            named: list[Json] = [{"id": self._shown(one.name(r)), "place": place} for r in rows]
            seen.untimed.setdefault(f"{one.what}s", []).extend(named[:MOST])
            seen.unknown[f"since when there are the {unread}"] = (
                "GitHub's list has no times; where it can be read, the organisation's audit log tells"
            )
        return True

    def _made(self, row: Row, place: str, one: _List) -> Made:
        return Made(
            one.what,
            self._shown(one.name(row)),
            place,
            text_of(row, "created_at"),
            one.by(row),
            one.why,
            text_of(row, "updated_at") if one.changes else None,
        )

    def _rows(self, path: str, one: _List) -> Iterator[Row]:
        for page in range(1, PAGES + 1):
            query = {**one.query, "per_page": str(PAGE), "page": str(page)}
            try:
                answer = self._api.ask("GET", path, self._own, query=query)
            except HttpError as error:
                raise _UnreadError(self._api.refusal(error)) from None
            data = answer.json()
            rows = data.get(one.within) if one.within and isinstance(data, dict) else data
            if answer.status != 200 or not isinstance(rows, list):
                raise _UnreadError(self._api.refusal(answer))
            yield from objects(rows)
            if len(rows) < PAGE:
                return
        raise _UnreadError(f"it lists more than {PAGE * PAGES}")

    def _shown(self, text: str) -> str:
        return self._vendor.redact(text)[:200]


class _UnreadError(Exception):
    """A list that could not be had, in one sentence."""


def moment(value: object) -> datetime | None:
    """A time of GitHub's; None where there is none, or it can't be read."""
    try:
        at = parse(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
