"""Google's service-account keys: the contract, every call gone wrong, and what is particular to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Found, Held
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults, hold
from remediate.testing.providers import ProviderContract, well_told
from remediate.testing.surroundings import found, nowhere, surroundings
from remediate_providers.google.keys import FILE, FILE_KIND, KEY, file_of
from remediate_providers.google.local import EMAIL, LocalGoogle, RunningGoogle
from remediate_providers.google.provider import GoogleProvider
from remediate_providers.loopback import Fault

PROVIDER = GoogleProvider()


def key_file(**more: Any) -> str:
    """A key's file without a key that works."""
    body = "QUJD" * 80
    pem = "-----BEGIN " + f"PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"
    data = {"type": "service_account", "project_id": "acme-prod", "private_key_id": "ab12" * 10,
            "private_key": pem, "client_email": EMAIL, **more}  # fmt: skip
    return json.dumps(data, indent=2)


class TestGoogle(ProviderContract):
    make = GoogleProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        pem = str(json.loads(key_file())["private_key"])
        both = frozenset([1])
        return [
            [found(key_file())],
            [found(key_file(private_key_id="cd34" * 10), groups=both), found(pem, groups=both)],
        ]

    def foreign(self) -> Sequence[Found]:
        pem = str(json.loads(key_file())["private_key"])
        return [
            found(pem),
            found(key_file(type="authorized_user")),
            found(key_file(client_email="ada@example.com")),
            found('{"type": "service_account"'),
        ]

    def environment(self, base: str) -> Mapping[str, str]:
        return {"GOOGLE_API_URL": base, "GOOGLE_OAUTH_ACCESS_TOKEN": "ya29." + "x" * 40}


class TestAKeysFaults(ProviderFaults):
    make = GoogleProvider

    def start(self) -> RunningGoogle:
        return LocalGoogle(lag=0.01).start()

    def leaked(self, running: RunningGoogle) -> Held:
        return hold(PROVIDER, {FILE: running.issue(age=90)})

    def living(self, running: RunningGoogle) -> int:
        return len(running.made())


@pytest.fixture
def google() -> Iterator[RunningGoogle]:
    running = LocalGoogle(lag=0.02).start()
    yield running
    running.close()


@pytest.fixture
def around(google: RunningGoogle) -> Callable[..., VendorContext]:
    def make(environment: Mapping[str, str] | None = None, **more: Any) -> VendorContext:
        return surroundings(environment or google.environment(), longest=0.01, **more)

    return make


def leaked(google: RunningGoogle) -> Held:
    return hold(PROVIDER, {FILE: google.issue(age=90)})


def test_the_key_alone_is_a_part_of_its_file_however_it_is_written(google) -> None:
    file = google.issue()
    data = file_of(file)
    assert data is not None
    escaped = data["private_key"].replace("\n", "\\n")
    (one,) = PROVIDER.identify([found(file), found(data["private_key"]), found(escaped)])
    assert sorted(one.credential.parts) == [FILE, KEY, f"{KEY}-2"]
    assert one.credential.kind == FILE_KIND
    assert one.credential.public_id == data["private_key_id"]
    assert one.credential.labels == {"service_account": EMAIL}


def test_it_is_disabled_then_deleted_and_a_new_one_is_uploaded(google, around) -> None:
    held = leaked(google)
    vendor = around()
    assert PROVIDER.check(held, vendor).alive is True
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    assert outcome.status is Status.DONE
    assert "Invalid JWT Signature" in outcome.evidence[-1].saw
    (old,) = google.state.keys
    assert old.disabled
    assert PROVIDER.revoke([held], vendor)[held.id].status is Status.UNCHANGED
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.DONE
    new = file_of(made.values[FILE])
    was = file_of(held.values[FILE])
    assert new is not None
    assert was is not None
    assert {n for n in was if was[n] != new[n]} == {"private_key_id", "private_key"}
    assert PROVIDER.confirm(hold(PROVIDER, made.values), vendor).alive is True
    assert not any(b"PRIVATE KEY" in one.body for one in google.requests)
    assert PROVIDER.delete(held, vendor).status is Status.DONE
    assert old not in google.state.keys
    assert PROVIDER.delete(held, vendor).status is Status.UNCHANGED


def test_a_key_on_one_line_gets_a_successor_on_one_line(google, around) -> None:
    held = hold(PROVIDER, {FILE: google.issue(flat=True)})
    made = PROVIDER.reissue(held, around())
    assert b"\n" not in made.values[FILE].reveal()


def test_where_uploading_is_not_allowed_a_person_makes_one(google, around) -> None:
    held = leaked(google)
    google.state.may_upload = False
    made = PROVIDER.reissue(held, around())
    assert made.outcome.status is Status.MANUAL
    assert "not allowed" in made.outcome.reason
    step = made.outcome.manual
    assert step is not None
    well_told(step)
    taken = PROVIDER.accept(held, google.person(step), around())
    assert taken.outcome.status is Status.DONE
    for wrong in (held.values[FILE], Secret("x"), Secret(key_file(client_email="b" + EMAIL))):
        assert PROVIDER.accept(held, wrong, around()).outcome.status is Status.REFUSED


