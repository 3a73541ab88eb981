"""Around a service-specific credential: what its user has, what came up there since, and what was called with it.

CloudTrail's event history is asked by user. An event tells the credential only as ``credentialId``, which AWS
sets for bearer tokens (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/
cloudtrail-event-reference-user-identity.html); so every call of that user to that service counts which no
access key signed, and the user's other calls are counted and named.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from remediate.clock import parse
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts
from remediate_providers.aws import iam, keys, service_credentials
from remediate_providers.aws.abuse import FOOTHOLDS, Judge, evidence
from remediate_providers.aws.facts import Notes, inventory, password
from remediate_providers.aws.failures import AwsError
from remediate_providers.aws.service_credentials import BEDROCK, ServiceCredential
from remediate_providers.aws.service_ending import Ending
from remediate_providers.aws.trail import Event, Trail, history

_SOURCES = {
    BEDROCK: ("bedrock", "bedrock-runtime", "bedrock-mantle"),
    "codecommit.amazonaws.com": ("codecommit",),
    "cassandra.amazonaws.com": ("cassandra",),
}
"""Service to what CloudTrail calls it."""
_UNSEEN = {
    "codecommit.amazonaws.com": "what was read or pushed is in the repository and its reflog, not here",
    "cassandra.amazonaws.com": "no evidence kept: reads and writes of rows are data events",
}


def preserve(ending: Ending, vendor: VendorContext) -> Facts:
    """The user's keys, credentials, policies, groups and password, as they are before anything is done."""
    notes = Notes(vendor)
    found = _found(ending, notes, "user")
    if found is None:
        return notes.facts()
    inventory(found.user, ending.aws, notes)
    password(found.user, ending.aws, notes)
    rows = notes.ask(
        "service_credentials", lambda: service_credentials.of_user(ending.aws, found.user, None)
    )
    if rows is not None:
        notes.known["service_credentials"] = [
            {"id": one.id, "service": one.service, "status": one.status, "created": one.created}
            for one in rows
        ]
    notes.known |= {"credential": found.id, "alias": ending.held.credential.public_id}
    return notes.facts()


def triage(ending: Ending, since: str | None, vendor: VendorContext) -> Facts:
    """What the user made since the leak that lets somebody back in.

    Such a credential opens one service and makes no key: other keys that came up at the user are told,
    and are no sign by themselves.
    """
    notes = Notes(vendor)
    notes.known["footholds"] = []
    found = _found(ending, notes, "footholds")
    if found is None:
        return notes.facts()
    mine, others = _calls(ending, found, vendor)
    judge = Judge(others.events, since)
    made: list[Json] = [
        {
            "what": e.what,
            "id": e.key_id or e.credential,
            "at": e.at,
            "why": f"by the same user: {why}",
        }
        for e in (*mine.events, *others.events)
        if e.name in FOOTHOLDS and not e.error and (why := "; ".join(judge.reasons(e)))
    ]
    notes.unknown.update(mine.unknown)
    if not mine.readable:
        notes.unknown["footholds"] = "CloudTrail could not be read in any Region: no evidence"
    notes.known["footholds"] = made
    _new(ending, found, judge.since, notes)
    return notes.facts()


def investigate(ending: Ending, since: str | None, vendor: VendorContext) -> Facts:
    """Every call with it, as far back as CloudTrail keeps them and as far as it tells."""
    notes = Notes(vendor)
    found = _found(ending, notes, "events")
    if found is None:
        return notes.facts()
    mine, others = _calls(ending, found, vendor)
    subject = f"user {found.user} at {found.service}"
    facts = evidence(mine, subject, since, vendor, notes)
    known, unknown = dict(facts.known), dict(facts.unknown)
    if mine.readable:
        known["other_calls"] = len(others.events)
        unknown["which credential made a call"] = (
            "CloudTrail names it for some calls alone: those of this user to this service that no "
            f"access key signed are taken for its own; {len(others.events)} other calls of the user are not"
        )
    if found.service in _UNSEEN:
        unknown["what was read"] = _UNSEEN[found.service]
    return replace(facts, known=known, unknown=unknown)


def _found(ending: Ending, notes: Notes, topic: str) -> ServiceCredential | None:
    """The credential in the account's list; else *topic* is noted as not known."""
    check = ending.look()
    if ending.found is None:
        notes.unknown[topic] = check.reason or "the account's list has no such credential any more"
    return ending.found


def _calls(ending: Ending, found: ServiceCredential, vendor: VendorContext) -> tuple[Trail, Trail]:
    """The user's calls: those that this credential may have made, and all others."""
    trail = history(ending.aws, found.user, vendor, "Username")
    mine = tuple(event for event in trail.events if _may_be(event, found))
    others = tuple(event for event in trail.events if not _may_be(event, found))
    return replace(trail, events=mine), replace(trail, events=others)


def _may_be(event: Event, found: ServiceCredential) -> bool:
    if event.credential:
        return event.credential == found.id
    if event.service not in _SOURCES.get(found.service, ()):
        return False
    return event.bearer or keys.kind_of_id(event.key_id) not in (keys.KEY_ID, keys.TEMPORARY)


def _new(ending: Ending, found: ServiceCredential, since: datetime | None, notes: Notes) -> None:
    """Keys and credentials of the user that are younger than the leak, by whomever."""
    if since is None:
        return
    made: list[tuple[str, str, str]] = []
    try:
        made += [("access key", k.id, k.created) for k in iam.keys_of(ending.aws, found.user)]
        made += [
            ("service-specific credential", one.id, one.created)
            for one in service_credentials.of_user(ending.aws, found.user, None)
            if one.id != found.id
        ]
    except AwsError as error:
        notes.unknown["new keys of the user"] = error.reason
    notes.known["new_credentials"] = [
        {"what": what, "id": name, "created": at}
        for what, name, at in made
        if at and parse(at) >= since
    ]
