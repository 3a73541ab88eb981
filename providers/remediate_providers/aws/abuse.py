"""Footholds and abuse: what was done with a key while it was out, and what of it is suspicious."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from remediate.clock import parse, rfc3339
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import Held
from remediate.wording import count
from remediate_providers.aws import iam
from remediate_providers.aws.check import CANARY
from remediate_providers.aws.facts import Notes
from remediate_providers.aws.failures import AwsError
from remediate_providers.aws.session import Aws
from remediate_providers.aws.trail import (
    LOOKUP,
    RETENTION,
    Event,
    Trail,
    counted,
    history,
    names_in,
)

LAG = timedelta(minutes=15)
"""CloudTrail delivers an event within about this time
(https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html)."""
MOST_EVENTS = 500
"""Events that are written into the record; the suspicious ones always, then the newest."""

MOST_SESSIONS = 10
"""Sessions of a key that are followed: each is one more call in each Region, at CloudTrail's pace."""
SESSION = "ASIA"

#: What a thief does to come back: call to why.
FOOTHOLDS = {
    "CreateAccessKey": "a key to come back with",
    "CreateUser": "a user to come back as",
    "CreateLoginProfile": "a password for the console",
    "UpdateLoginProfile": "a new password for the console",
    "AttachUserPolicy": "more rights for a user",
    "PutUserPolicy": "more rights for a user",
    "AttachGroupPolicy": "more rights for a group",
    "PutGroupPolicy": "more rights for a group",
    "AddUserToGroup": "more rights for a user",
    "AttachRolePolicy": "more rights for a role",
    "PutRolePolicy": "more rights for a role",
    "CreatePolicyVersion": "changed rights",
    "SetDefaultPolicyVersion": "changed rights",
    "CreateRole": "a role to come back through",
    "UpdateAssumeRolePolicy": "a role opened to others",
    "CreateSAMLProvider": "a way to sign in from outside",
    "CreateOpenIDConnectProvider": "a way to sign in from outside",
    "CreateServiceSpecificCredential": "a credential for a single service",
    "UploadSSHPublicKey": "a key for CodeCommit",
    "DeactivateMFADevice": "a second factor taken away",
    "UpdateFunctionCode20150331v2": "code that runs with another's rights",
    "CreateFunction20150331": "code that runs with another's rights",
    "CreateEventSourceMapping20150331": "code that runs by itself",
    "SendCommand": "a command on a machine",
}
#: What else is worth a look: taking over, hiding, spending, stealing in bulk.
SUSPICIOUS = {
    # Not footholds: `revoke` denies these two.
    "GetFederationToken": "a session that outlives the key",
    "GetSessionToken": "a session that outlives the key",
    "AssumeRole": "the rights of a role, for some hours",
    "StopLogging": "the trail switched off",
    "DeleteTrail": "the trail deleted",
    "PutEventSelectors": "the trail narrowed",
    "DeleteFlowLogs": "traces removed",
    "DeleteDetector": "GuardDuty switched off",
    "RunInstances": "machines at your cost",
    "RequestSpotInstances": "machines at your cost",
    "CreateCluster": "machines at your cost",
    "InvokeModel": "model calls at your cost",
    "InvokeModelWithResponseStream": "model calls at your cost",
    "SendEmail": "mail in your name",
    "SendRawEmail": "mail in your name",
    "VerifyEmailIdentity": "mail in your name, prepared",
    "GetSecretValue": "a secret read",
    "BatchGetSecretValue": "secrets read",
    "GetParametersByPath": "parameters read",
    "PutBucketPolicy": "a bucket opened",
    "PutBucketPublicAccessBlock": "a bucket opened",
    "ModifySnapshotAttribute": "a disk handed out",
    "ModifyDBSnapshotAttribute": "a database handed out",
    "CreateDBSnapshot": "a database copied",
    "ScheduleKeyDeletion": "data made unreadable",
    "LeaveOrganization": "the account taken out of its organisation",
}
_NEVER_ROUTINE = {"CreateLoginProfile", "UpdateLoginProfile", "StopLogging", "DeleteTrail"}
#: What remediate itself does with a leaked key.
_OWN = {"GetCallerIdentity", "UpdateAccessKey"}