def test_where_it_may_not_be_used_the_list_is_the_witness(google, around) -> None:
    held = leaked(google)
    outcome = PROVIDER.revoke([held], around(use_leaked=False))[held.id]
    assert outcome.status is Status.DONE
    assert outcome.evidence[-1].saw == "disabled"
    assert not [one for one in google.requests if one.path == "/token"]


def test_another_refusal_is_no_death(google, around) -> None:
    held = leaked(google)
    clock = b'{"error": "invalid_grant", "error_description": "Invalid JWT: check your clock"}'
    google.fail("POST", "/token", Fault(400, clock))
    check = PROVIDER.check(held, around())
    assert check.alive is None
    assert "clock" in check.reason


def test_the_responder_signs_in_with_a_key_of_their_own(google, around, tmp_path) -> None:
    own = tmp_path / "own.json"
    own.write_text(google.issue(1).reveal_text())
    held = leaked(google)
    environment = {"GOOGLE_API_URL": google.url, "GOOGLE_APPLICATION_CREDENTIALS": str(own)}
    assert PROVIDER.revoke([held], around(environment))[held.id].status is Status.DONE
    assert Secret(own.read_bytes()) in PROVIDER.responder_values(around(environment))


def test_one_that_is_not_signed_in_is_told_how(google, around) -> None:
    held = leaked(google)
    outcome = PROVIDER.revoke([held], around({"GOOGLE_API_URL": google.url}))[held.id]
    assert outcome.status is Status.MANUAL
    assert "gcloud auth application-default login" in outcome.reason
    assert outcome.manual is not None
    well_told(outcome.manual)


def test_a_files_own_token_address_is_never_asked(google, around) -> None:
    file = json.loads(google.issue().reveal_text())
    file["token_uri"] = nowhere()
    held = hold(PROVIDER, {FILE: Secret(json.dumps(file))})
    assert PROVIDER.check(held, around()).alive is True


def test_what_was_done_with_it_is_told_by_the_keys_name(google, around) -> None:
    held = leaked(google)
    google.misuse(held.credential.public_id or "")
    vendor = around()
    facts = PROVIDER.describe(held, vendor)
    assert facts.known["last_used"] == "2026-11-20T07:00:00Z"
    facts = PROVIDER.investigate(held, "2026-01-01T00:00:00Z", vendor)
    assert [(e["from"], e["suspicious"]) for e in facts.known["events"]] == [("203.0.113.77", True)]
    assert "up to an hour" in facts.unknown["tokens"]
    google.issue(1)
    (one,) = PROVIDER.triage(held, "2026-06-01T00:00:00Z", vendor).known["footholds"]
    assert one["what"] == "service account key"


SINCE = "2026-06-01T00:00:00Z"


def left(held: Held, vendor: VendorContext) -> list[tuple[Any, Any]]:
    """What triage found: what and which."""
    facts = PROVIDER.triage(held, SINCE, vendor)
    return [(one["what"], one["id"]) for one in facts.known["footholds"]]


def test_what_was_made_with_the_key_since_the_leak_is_a_foothold(google, around) -> None:
    held = leaked(google)
    key = held.credential.public_id
    name = "projects/acme-prod/serviceAccounts/backdoor@acme-prod.iam.gserviceaccount.com"
    create = "google.iam.admin.v1.CreateServiceAccount"
    other = "backdoor@acme-prod.iam.gserviceaccount.com"
    google.misuse(
        key, create, on=other, resourceName="projects/acme-prod", response={"email": other}
    )
    google.misuse(key, f"{create}Key", on=other, resourceName=name)
    added = {"action": "ADD", "role": "roles/owner", "member": "user:mallory@example.com"}
    delta = {"serviceData": {"policyDelta": {"bindingDeltas": [added]}}}
    google.misuse(key, "SetIamPolicy", on="", **delta)
    google.misuse(key, "storage.objects.get", on="")
    assert left(held, around()) == [
        ("service account", other),
        ("service account key", name),
        ("role", "roles/owner to user:mallory@example.com"),
    ]
    (first, *_) = PROVIDER.triage(held, SINCE, around()).known["footholds"]
    assert "203.0.113.77" in first["why"]


def test_what_was_not_the_thiefs_or_did_not_work_is_no_foothold(google, around) -> None:
    held = leaked(google)
    key, create = held.credential.public_id, "google.iam.admin.v1.CreateServiceAccount"
    google.misuse(key, create, status={"code": 7, "message": "PERMISSION_DENIED"})
    google.misuse("ab12" * 10, create)
    google.misuse(key, create, at=datetime(2026, 1, 2, tzinfo=UTC))
    google.misuse(None, create, by="ada@example.com")
    removed = {"action": "REMOVE", "role": "roles/owner", "member": "user:ada@example.com"}
    delta = {"serviceData": {"policyDelta": {"bindingDeltas": [removed]}}}
    google.misuse(key, "SetIamPolicy", on="", **delta)
    google.misuse(key)  # a key of its own, which is gone: its list has none
    assert left(held, around()) == []
    google.misuse(None, create)
    assert len(left(held, around())) == 1, "which key it was with is not told: it may have been"


