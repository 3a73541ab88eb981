"""An organisation's audit log, read by a token's hash.

``GET /orgs/{org}/audit-log`` is for owners of organisations on GitHub Enterprise Cloud (``read:audit_log``).
It keeps 180 days, and a search by token leaves out Git events, which it keeps for 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from remediate.clock import rfc3339
from remediate.http import Answer, HttpError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence
from remediate.secret import Secret
from remediate_providers.github.server import Api
from remediate_providers.github.tokens import hashed
from remediate_providers.rest import objects, text_of

RETENTION = timedelta(days=180)
PAGES = 20
"""Pages of 100 events that are read of one organisation at most."""

#: What a thief does to come back: an action of the audit log to why
#: (https://docs.github.com/organizations/keeping-your-organization-secure/managing-security-settings-for-your-organization/audit-log-events-for-your-organization).
FOOTHOLDS = {
    "deploy_key.create": "a key that outlives the token",
    "public_key.create": "a key that outlives the token",
    "git_signing_ssh_public_key.create": "a key to sign with in its owner's name",
    "hook.create": "what happens is sent elsewhere",
    "hook.config_changed": "what happens is sent elsewhere",
    "hook.events_changed": "more of what happens is sent elsewhere",
    "personal_access_token.create": "another token",
    "personal_access_token.credential_regenerated": "another token",
    "personal_access_token.access_granted": "another token was let in",
    "personal_access_token.request_created": "another token asks to be let in",
    "oauth_authorization.create": "an app was let in",
    "oauth_access.create": "another token",
    "oauth_access.regenerate": "another token",
    "oauth_application.create": "an app to come back with",
    "oauth_application.generate_client_secret": "an app's secret to come back with",
    "integration.create": "an app to come back with",
    "integration.manager_added": "somebody was given an app",
    "integration_installation.create": "an app was let in",
    "integration_installation.repositories_added": "an app was given more repositories",
    "org.add_member": "somebody was let in",
    "org.invite_member": "somebody was invited",
    "org.add_outside_collaborator": "somebody was let in",
    "org.update_member": "somebody was given other rights",
    "repo.add_member": "somebody was let in",
    "repo.update_member": "somebody was given other rights",
    "repository_invitation.create": "somebody was invited",
    "team.add_member": "somebody was given more rights",
    "team.add_repository": "a team was given more rights",
    "team.update_repository_permission": "a team was given other rights",
    "repo.register_self_hosted_runner": "jobs and their secrets are handed to it",
    "org.register_self_hosted_runner": "jobs and their secrets are handed to it",
    "protected_branch.destroy": "a protection was taken away",
    "repository_ruleset.destroy": "a protection was taken away",
    "repository_ruleset.update": "a protection was changed",
    "environment.remove_protection_rule": "a protection was taken away",
    "org.disable_two_factor_requirement": "a protection was taken away",
    "ip_allow_list.disable": "a protection was taken away",
    "ip_allow_list_entry.create": "another address was let in",
}


@dataclass
class Log:
    """What was read of one."""

    rows: list[Mapping[str, Any]] = field(default_factory=list)
    """In the order that was asked for."""
    why: str = ""
    """Why that is not all; empty where it is."""
    evidence: list[Evidence] = field(default_factory=list)


def done_with(
    api: Api, name: str, token: Secret, own: Secret, since: str | None, vendor: VendorContext
) -> Log:
    """What was done with *token* in the organisation *name* since that day, the oldest first."""
    phrase = f'hashed_token:"{hashed(token)}"'
    if since is not None:
        phrase += f" created:>={since[:10]}"
    query = {"phrase": phrase, "include": "all", "per_page": "100", "order": "asc"}
    path, log = _path(name), Log()
    for _ in range(PAGES):
        try:
            answer = api.ask("GET", path, own, query=query)
        except HttpError as error:
            log.why = api.refusal(error)
            return log
        log.evidence = [
            Evidence(f"GET {path} at {api.server.host}", str(answer.status), vendor.now())
        ]
        rows = answer.json()
        vendor.keep(f"GET {path}", answer.body)
        if answer.status != 200 or not isinstance(rows, list):
            log.why = api.refusal(answer)
            return log
        log.rows += objects(rows)
        after = _next(answer)
        if after is None:
            return log
        query = {**query, "after": after}
    log.why = f"there are more than {PAGES * 100}"
    return log


def addresses_before(
    api: Api, name: str, token: Secret, own: Secret, since: str, vendor: VendorContext
) -> tuple[set[str], str]:
    """From where it was used before that day, out of the newest hundred events; and why that is not known."""
    phrase = f'hashed_token:"{hashed(token)}" created:<{since[:10]}'
    query = {"phrase": phrase, "include": "all", "per_page": "100", "order": "desc"}
    path = _path(name)
    try:
        answer = api.ask("GET", path, own, query=query)
    except HttpError as error:
        return set(), api.refusal(error)
    rows = answer.json()
    if answer.status != 200 or not isinstance(rows, list):
        return set(), api.refusal(answer)
    vendor.keep(f"GET {path} before the leak", answer.body)
    found = {address(row, vendor) for row in objects(rows)}
    return {one for one in found if one is not None}, ""


def address(row: Mapping[str, Any], vendor: VendorContext) -> str | None:
    """From where an event came; None where the organisation keeps no addresses."""
    value = row.get("actor_ip") or row.get("actor_location")
    return None if value is None else vendor.redact(str(value))[:200]


def place(row: Mapping[str, Any], vendor: VendorContext) -> str | None:
    """What an event concerned: a repository, else the organisation."""
    value = text_of(row, "repo") or text_of(row, "org")
    return None if value is None else vendor.redact(value)[:200]


def moment(row: Mapping[str, Any]) -> str | None:
    """When an event was, RFC 3339; the log counts milliseconds since 1970."""
    value = row.get("@timestamp", row.get("created_at"))
    if not isinstance(value, int | float):
        return None
    try:
        return rfc3339(datetime.fromtimestamp(value / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _path(name: str) -> str:
    return f"/orgs/{quote(name, safe='')}/audit-log"


def _next(answer: Answer) -> str | None:
    """The cursor of the next page. Nothing else of the address in ``Link`` is believed."""
    for part in answer.headers.get("Link", "").split(","):
        link, _, rest = part.partition(";")
        if 'rel="next"' in rest:
            try:
                query = parse_qs(urlsplit(link.strip(" <>")).query)
            except ValueError:
                return None
            return next(iter(query.get("after", [])), None)
    return None