class Judge:
    """Tells what is suspicious, knowing from where the key was used before it leaked."""

    def __init__(self, events: Sequence[Event], since: str | None) -> None:
        self.since = _moment(since)
        before = [] if self.since is None else [e for e in events if not self.exposed(e)]
        self.seen_before = frozenset(e.address for e in before if e.address)

    def exposed(self, event: Event) -> bool:
        """Whether *event* came after the leak (as all do, where its time is not known)."""
        at = _moment(event.at)
        return self.since is None or at is None or at >= self.since

    def reasons(self, event: Event) -> list[str]:
        """Why *event* is suspicious; empty where it is not."""
        if not self.exposed(event) or _ours(event):
            return []
        # A deployment key makes roles all day: from where it always did, that is its work.
        stranger = event.address not in self.seen_before
        found = []
        why = FOOTHOLDS.get(event.name) or SUSPICIOUS.get(event.name)
        if why and (stranger or event.name in _NEVER_ROUTINE):
            found.append(why)
        if self.seen_before and stranger:
            found.append("from an address not seen before the leak")
        if found and event.error:
            found.append(f"tried in vain ({event.error})")
        return found


def triage(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """What was made with the key since the leak that lets a thief back in.

    A new key of the same user counts too where CloudTrail can't tell who made it: too new for it, or
    not to be read. Other new users and roles are told, and are no sign by themselves.
    """
    notes = Notes(vendor)
    if held.credential.labels.get("canary"):
        notes.known["footholds"] = []
        notes.unknown["footholds"] = CANARY
        return notes.facts()
    aws = Aws.responder(vendor)
    key_id = held.credential.public_id or ""
    trail = _followed(aws, history(aws, key_id, vendor), since, vendor)
    judge = Judge(trail.events, since)
    footholds: list[Json] = [
        {
            "what": event.what,
            "id": names_in(event),
            "at": event.at,
            "why": f"made with {_made_with(event)}: {'; '.join(judge.reasons(event))}",
        }
        for event in trail.events
        if event.name in FOOTHOLDS and not event.error and judge.reasons(event)
    ]
    saw(trail, key_id, notes)
    footholds += _new_at_the_user(aws, key_id, judge.since, trail, notes)
    notes.known["footholds"] = footholds
    if judge.since is not None:
        _new_elsewhere(aws, judge.since, notes)
    return notes.facts()


def investigate(held: Held, since: str | None, vendor: VendorContext) -> Facts:
    """Every call signed with the key, as far back as CloudTrail keeps them."""
    notes = Notes(vendor)
    if held.credential.labels.get("canary"):
        notes.unknown["events"] = CANARY
        return notes.facts()
    key_id = held.credential.public_id or ""
    aws = Aws.responder(vendor)
    trail = _followed(aws, history(aws, key_id, vendor), since, vendor)
    return evidence(trail, key_id, since, vendor, notes)


def _followed(aws: Aws, trail: Trail, since: str | None, vendor: VendorContext) -> Trail:
    """*trail*, and what the sessions did that were begun with the key since the leak, or with one of them.

    They sign with key ids of their own. Those begun from an address never seen before the leak come first.
    """
    judge = Judge(trail.events, since)
    events, unknown = list(trail.events), dict(trail.unknown)
    waiting, seen = _begun(events, judge), set[str]()
    while waiting and len(seen) < MOST_SESSIONS:
        session = waiting.pop(0)
        seen.add(session)
        more = history(aws, session, vendor, regions=trail.regions)
        events += more.events
        for name, why in more.unknown.items():
            unknown.setdefault(f"{name} (session {session})", why)
        waiting += [s for s in _begun(more.events, judge) if s not in seen and s not in waiting]
    if waiting:
        unknown["what other sessions did that were begun with it"] = (
            f"{len(seen)} were followed; not read: {', '.join(waiting[:20])}"
            + (f" and {len(waiting) - 20} more" if len(waiting) > 20 else "")
        )
    events.sort(key=lambda event: event.at, reverse=True)
    return Trail(tuple(events), trail.regions, unknown)


def _begun(events: Sequence[Event], judge: Judge) -> list[str]:
    """The key ids of sessions that *events* began since the leak; from strangers first, then the newest."""
    begun = [event for event in events if event.began and judge.exposed(event)]
    begun.sort(key=lambda event: event.address in judge.seen_before)
    return list(dict.fromkeys(event.began for event in begun))


def _made_with(event: Event) -> str:
    if event.key_id.startswith(SESSION):
        return f"a session of the leaked key ({event.key_id})"
    return "the leaked key"


def evidence(
    trail: Trail, whose: str, since: str | None, vendor: VendorContext, notes: Notes
) -> Facts:
    """The events of *trail* as the record has them, judged, and what it can't hold."""
    judge = Judge(trail.events, since)
    exposed = [(event, judge.reasons(event)) for event in trail.events if judge.exposed(event)]
    shown = sorted(exposed, key=lambda pair: not pair[1])[:MOST_EVENTS]
    rows: list[Json] = [
        {
            "at": event.at,
            "what": event.what,
            "who": _who(event),
            "from": event.address,
            "region": event.region,
            "error": event.error,
            "suspicious": bool(why),
            "why": "; ".join(why),
            "names": names_in(event),
            "ours": _ours(event),
        }
        for event, why in sorted(shown, key=lambda pair: pair[0].at)
    ]
    saw(trail, whose, notes)
    if not trail.readable:
        notes.unknown["events"] = "CloudTrail could not be read in any Region: no evidence"
        return notes.facts()
    notes.known |= {
        "events": rows,
        "counts": counted([event for event, _ in exposed]),
        "total": len(exposed),
        "suspicious": sum(bool(why) for _, why in exposed),
        "addresses": sorted({e.address for e, _ in exposed if e.address}),
        "regions": list(trail.regions),
    }
    _gaps(len(exposed), judge.since, vendor, notes)
    return notes.facts()


def _gaps(total: int, since: datetime | None, vendor: VendorContext, notes: Notes) -> None:
    """What CloudTrail's event history does not hold: no evidence is not 'no abuse'."""
    now = parse(vendor.now())
    oldest = now - RETENTION
    if since is None or since < oldest:
        when = "when the leak began is not known, and " if since is None else ""
        notes.unknown["events more than 90 days back"] = (
            f"no evidence kept: {when}CloudTrail's event history goes back to {rfc3339(oldest)}"
        )
    notes.unknown["events of the last 15 minutes"] = (
        f"may not be there yet: CloudTrail takes about so long (looked at {rfc3339(now)})"
    )
    notes.unknown["reads of data (S3 objects, DynamoDB items, function calls)"] = (
        "no evidence kept: the event history holds management events alone; a trail of yours that logs "
        "data events may have them"
    )
    if total > MOST_EVENTS:
        notes.unknown["events left out here"] = (
            f"{total - MOST_EVENTS} of {total}; the rest is in CloudTrail"
        )


def _new_at_the_user(
    aws: Aws, key_id: str, since: datetime | None, trail: Trail, notes: Notes
) -> list[Json]:
    """Keys and a password of the leaked key's user that CloudTrail can't tell the maker of."""
    if since is None:
        return []
    blind = since if not trail.readable else max(since, aws.time() - LAG)
    found: list[Json] = []
    try:
        user = iam.last_use(aws, key_id).user
        why = f"made for user {user} since the leak; CloudTrail can't tell by whom"
        found += [
            {"what": "access key", "id": key.id, "at": key.created, "why": why}
            for key in iam.keys_of(aws, user)
            if key.id != key_id and key.created and parse(key.created) >= blind
        ]
    except AwsError as error:
        notes.unknown["new keys of the user"] = error.reason
    return found


def _new_elsewhere(aws: Aws, since: datetime, notes: Notes) -> None:
    """Users and roles that came up since the leak, by whomever."""
    for name, operation, field in (
        ("users", "ListUsers", "Users"),
        ("roles", "ListRoles", "Roles"),
    ):
        singular, rows = field[:-1], list[Mapping[str, Any]]()
        try:
            rows.extend(iam.pages(aws, operation, field, MaxItems=1000))
        except AwsError as error:
            notes.unknown[f"new {name}"] = error.reason
            if not rows:
                continue
        made = [(str(r.get(f"{singular}Name")), iam.moment(r.get("CreateDate"))) for r in rows]
        new: list[Json] = [
            {"name": who, "created": at} for who, at in made if at and parse(at) >= since
        ]
        notes.known[f"new_{name}"] = new


def saw(trail: Trail, whose: str, notes: Notes) -> None:
    """Note what CloudTrail was asked, and what it could not tell."""
    if trail.readable:
        notes.saw(
            LOOKUP,
            f"{count(len(trail.events), 'event')} of {whose} in {count(len(trail.regions), 'Region')}, last 90 days",
        )
    notes.unknown.update(trail.unknown)


def _who(event: Event) -> str:
    session = f" (session {event.key_id})" if event.key_id.startswith(SESSION) else ""
    return f"{event.who}{session}" + (", by remediate itself" if _ours(event) else "")


def _ours(event: Event) -> bool:
    return event.name in _OWN and "remediate/" in event.agent


def _moment(text: str | None) -> datetime | None:
    try:
        return parse(text) if text else None
    except ValueError:
        return None
