"""What was done with a token while it was out: organisations' audit logs, searched by its hash.

``GET /orgs/{org}/audit-log`` is for owners of organisations on GitHub Enterprise Cloud (``read:audit_log``).
It keeps 180 days, and a search by token leaves out Git events, which it keeps for 7. A person's own security
log has no API at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit

from remediate.clock import parse, rfc3339
from remediate.http import Answer, HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.github import responder
from remediate_providers.github.server import Api
from remediate_providers.github.tokens import PART, hashed

RETENTION = timedelta(days=180)
PAGES = 20
"""Pages of 100 events that are read of one organisation at most."""
ORGANISATIONS = 10
MOST = 200
"""Events without suspicion that are kept."""

NEW_ADDRESS = "from an address never seen with it before the leak"

#: The beginning of an action, and why a thief would do it.
_SUSPICIOUS: Mapping[str, str] = {
    "deploy_key.": "a key that outlives the token",
    "public_key.": "a key that outlives the token",
    "personal_access_token.": "another token",
    "oauth_authorization.": "another token",
    "hook.": "copies of what happens go elsewhere",
    "integration_installation.": "an app was let in",
    "org.add_member": "somebody was let in",
    "org.invite_member": "somebody was let in",
    "org.add_outside_collaborator": "somebody was let in",
    "repo.add_member": "somebody was let in",
    "team.add_": "somebody was given more rights",
    "org.update_member": "somebody was given more rights",
    "protected_branch.": "a protection was changed",
    "repository_ruleset.": "a protection was changed",
    "repository_secret_scanning": "a protection was changed",
    "secret_scanning": "a protection was changed",
    "repo.access": "a repository changed who may see it",
    "repo.download_zip": "code was taken away",
    "repo.transfer": "a repository was taken away",
    "repo.destroy": "a repository was deleted",
    "workflows.": "a workflow ran or was changed",
    "repo.actions_secret": "a workflow's secret was changed",
    "environment.": "an environment was changed",
    "migration.": "code was taken away",
}


def investigate(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """Events of every organisation that we may read, oldest first, and what can't be known."""
    token = held.values.get(PART)
    with Api(vendor) as api:
        web = api.server.web
        unknown = {
            "personal_log": f"an account's own security log has no API; its owner reads it at "
            f"{web}/settings/security-log",
            "git_events": "a search by token leaves out clones and pushes; an owner exports them from the "
            "organisation's audit log within 7 days",
        }
        reason = ""
        names = vendor.known.get("organisations")
        own = responder.token(vendor, api.server)
        if token is None:
            reason = "the token's value is not at hand"
        elif not isinstance(names, list | tuple):
            reason = "which organisations it could reach was not learned while it lived"
        elif not names:
            reason = "its owner belongs to no organisation, and only those have a log with an API"
        elif own is None:
            reason = f"an audit log is read with a token of yours: {responder.HOW}"
        if reason or token is None or own is None or not isinstance(names, list | tuple):
            return Facts(unknown={"events": reason, **unknown})
        if since is not None and _age(since, vendor) > RETENTION:
            unknown["before"] = (
                "GitHub keeps 180 days of an audit log; of before there is no evidence kept"
            )
        events: list[dict[str, Json]] = []
        evidence: list[Evidence] = []
        read = 0
        for name in [str(one) for one in names][:ORGANISATIONS]:
            found, why, seen = _organisation(api, name, token, own, since, vendor)
            evidence += seen
            events += found
            read += not why
            if why:
                unknown[f"events of {name}"] = why
        if events:
            asked = [str(one) for one in names][:ORGANISATIONS]
            _mark_addresses(api, asked, token, own, since, vendor, events, unknown)
        for name in [str(one) for one in names][ORGANISATIONS:]:
            unknown[f"events of {name}"] = f"only {ORGANISATIONS} organisations are asked"
    if not read and not events:
        unknown["events"] = "no organisation's audit log could be read"
        return Facts(unknown=unknown, evidence=tuple(evidence))
    return Facts({"events": _fit(events), "total": len(events)}, unknown, tuple(evidence))


def _fit(events: Sequence[dict[str, Json]]) -> list[Json]:
    """What goes into the record, oldest first: everything suspicious, and the newest of the rest."""
    ordered = sorted(events, key=lambda event: str(event["at"]))
    others = [event for event in ordered if not event["suspicious"]][-MOST:]
    return [event for event in ordered if event["suspicious"] or event in others]


