"""What somebody may have left at GitHub with a leaked token: a first look, before anything new is issued.

Where an organisation's audit log can be read, it tells what was made with this very token. Where it can't (it is
there on GitHub Enterprise Cloud alone, for owners), whatever is younger than the leak is a sign, unless GitHub names
another as its maker: a token acts as its owner. The lists are read once for all tokens that leaked together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from remediate.clock import parse, rfc3339
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.github import audit, responder
from remediate_providers.github.footholds import WORKFLOW, Lists, Made, Seen, moment
from remediate_providers.github.host_talk import repository
from remediate_providers.github.server import Api
from remediate_providers.github.tokens import PART, REFRESH
from remediate_providers.rest import text_of, texts_of

MOST_PLACES = 10
"""Repositories, organisations and accounts that are looked at, of each."""
MOST_SEARCHED = 50
"""Tokens whose events are searched: an audit log takes 1,750 queries an hour."""
MOST_TOLD = 50
LAG = timedelta(hours=1)
"""For how long an event may be missing from the audit log. Nobody promises a time; this is ours."""

#: What is listed to the actions by which it comes. A workflow comes by a push, which no search by token shows.
_COMES_BY = {
    "deploy key": {"public_key.create", "deploy_key.create"},
    "webhook": {"hook.create"},
    "organisation webhook": {"hook.create"},
    "invitation": {"repository_invitation.create", "repo.add_member", "org.invite_member"},
    "GitHub App": {"integration_installation.create"},
}


@dataclass
class _Token:
    """One leaked token, and what was learned of it while it lived."""

    held: Held
    value: Secret | None
    owner: str | None
    organisations: list[str]
    logs: dict[str, audit.Log] = field(default_factory=dict)
    """Organisation to what its audit log has of it."""
    left: set[tuple[str, str]] = field(default_factory=set)
    """(organisation, action) of what it did there that is a sign."""
    signs: list[Json] = field(default_factory=list)
    others: list[Json] = field(default_factory=list)
    """What is younger than the leak and no sign, with why not."""
    unknown: dict[str, str] = field(default_factory=dict)


def triage(batch: Sequence[Held], since: str | None, vendor: VendorContext) -> dict[str, Facts]:
    """Credential id to what `remediate.plugins.provider.Triages.triage` tells."""
    leaked = set().union(*(held.values.values() for held in batch))
    with Api(vendor) as api:
        usable = [t for t in responder.tokens(vendor, api.server) if t not in leaked]
        if not usable:
            why = (
                f"no evidence to be had: they are looked for with a token of yours: {responder.HOW}"
            )
            return {held.id: Facts({"footholds": []}, {"footholds": why}) for held in batch}
        return _Triage(api, usable[0], since, vendor, batch).facts()


class _Triage:
    """One first look, for all tokens that leaked together."""

    def __init__(
        self,
        api: Api,
        own: Secret,
        since: str | None,
        vendor: VendorContext,
        batch: Sequence[Held],
    ) -> None:
        self._api = api
        self._own = own
        self._vendor = vendor
        self._since = moment(since)
        self._now = parse(vendor.now())
        self._lists = Lists(api, own, vendor)
        self._unknown: dict[str, str] = {}
        """What is not known of the places, whichever token it is about."""
        self._unreadable: dict[str, audit.Log] = {}
        """Organisation to the answer that gave nothing of its log: the next token would get the same."""
        self._pushed: dict[tuple[str, str], bool | None] = {}
        self._tokens = [_of(held, vendor.about(held.id, batch).known) for held in batch]
        self._repositories = self._capped("repositories", self._named(vendor, batch))

    def facts(self) -> dict[str, Facts]:
        repositories = {name: self._lists.repository(name) for name in self._repositories}
        theirs = [s.organisation for s in repositories.values() if s.organisation is not None]
        learned = [name for one in self._tokens for name in one.organisations]
        names = self._capped("organisations", [*theirs, *learned])
        organisations = {name: self._lists.organisation(name) for name in names}
        accounts = self._accounts()
        if self._since is None:
            self._unknown["since when"] = (
                "when it leaked is not known: nothing listed can be called new"
            )
        for number, one in enumerate(self._tokens):
            self._search(one, names, number)
            for seen in repositories.values():
                self._judge(one, seen.made, seen.organisation)
            for name, seen in organisations.items():
                self._judge(one, seen.made, name)
            if one.owner in accounts:
                self._judge(one, accounts[one.owner].made, None)
        places = [*repositories.values(), *organisations.values()]
        return {
            one.held.id: self._told(one, [*places, *_theirs(one, accounts)]) for one in self._tokens
        }

    # -- where to look -------------------------------------------------------------------------

    def _named(self, vendor: VendorContext, batch: Sequence[Held]) -> list[str]:
        """The repositories that it leaked in, and those that an installation token could reach."""
        found = [repository(url, self._api.server) for url in vendor.remotes()]
        names = ["/".join(pair) for pair in found if pair is not None]
        for held in batch:
            names += texts_of(vendor.about(held.id, batch).known, "repositories")
        if not names:
            self._unknown["footholds in repositories"] = (
                f"no remote of this clone is a repository at {self._api.server.host}"
            )
        return names

    def _accounts(self) -> dict[str | None, Seen]:
        """The keys of each account whose token leaked."""
        owners = [one.owner for one in self._tokens if one.owner is not None]
        names = self._capped("accounts", owners)
        me = self._lists.login() if names else None
        return {name: self._lists.account(name, mine=name == me) for name in names}

    def _capped(self, what: str, names: Iterable[str]) -> list[str]:
        every = list(dict.fromkeys(names))
        if len(every) > MOST_PLACES:
            self._unknown[f"footholds in other {what}"] = (
                f"only {MOST_PLACES} of {len(every)} {what} are looked at"
            )
        return every[:MOST_PLACES]

    # -- what was done with it -----------------------------------------------------------------

    def _search(self, one: _Token, names: Sequence[str], number: int) -> None:
        """What organisations' audit logs have of the token itself."""
        if one.held.credential.kind == REFRESH:
            one.unknown["what was made with it"] = (
                "an audit log knows the tokens that came of a refresh token, and not itself"
            )
            return
        if one.value is None:
            one.unknown["what was made with it"] = "its value is not at hand"
            return
        if number >= MOST_SEARCHED:
            one.unknown["what was made with it"] = (
                f"audit logs are searched for {MOST_SEARCHED} tokens of a leak"
            )
            return
        since = None if self._since is None else rfc3339(self._since)
        if self._since is not None and self._since < self._now - audit.RETENTION:
            one.unknown["what was made with it at first"] = (
                "GitHub keeps 180 days of an audit log; of before there is no evidence kept"
            )
        for name in names:
            log = self._unreadable.get(name) or audit.done_with(
                self._api, name, one.value, self._own, since, self._vendor
            )
            one.logs[name] = log
            if log.why and not log.rows:
                self._unreadable[name] = log
            if log.why:
                one.unknown[f"what was made with it in {name}"] = log.why
            self._note(one, name, log)

    def _note(self, one: _Token, name: str, log: audit.Log) -> None:
        """Its events that leave something: signs, but where it always made such from the same address."""
        made = [row for row in log.rows if self._left_something(row)]
        if not made or one.value is None:
            return
        usual: set[str] = set()
        if self._since is not None:
            usual, why = audit.addresses_before(
                self._api, name, one.value, self._own, rfc3339(self._since), self._vendor
            )
            if why:
                one.unknown[f"from where it was used before in {name}"] = why
        for row in made:
            action = str(row["action"])
            where = audit.place(row, self._vendor) or name
            event: dict[str, Json] = {"what": action, "id": where, "at": audit.moment(row)}
            whom = text_of(row, "user") or text_of(row, "name")
            if whom:
                event["id"] = f"{self._vendor.redact(whom)[:100]} in {where}"
            came = audit.address(row, self._vendor)
            if came is not None and came in usual:
                why = f"made with the leaked token, from {came} as before the leak: {audit.FOOTHOLDS[action]}"
                one.others.append({**event, "why": why})
                continue
            one.left.add((name, action))
            from_ = f", from {came}" if came else ""
            one.signs.append(
                {**event, "why": f"made with the leaked token{from_}: {audit.FOOTHOLDS[action]}"}
            )

    def _left_something(self, row: Mapping[str, Any]) -> bool:
        if row.get("action") not in audit.FOOTHOLDS:
            return False
        at = moment(audit.moment(row))
        return self._since is None or at is None or at >= self._since

    # -- what is there -------------------------------------------------------------------------

    def _judge(self, one: _Token, made: Sequence[Made], organisation: str | None) -> None:
        """Which of *made*, that *organisation* has, may have been made with the token."""
        for thing in made:
            at = moment(thing.at)
            if self._since is None:
                continue
            if at is None:
                one.unknown[f"when {thing.what} {thing.id} of {thing.place} was made"] = (
                    "GitHub's list has no time"
                )
                continue
            told: dict[str, Json] = {
                "what": thing.what,
                "id": f"{thing.id} in {thing.place}",
                "at": rfc3339(at),
            }
            changed = moment(thing.changed)
            if at >= self._since:
                why_not = self._another(one, thing, at, organisation)
                if why_not:
                    one.others.append({**told, "why": why_not})
                else:
                    one.signs.append({**told, "why": f"it is younger than the leak: {thing.why}"})
            elif changed is not None and changed >= self._since:
                why = f"it is older than the leak and was changed since: {thing.why}"
                one.others.append({**told, "at": rfc3339(changed), "why": why})

    def _another(self, one: _Token, thing: Made, at: datetime, organisation: str | None) -> str:
        """Why *thing* was not made with the token; empty where it may have been."""
        if thing.by is not None and one.owner is not None and thing.by != one.owner:
            return f"{thing.by} made it, and the leaked token acts as {one.owner}"
        if thing.what == WORKFLOW:
            return self._unpushed(one, thing)
        log = one.logs.get(organisation or "")
        if (
            log is not None
            and not log.why
            and self._now - audit.RETENTION < at < self._now - LAG
            and one.left.isdisjoint((organisation, action) for action in _COMES_BY[thing.what])
        ):
            return f"the audit log of {organisation} has nothing of it made with the leaked token"
        return ""

    def _unpushed(self, one: _Token, thing: Made) -> str:
        """A workflow comes by a push, which no search by token shows: its owner must have made one."""
        if one.owner is None or self._since is None:
            return ""
        key = (thing.place, one.owner)
        if key not in self._pushed:
            self._pushed[key] = self._lists.pushed(*key, self._since, self._now)
        return f"{one.owner} pushed nothing there since" if self._pushed[key] is False else ""

    def _told(self, one: _Token, places: Sequence[Seen]) -> Facts:
        known: dict[str, Json] = {"footholds": one.signs}
        unknown = dict(self._unknown)
        evidence: list[Evidence] = []
        for seen in places:
            for name, rows in seen.untimed.items():
                listed = known.setdefault(name.replace(" ", "_").replace("-", "_"), [])
                assert isinstance(listed, list)
                listed += rows
            unknown |= seen.unknown
            evidence += seen.evidence
        if one.others:
            known["new_and_no_sign"] = one.others[:MOST_TOLD]
        if one.owner is None:
            unknown["keys of its owner"] = "whose it is was not learned while it lived"
        unknown["personal_log"] = (
            "an account's own security log has no API; its owner reads it at "
            f"{self._api.server.web}/settings/security-log"
        )
        evidence += [seen for log in one.logs.values() for seen in log.evidence]
        return Facts(known, unknown | one.unknown, tuple(evidence))


def _theirs(one: _Token, accounts: Mapping[str | None, Seen]) -> list[Seen]:
    return [accounts[one.owner]] if one.owner in accounts else []


def _of(held: Held, known: Mapping[str, Json]) -> _Token:
    return _Token(
        held, held.values.get(PART), text_of(known, "owner"), texts_of(known, "organisations")
    )
