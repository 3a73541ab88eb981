"""Footholds and abuse, out of CloudTrail."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remediate.clock import rfc3339
from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.surroundings import surroundings
from remediate_providers.aws import abuse, iam, trail
from remediate_providers.aws.local import RunningAws
from remediate_providers.aws.local_gate import REGIONS
from remediate_providers.aws.provider import AwsProvider
from tests.providers.aws.conftest import Leak, allow, hold

aws_provider = AwsProvider()
Context = Callable[..., VendorContext]
Responder = Callable[..., Mapping[str, str]]
HOUR_AGO = rfc3339(datetime.now(UTC) - timedelta(hours=1))


def by_thief(
    aws: RunningAws, held: Held, operation: str, service: str = "iam", **given: Any
) -> Any:
    """A call signed with the leaked key, from an address that is not ours; its answer."""
    import botocore.session
    from botocore.exceptions import ClientError

    core = botocore.session.Session()
    client = core.create_client(
        service,
        region_name="us-east-1",
        endpoint_url=aws.url,
        aws_access_key_id=held.values["id"].reveal_text(),
        aws_secret_access_key=held.values["secret"].reveal_text(),
        aws_session_token=held.values["token"].reveal_text() if "token" in held.values else None,
    )
    client.meta.events.register(
        "before-send.*",
        lambda request, **_: request.headers.__setitem__("X-Forwarded-For", "203.0.113.7"),
    )
    try:
        return getattr(client, operation)(**given)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied"
        return {}


def session_by_thief(aws: RunningAws, held: Held) -> Held:
    """A session begun with the leaked key, as its thief holds it."""
    made = by_thief(aws, held, "get_session_token", "sts")["Credentials"]
    names = {"id": "AccessKeyId", "secret": "SecretAccessKey", "token": "SessionToken"}
    return Held(held.credential, {part: Secret(made[name]) for part, name in names.items()})


def earlier(aws: RunningAws, held: Held, hours: float, address: str, name: str) -> None:
    """An event of the key's in the past."""
    who = aws.gate.keys.find(held.credential.public_id or "", None)
    assert who is not None
    aws.gate.history.add(
        service="iam",
        operation=name,
        region="us-east-1",
        identity=who.identity,
        address=address,
        agent="aws-cli",
        asked={},
        at=datetime.now(UTC) - timedelta(hours=hours),
    )


def test_nothing_done_is_no_foothold(leak: Leak, context: Context) -> None:
    facts = aws_provider.triage(leak.held, HOUR_AGO, context())
    assert facts.known["footholds"] == []
    assert any(e.probe == "cloudtrail:LookupEvents" for e in facts.evidence)
    assert "incident-responder" in str(facts.known["new_users"])


def test_what_a_thief_leaves_behind_is_a_foothold(aws: RunningAws, context: Context) -> None:
    held = hold(aws.user("careless-admin", allow("iam:*")))
    by_thief(aws, held, "create_user", UserName="support-admin")
    by_thief(aws, held, "create_access_key", UserName="support-admin")
    by_thief(aws, held, "list_users")
    facts = aws_provider.triage(held, HOUR_AGO, context())
    footholds = facts.known["footholds"]
    assert isinstance(footholds, list)
    assert [one["what"] for one in footholds] == ["iam:CreateAccessKey", "iam:CreateUser"]
    assert "support-admin" in str(footholds)
    assert "AKIA" in str(footholds), "the key that was made is named"
    assert "made with the leaked key" in str(footholds)
    events = aws_provider.investigate(held, HOUR_AGO, context()).known
    assert events["suspicious"] == 2
    assert events["addresses"] == ["203.0.113.7"]
    assert events["counts"] == {"iam:CreateAccessKey": 1, "iam:CreateUser": 1, "iam:ListUsers": 1}


