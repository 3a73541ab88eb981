"""What was done with a token while it was out: organisations' audit logs, searched by its hash.

A person's own security log has no API at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from remediate.clock import parse
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.github import audit, responder
from remediate_providers.github.server import Api
from remediate_providers.github.tokens import PART

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
        if since is not None and _age(since, vendor) > audit.RETENTION:
            unknown["before"] = (
                "GitHub keeps 180 days of an audit log; of before there is no evidence kept"
            )
        events: list[dict[str, Json]] = []
        evidence: list[Evidence] = []
        read = 0
        for name in [str(one) for one in names][:ORGANISATIONS]:
            log = audit.done_with(api, name, token, own, since, vendor)
            evidence += log.evidence
            events += [_event(row, vendor) for row in log.rows]
            read += not log.why
            if log.why:
                unknown[f"events of {name}"] = log.why
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
        found, why = audit.addresses_before(api, name, token, own, since or "", vendor)
        if why:
            unknown["addresses"] = f"which were used before the leak: {why}"
            return
        known |= found
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
    why = audit.FOOTHOLDS.get(action) or next(
        (why for start, why in _SUSPICIOUS.items() if action.startswith(start)), None
    )
    place = audit.place(row, vendor)
    return {
        "at": audit.moment(row),
        "what": f"{action} in {place}" if place else action,
        "who": text("actor"),
        "from": audit.address(row, vendor),
        "agent": text("user_agent"),
        "suspicious": why is not None,
        "why": why or "",
    }


def _age(since: str, vendor: VendorContext) -> timedelta:
    try:
        return parse(vendor.now()) - parse(since)
    except (ValueError, TypeError):
        return timedelta(0)
