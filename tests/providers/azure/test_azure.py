"""Microsoft Entra: the contract, every call gone wrong, and what is particular to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Found, Held
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults, hold
from remediate.testing.providers import ProviderContract, well_told
from remediate.testing.surroundings import found, surroundings
from remediate_providers.azure.local import TENANT, LocalAzure, RunningAzure, make_value
from remediate_providers.azure.provider import AzureProvider
from remediate_providers.loopback import Fault

PROVIDER = AzureProvider()
GUID = "00000000-1111-2222-3333-444444444444"


class TestAzure(ProviderContract):
    make = AzureProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        return [[found(make_value())]]

    def foreign(self) -> Sequence[Found]:
        return [found(GUID), found("abc8Q~short")]

    def environment(self, base: str) -> Mapping[str, str]:
        return {
            "AZURE_GRAPH_URL": base,
            "AZURE_AUTHORITY_HOST": base,
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": GUID,
            "AZURE_CLIENT_SECRET": make_value().reveal_text(),
        }


class TestASecretsFaults(ProviderFaults):
    make = AzureProvider

    def start(self) -> RunningAzure:
        return LocalAzure(lag=0.01).start()

    def leaked(self, running: RunningAzure) -> Held:
        return hold(PROVIDER, {"value": running.leak().value})

    def living(self, running: RunningAzure) -> int:
        return len(running.made())

    def before_reissue(self, scene) -> None:
        scene.known |= dict(scene.provider.describe(scene.held, scene.vendor()).known)
        scene.provider.revoke([scene.held], scene.vendor())


@pytest.fixture
def azure() -> Iterator[RunningAzure]:
    running = LocalAzure(lag=0.02).start()
    yield running
    running.close()


@pytest.fixture
def around(azure: RunningAzure) -> Callable[..., VendorContext]:
    def make(environment: Mapping[str, str] | None = None, **more: Any) -> VendorContext:
        return surroundings(environment or azure.environment(), longest=0.01, **more)

    return make


def leaked(azure: RunningAzure, hint: str = "") -> Held:
    return hold(PROVIDER, {"value": azure.leak(hint).value})


def learned(held: Held, around) -> VendorContext:
    return around(known=PROVIDER.describe(held, around()).known)


def test_it_is_told_which_application_it_is_of(azure, around) -> None:
    facts = PROVIDER.describe(leaked(azure), around())
    assert facts.known["application"] == "shop backend"
    assert facts.known["app_id"] == azure.shop.app_id
    assert facts.known["scopes"] == ["Microsoft Graph: Mail.Read"]


def test_what_it_may_do_in_the_directory_is_told(azure, around) -> None:
    azure.state.member_of = [
        {"@odata.type": "#microsoft.graph.directoryRole", "displayName": "Global Administrator"},
        {"@odata.type": "#microsoft.graph.group", "displayName": "deployers"},
    ]
    facts = PROVIDER.describe(leaked(azure), around())
    assert facts.known["directory_roles"] == ["Global Administrator"]
    assert facts.known["groups"] == ["deployers"]
    assert "RBAC" in facts.unknown["subscriptions"]
    azure.fail("GET", "*/transitiveMemberOf", Fault(403, b'{"error": {"code": "Authorization"}}'))
    facts = PROVIDER.describe(leaked(azure, "xyz"), around())
    assert facts.unknown["directory_roles"]
    assert facts.known["scopes"] == ["Microsoft Graph: Mail.Read"]


def test_a_role_without_a_name_keeps_its_id(azure, around) -> None:
    azure.fail("GET", "*/servicePrincipals/77aa", Fault(404))
    facts = PROVIDER.describe(leaked(azure), around())
    assert facts.known["scopes"] == ["Microsoft Graph: 9a5d"]


def test_logs_that_can_not_be_read_are_no_evidence_never_none_found(azure, around) -> None:
    held = leaked(azure)
    vendor = learned(held, around)
    azure.state.sign_ins = []
    facts = PROVIDER.investigate(held, None, vendor)
    assert facts.known["events"] == [], "read, and there is nothing"
    azure.state.sign_ins = None
    facts = PROVIDER.investigate(held, None, vendor)
    assert "events" not in facts.known
    assert "no evidence" in facts.unknown["events"]


def test_it_is_taken_away_and_seen_refused_and_another_added(azure, around) -> None:
    held = leaked(azure)
    vendor = learned(held, around)
    assert PROVIDER.check(held, vendor).alive is True
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    assert outcome.status is Status.DONE
    assert "AADSTS7000215" in outcome.evidence[-1].saw
    assert PROVIDER.revoke([held], vendor)[held.id].status is Status.UNCHANGED
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.DONE
    (new,) = azure.made()
    assert (new.ends - new.begins).days in (179, 180)
    assert PROVIDER.confirm(hold(PROVIDER, made.values), vendor).alive is True
    assert [one.name for one in azure.shop.passwords if one is not new] == ["another one"]


def test_secrets_that_begin_alike_are_told_apart_by_asking_entra(azure, around) -> None:
    wiki = azure.state.applications[0]
    twin = wiki.add("twin", hint="abc")
    held = leaked(azure, "abc")
    outcome = PROVIDER.revoke([held], around())[held.id]
    assert outcome.status is Status.DONE
    assert wiki.passwords == [twin]


def test_two_of_one_application_that_begin_alike_are_a_persons(azure, around) -> None:
    azure.shop.add("twin", hint="abc")
    held = leaked(azure, "abc")
    outcome = PROVIDER.revoke([held], around())[held.id]
    assert outcome.status is Status.MANUAL
    assert "begin alike" in outcome.reason
    assert outcome.manual is not None
    well_told(outcome.manual)
    assert not azure.is_dead(held.values)


def test_where_it_may_not_be_used_the_list_is_the_witness(azure, around) -> None:
    held = leaked(azure)
    outcome = PROVIDER.revoke([held], around(use_leaked=False))[held.id]
    assert outcome.status is Status.DONE
    assert outcome.evidence[-1].saw == "not listed"
    sent = [one.form().get("client_secret") for one in azure.requests if "token" in one.path]
    assert held.values["value"].reveal_text() not in sent


def test_one_that_is_not_signed_in_is_told_how(azure, around) -> None:
    environment = {k: v for k, v in azure.environment().items() if "CLIENT" not in k}
    held = leaked(azure)
    outcome = PROVIDER.revoke([held], around(environment))[held.id]
    assert outcome.status is Status.MANUAL
    assert "AZURE_CLIENT_SECRET" in outcome.reason
    made = PROVIDER.reissue(held, around(environment))
    assert made.outcome.manual is not None
    well_told(made.outcome.manual)


def test_what_is_brought_is_looked_at(azure, around) -> None:
    held = leaked(azure)
    vendor = learned(held, around)
    for wrong in (held.values["value"], Secret(GUID), make_value()):
        assert PROVIDER.accept(held, wrong, vendor).outcome.status is Status.REFUSED
    taken = PROVIDER.accept(held, azure.shop.add("by hand").value, vendor)
    assert taken.outcome.status is Status.DONE


def test_secrets_added_since_are_footholds(azure, around) -> None:
    held = leaked(azure)
    vendor = learned(held, around)
    azure.shop.add("mine now")
    (one,) = PROVIDER.triage(held, vendor.now()[:10] + "T00:00:00Z", vendor).known["footholds"]
    assert one["what"] == "secret"


def test_sign_ins_are_told_where_the_tenant_keeps_them(azure, around) -> None:
    held = leaked(azure)
    vendor = learned(held, around)
    facts = PROVIDER.investigate(held, "2026-01-01T00:00:00Z", vendor)
    assert "P1 or P2" in facts.unknown["sign_ins"]
    azure.state.sign_ins = [
        {
            "createdDateTime": "2026-02-03T04:05:06Z",
            "ipAddress": "203.0.113.77",
            "status": {"errorCode": 0},
        }
    ]
    facts = PROVIDER.investigate(held, "2026-01-01T00:00:00Z", vendor)
    assert [(e["from"], e["suspicious"]) for e in facts.known["events"]] == [("203.0.113.77", True)]