def test_a_list_that_is_too_long_is_not_the_whole_of_it(
    aws: RunningAws, leak: Leak, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("long-list-1", "long-list-2"):
        aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    real = iam.pages

    def short(*what: Any, **given: Any) -> Any:
        return real(*what, **given | ({"MaxItems": 1} if "MaxItems" in given else {}))

    monkeypatch.setattr(iam, "MOST_PAGES", 1)
    monkeypatch.setattr(iam, "pages", short)
    facts = aws_provider.triage(leak.held, HOUR_AGO, context())
    assert len(facts.known["new_roles"]) == 1, "what was read is told"
    assert "iam:ListRoles was not read to its end" in facts.unknown["new roles"]


def test_what_a_session_did_under_its_own_key_id_is_followed(
    aws: RunningAws, context: Context
) -> None:
    held = hold(aws.user("careless-owner", allow("iam:*")))
    session = session_by_thief(aws, held)
    by_thief(aws, session, "create_user", UserName="quiet-admin")
    kept: dict[str, Any] = {}
    vendor = replace(context(), keep=kept.__setitem__)
    facts = aws_provider.triage(held, HOUR_AGO, vendor)
    (foothold,) = facts.known["footholds"]
    assert "quiet-admin" in foothold["id"]
    mine = session.values["id"].reveal_text()
    assert f"a session of the leaked key ({mine})" in foothold["why"]
    assert [name for name in kept if mine in name], "its raw answers are kept, too"
    found = aws_provider.investigate(held, HOUR_AGO, context())
    rows = {row["what"]: row for row in found.known["events"]}
    assert mine in rows["iam:CreateUser"]["who"]
    assert rows["iam:CreateUser"]["suspicious"]
    assert "sts:GetSessionToken" in rows
    assert session.values["token"].reveal_text() not in repr(found)
    later = rfc3339(datetime.now(UTC) + timedelta(hours=1))
    aws.gate.calls.clear()
    assert aws_provider.triage(held, later, context()).known["footholds"] == []
    assert aws.gate.calls.count("cloudtrail:LookupEvents") == len(REGIONS), "begun before the leak"


@pytest.mark.parametrize("fault", ["denied", "malformed"])
def test_a_session_that_can_not_be_read_is_not_one_that_did_nothing(
    aws: RunningAws, context: Context, fault: str
) -> None:
    held = hold(aws.user(f"careless-{fault}", allow("iam:*")))
    session = session_by_thief(aws, held)
    by_thief(aws, session, "create_user", UserName=f"hidden-{fault}")
    mine = session.values["id"].reveal_text()
    aws.gate.faults["cloudtrail:LookupEvents"] = [""] * len(REGIONS) + [fault] * 20
    try:
        facts = aws_provider.triage(held, HOUR_AGO, context())
    finally:
        aws.gate.faults.clear()
    assert facts.known["footholds"] == []
    for region in REGIONS:
        assert facts.unknown[f"events in {region} (session {mine})"]


def test_sessions_that_are_not_followed_are_named(
    aws: RunningAws, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abuse, "MOST_SESSIONS", 1)
    held = hold(aws.user("careless-many", allow("iam:*")))
    sessions = [session_by_thief(aws, held) for _ in range(3)]
    facts = aws_provider.investigate(held, HOUR_AGO, context())
    reason = facts.unknown["what other sessions did that were begun with it"]
    assert reason.startswith("1 were followed")
    named = [one.values["id"].reveal_text() in reason for one in sessions]
    assert named.count(True) == 2


def test_an_attempt_in_vain_is_suspicious_and_no_foothold(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    by_thief(aws, leak.held, "create_user", UserName="nope")
    assert aws_provider.triage(leak.held, HOUR_AGO, context()).known["footholds"] == []
    facts = aws_provider.investigate(leak.held, HOUR_AGO, context())
    events = facts.known["events"]
    assert isinstance(events, list)
    assert events[0]["error"] == "AccessDenied"
    assert "tried in vain" in str(events[0])


def test_a_new_key_of_the_same_user_counts_while_the_trail_lags(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    new = aws.key(leak.user)["id"].reveal_text()
    facts = aws_provider.triage(leak.held, HOUR_AGO, context())
    assert [one["id"] for one in facts.known["footholds"]] == [new]
    assert "can't tell by whom" in str(facts.known["footholds"])


def test_from_where_it_always_worked_making_roles_is_its_work(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    earlier(aws, leak.held, 48, "198.51.100.4", "CreateRole")
    earlier(aws, leak.held, 0.5, "198.51.100.4", "CreateRole")
    earlier(aws, leak.held, 0.4, "192.0.2.9", "ListUsers")
    assert aws_provider.triage(leak.held, HOUR_AGO, context()).known["footholds"] == []
    events = aws_provider.investigate(leak.held, HOUR_AGO, context()).known["events"]
    assert isinstance(events, list)
    marked = {e["from"]: e["suspicious"] for e in events if e["from"] != "127.0.0.1"}
    assert marked == {"198.51.100.4": False, "192.0.2.9": True}
    assert len(events) == 2, "what was before the leak is no abuse"


def test_when_the_leak_began_is_not_known_all_is_looked_at(
    aws: RunningAws, leak: Leak, context: Context
) -> None:
    earlier(aws, leak.held, 48, "198.51.100.4", "CreateRole")
    facts = aws_provider.investigate(leak.held, None, context())
    assert facts.known["suspicious"] == 1
    assert any("when the leak began is not known" in why for why in facts.unknown.values())


def test_gaps_are_no_evidence_kept(leak: Leak, context: Context) -> None:
    old = aws_provider.investigate(leak.held, "2020-01-02T03:04:05Z", context()).unknown
    assert "no evidence kept" in old["events more than 90 days back"]
    recent = aws_provider.investigate(leak.held, HOUR_AGO, context()).unknown
    assert "events more than 90 days back" not in recent
    assert "may not be there yet" in recent["events of the last 15 minutes"]
    assert any("data events" in why for why in recent.values())


def test_an_unreadable_trail_is_not_known_and_not_clean(
    leak: Leak, context: Context, responder: Responder
) -> None:
    mine = responder("account:ListRegions", "iam:*")
    facts = aws_provider.investigate(leak.held, HOUR_AGO, context(mine))
    assert "events" not in facts.known
    assert facts.unknown["events"].endswith("no evidence")
    assert "cloudtrail:LookupEvents" in facts.unknown["events in us-east-1"]
    triaged = aws_provider.triage(leak.held, HOUR_AGO, context(mine))
    assert triaged.known["footholds"] == []
    assert "cloudtrail:LookupEvents" in triaged.unknown["events in us-east-1"]


def test_our_own_attempts_are_marked_as_ours(leak: Leak, context: Context) -> None:
    aws_provider.check(leak.held, context())
    events = aws_provider.investigate(leak.held, HOUR_AGO, context()).known["events"]
    assert isinstance(events, list)
    assert "by remediate itself" in events[0]["who"]
    assert [(e["what"], e["ours"], e["suspicious"]) for e in events] == [
        ("sts:GetCallerIdentity", True, False)
    ]


def test_pages_are_read_within_cloudtrails_pace(aws: RunningAws, leak: Leak) -> None:
    """Real waiting: three pages at two a second."""
    for number in range(120):
        earlier(aws, leak.held, 1 + number / 100, "192.0.2.1", "ListUsers")
    aws.gate.history._lookups.clear()
    aws.gate.history.throttle = True
    aws.gate.calls.clear()
    try:
        vendor = surroundings(aws.environment(), longest=5)
        begun = time.monotonic()
        facts = aws_provider.investigate(leak.held, None, vendor)
        taken = time.monotonic() - begun
    finally:
        aws.gate.history.throttle = False
    assert facts.known["total"] == 120
    assert aws.gate.calls.count("cloudtrail:LookupEvents") == 4, "none of them turned away"
    assert not [name for name in facts.unknown if name.startswith("events in")]
    assert taken >= 2 * trail.PACE


def test_what_is_left_out_is_counted(
    aws: RunningAws, leak: Leak, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        earlier(aws, leak.held, 1 + number / 100, "192.0.2.1", "ListUsers")
    earlier(aws, leak.held, 3, "192.0.2.1", "CreateUser")
    monkeypatch.setattr(abuse, "MOST_EVENTS", 5)
    monkeypatch.setattr(trail, "MOST_PAGES", 1)
    facts = aws_provider.investigate(leak.held, None, context())
    assert len(facts.known["events"]) == 5
    assert "45 of 50" in facts.unknown["events left out here"]
    assert "only the newest 50" in facts.unknown["events in us-east-1"]


def test_a_malformed_record_is_read_as_far_as_it_goes() -> None:
    event = trail._event({"EventName": "CreateUser", "CloudTrailEvent": "{nonsense"}, "eu-west-1")
    assert (event.name, event.region, event.address) == ("CreateUser", "eu-west-1", "")
    listed = trail._event({"EventName": "X", "CloudTrailEvent": "[1]"}, "eu-west-1")
    assert listed.asked == {}


def test_many_at_once_keep_to_the_rate_together(aws: RunningAws, context: Context) -> None:
    """Two calls a second in a Region are all there is, whoever asks: none is sent to be turned away."""
    held = [hold(aws.plant().values) for _ in range(4)]
    aws.gate.history._lookups.clear()
    aws.gate.history.throttle = True
    aws.gate.calls.clear()
    try:
        with ThreadPoolExecutor(4) as pool:
            told = list(
                pool.map(lambda one: aws_provider.triage(one, None, context(longest=1.0)), held)
            )
    finally:
        aws.gate.history.throttle = False
    assert all(not [why for why in facts.unknown.values() if "rate" in why] for facts in told)
    assert aws.gate.calls.count("cloudtrail:LookupEvents") == 4 * len(REGIONS)