def _organisation(
    api: Api, name: str, token: Secret, own: Secret, since: str | None, vendor: VendorContext
) -> tuple[list[dict[str, Json]], str, list[Evidence]]:
    """Events, the reason why they are not all, and what was seen."""
    phrase = f'hashed_token:"{hashed(token)}"'
    if since is not None:
        phrase += f" created:>={since[:10]}"
    query = {"phrase": phrase, "include": "all", "per_page": "100", "order": "asc"}
    path = f"/orgs/{quote(name, safe='')}/audit-log"
    events: list[dict[str, Json]] = []
    evidence: list[Evidence] = []
    for _ in range(PAGES):
        try:
            answer = api.ask("GET", path, own, query=query)
        except HttpError as error:
            return events, api.refusal(error), evidence
        evidence = [Evidence(f"GET {path} at {api.server.host}", str(answer.status), vendor.now())]
        rows = answer.json()
        vendor.keep(f"GET {path}", answer.body)
        if answer.status != 200 or not isinstance(rows, list):
            return events, api.refusal(answer), evidence
        events += [_event(row, vendor) for row in rows if isinstance(row, dict)]
        after = _next(answer)
        if after is None:
            return events, "", evidence
        query = {**query, "after": after}
    return events, f"there are more than {PAGES * 100}", evidence


def _mark_addresses(
    api: Api,
    names: Sequence[str],
    token: Secret,
    own: Secret,
    since: str | None,
    vendor: VendorContext,
    events: Sequence[dict[str, Json]],
    unknown: dict[str, str],
) -> None:
    """Mark what came from an address that the token was never used from before the leak.

    Of before, the newest hundred events of each organisation are read.
    """
    known: set[Json] = set()
    for name in names if since is not None else ():
        phrase = f'hashed_token:"{hashed(token)}" created:<{since[:10] if since else ""}'
        query = {"phrase": phrase, "include": "all", "per_page": "100", "order": "desc"}
        path = f"/orgs/{quote(name, safe='')}/audit-log"
        try:
            answer = api.ask("GET", path, own, query=query)
        except HttpError as error:
            unknown["addresses"] = f"which were used before the leak: {api.refusal(error)}"
            return
        rows = answer.json()
        if answer.status != 200 or not isinstance(rows, list):
            unknown["addresses"] = f"which were used before the leak: {api.refusal(answer)}"
            return
        vendor.keep(f"GET {path} before the leak", answer.body)
        known |= {_event(row, vendor)["from"] for row in rows if isinstance(row, dict)} - {None}
    if not known:
        unknown["addresses"] = (
            "since when it was out is not known"
            if since is None
            else "no address is kept that it was used from before the leak"
        ) + ": none can be called new"
        return
    for event in events:
        if event["from"] is not None and event["from"] not in known:
            event["suspicious"] = True
            event["why"] = "; ".join(part for part in (str(event["why"]), NEW_ADDRESS) if part)


def _event(row: Mapping[str, object], vendor: VendorContext) -> dict[str, Json]:
    def text(*names: str) -> str | None:
        value = next((row[name] for name in names if row.get(name)), None)
        return None if value is None else vendor.redact(str(value))[:200]

    action = text("action") or "?"
    why = next((why for start, why in _SUSPICIOUS.items() if action.startswith(start)), None)
    place = text("repo", "org")
    return {
        "at": _moment(row.get("@timestamp", row.get("created_at"))),
        "what": f"{action} in {place}" if place else action,
        "who": text("actor"),
        "from": text("actor_ip", "actor_location"),
        "agent": text("user_agent"),
        "suspicious": why is not None,
        "why": why or "",
    }


def _moment(value: object) -> str | None:
    """A time of the audit log, milliseconds since 1970, as RFC 3339."""
    if not isinstance(value, int | float):
        return None
    try:
        return rfc3339(datetime.fromtimestamp(value / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _next(answer: Answer) -> str | None:
    """The cursor of the next page. Nothing else of the address in ``Link`` is believed."""
    for part in answer.headers.get("Link", "").split(","):
        address, _, rest = part.partition(";")
        if 'rel="next"' in rest:
            try:
                query = parse_qs(urlsplit(address.strip(" <>")).query)
            except ValueError:
                return None
            return next(iter(query.get("after", [])), None)
    return None


def _age(since: str, vendor: VendorContext) -> timedelta:
    try:
        return parse(vendor.now()) - parse(since)
    except (ValueError, TypeError):
        return timedelta(0)