def test_a_role_on_the_account_is_a_foothold_whoever_gave_it(google, around) -> None:
    held = leaked(google)
    mine = {"role": "roles/iam.serviceAccountUser", "members": ["user:ada@example.com"]}
    google.state.on_it = [mine]
    vendor = around(known=PROVIDER.describe(held, around()).known)
    assert vendor.known["roles_on_it"] == ["roles/iam.serviceAccountUser to user:ada@example.com"]
    assert left(held, vendor) == []
    asked = {"resource": f"projects/-/serviceAccounts/{EMAIL}"}
    method = "google.iam.admin.v1.SetIAMPolicy"
    google.misuse(None, method, by="mallory@example.com", request=asked)
    creator = {"role": "roles/iam.serviceAccountTokenCreator", "members": ["user:eve@example.com"]}
    google.state.on_it = [mine, creator]
    (logged, appeared) = PROVIDER.triage(held, SINCE, vendor).known["footholds"]
    assert "mallory@example.com" in logged["why"]
    assert logged["id"].endswith(EMAIL)
    assert appeared["id"] == "roles/iam.serviceAccountTokenCreator to user:eve@example.com"
    assert "when the incident began" in appeared["why"]


def test_footholds_that_nobody_could_look_for_are_not_none(google, around) -> None:
    held = leaked(google)
    google.fail("POST", "/v2/entries:list", Fault(403))
    google.fail("POST", "*serviceAccounts*:getIamPolicy", Fault(403))
    unknown = PROVIDER.triage(held, SINCE, around()).unknown
    assert "logging.logEntries.list" in unknown["made_since"]
    assert "iam.serviceAccounts.getIamPolicy" in unknown["roles_on_it"]
    assert "roles_before" in PROVIDER.triage(held, SINCE, around()).unknown
    google.fail("GET", "*/keys", Fault(403))
    assert (
        "Service Account Key Admin" in PROVIDER.triage(held, SINCE, around()).unknown["footholds"]
    )


@pytest.mark.parametrize(
    ("method", "bad"),
    [
        ("google.iam.admin.v1.SetIAMPolicy", True),
        ("storage.setIamPermissions", True),
        ("beta.compute.instances.insert", True),
        ("storage.objects.get", False),
        ("google.iam.admin.v1.ListServiceAccounts", False),
    ],
)
def test_what_changes_something_is_suspicious_however_it_is_spelled(
    google, around, method, bad
) -> None:
    held = leaked(google)
    google.misuse(held.credential.public_id, method)
    google.misuse("ab12" * 10, method)
    (event,) = PROVIDER.investigate(held, SINCE, around()).known["events"]
    assert event["suspicious"] is bad


def test_its_roles_and_what_the_key_may_do_are_told(google, around) -> None:
    held = leaked(google)
    mine, other = f"serviceAccount:{EMAIL}", "user:ada@example.com"
    google.state.bindings = [
        {"role": "roles/storage.admin", "members": [mine, other]},
        {"role": "roles/run.admin", "members": [mine], "condition": {"title": "by day"}},
        {"role": "roles/owner", "members": [other]},
    ]
    google.state.allowed = frozenset({"storage.objects.get", "iam.serviceAccountKeys.create"})
    facts = PROVIDER.describe(held, around())
    assert facts.known["roles"] == ["roles/run.admin (with a condition)", "roles/storage.admin"]
    assert facts.known["reach"] == ["iam.serviceAccountKeys.create", "storage.objects.get"]
    assert "folders" in facts.unknown["roles elsewhere"]


def test_nothing_allowed_is_told_and_not_asked_is_not_nothing(google, around) -> None:
    held = leaked(google)
    facts = PROVIDER.describe(held, around())
    assert facts.known["reach"] == []
    assert facts.known["roles"] == []
    before = len(google.requests)
    facts = PROVIDER.describe(held, around(use_leaked=False))
    assert "reach" not in facts.known
    assert facts.unknown["reach"]
    assert not [r for r in google.requests[before:] if r.path == "/token"]


def test_a_role_that_is_missing_is_named(google, around) -> None:
    said = b'{"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "denied"}}'
    google.fail("POST", "*:getIamPolicy", Fault(403, said))
    facts = PROVIDER.describe(leaked(google), around())
    assert "roles" not in facts.known
    assert "getIamPolicy" in facts.unknown["roles"]
    assert "created" in facts.known, "the rest is told all the same"


def test_a_log_that_can_not_be_read_is_no_evidence_never_none_found(google, around) -> None:
    held = leaked(google)
    assert PROVIDER.investigate(held, None, around()).known["events"] == []
    google.fail("POST", "/v2/entries:list", Fault(403))
    facts = PROVIDER.investigate(held, None, around())
    assert "events" not in facts.known
    assert "no evidence" in facts.unknown["events"]
