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
from remediate.testing.surroundings import found, nowhere, surroundings
from remediate_providers.azure.local import TENANT, LocalAzure, RunningAzure, make_value
from remediate_providers.azure.local_management import PRINCIPAL, TEAM
from remediate_providers.azure.provider import AzureProvider
from remediate_providers.azure.roles import MANAGEMENT, MOST
from remediate_providers.azure.server import GRAPH
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
            "AZURE_MANAGEMENT_URL": base,
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": GUID,
            "AZURE_CLIENT_SECRET": make_value().reveal_text(),
        }


class TestASecretsFaults(ProviderFaults):
    make = AzureProvider

    def start(self) -> RunningAzure:
        running = LocalAzure(lag=0.01).start()
        management = running.state.management
        management.assign(management.subscription(), "Contributor")
        management.assign(management.group("root"), "Reader")
        running.shop.owners.append({"id": "ada", "userPrincipalName": "ada@example.com"})
        return running

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
    azure.state.management.subscription()
    facts = PROVIDER.investigate(held, None, vendor)
    assert facts.known["events"] == [], "read, and there is nothing"
    azure.state.sign_ins = azure.state.audits = None
    azure.state.management.subscriptions.clear()
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


# -- roles in Azure ------------------------------------------------------------------------------


def test_its_roles_in_azure_are_told(azure, around) -> None:
    management = azure.state.management
    one, two = management.subscription(), management.subscription()
    root, aside = management.group("root"), management.group("aside")
    management.assign(one, "Contributor")
    management.assign(
        f"{two}/resourceGroups/shop", "Key Vault Secrets User", condition="@Resource…"
    )
    management.assign(root, "Owner", to=TEAM)
    management.assign(two, "Reader", to="somebody else")
    facts = PROVIDER.describe(leaked(azure), around())
    assert facts.known["azure_roles"] == [
        f"Contributor on {one}",
        f"Key Vault Secrets User on {two}/resourceGroups/shop (with a condition)",
        f"Owner on {root} (through a group)",
    ]
    assert "may not see" in facts.unknown["azure_roles_elsewhere"]
    asked = {r.path for r in azure.requests if r.path.endswith("/roleAssignments")}
    assert {path.split("/providers/Microsoft.Authorization")[0] for path in asked} == {
        f"/arm{scope}" for scope in (one, two, root, aside)
    }


def test_that_it_has_none_is_told_where_somebody_looked_and_only_there(azure, around) -> None:
    facts = PROVIDER.describe(leaked(azure), around())
    assert "azure_roles" not in facts.known, "no subscription is shown: nothing is known"
    assert "Microsoft.Authorization/roleAssignments/read" in facts.unknown["azure_roles"]
    azure.state.management.subscription()
    facts = PROVIDER.describe(leaked(azure, "xyz"), around())
    assert facts.known["azure_roles"] == []


def test_a_permission_in_azure_that_is_missing_is_named(azure, around) -> None:
    management = azure.state.management
    one, two = management.subscription(), management.subscription()
    management.assign(one, "Owner")
    management.hidden, management.groups = {two}, None
    facts = PROVIDER.describe(leaked(azure), around())
    assert facts.known["azure_roles"] == [f"Owner on {one}"]
    elsewhere = facts.unknown["azure_roles_elsewhere"]
    assert two in elsewhere
    assert "Microsoft.Authorization/roleAssignments/read" in elsewhere
    assert "Microsoft.Management/managementGroups/read" in elsewhere
    management.hidden = {one, two}
    facts = PROVIDER.describe(leaked(azure, "xyz"), around())
    assert "azure_roles" not in facts.known
    assert "roleAssignments/read" in facts.unknown["azure_roles"]
    azure.fail("GET", "/arm/subscriptions", Fault(403))
    facts = PROVIDER.describe(leaked(azure, "uvw"), around())
    assert "azure_roles" not in facts.known
    assert facts.known["scopes"] == ["Microsoft Graph: Mail.Read"], "the rest is told all the same"


def test_of_very_many_the_first_are_looked_at_and_the_rest_is_told(azure, around) -> None:
    management = azure.state.management
    management.groups = [f"team-{number}" for number in range(MOST + 5)]
    facts = PROVIDER.describe(leaked(azure), around())
    assert facts.known["azure_roles"] == []
    assert "5 scopes more" in facts.unknown["azure_roles_elsewhere"]
    assert len([r for r in azure.requests if r.path.endswith("/roleAssignments")]) == MOST


def test_a_token_for_graph_opens_nothing_in_azure_and_another_is_asked_for(azure, around) -> None:
    management = azure.state.management
    management.assign(management.subscription(), "Owner")
    environment = {k: v for k, v in azure.environment().items() if "CLIENT" not in k}
    environment["AZURE_ACCESS_TOKEN"] = azure.token(GRAPH).reveal_text()
    facts = PROVIDER.describe(leaked(azure), around(environment))
    assert facts.known["scopes"] == ["Microsoft Graph: Mail.Read"]
    assert "AZURE_MANAGEMENT_TOKEN" in facts.unknown["azure_roles"]
    assert "az account get-access-token" in facts.unknown["azure_roles"]
    token = azure.token(MANAGEMENT)
    environment["AZURE_MANAGEMENT_TOKEN"] = token.reveal_text()
    facts = PROVIDER.describe(leaked(azure, "xyz"), around(environment))
    assert len(facts.known["azure_roles"]) == 1
    assert token in PROVIDER.responder_values(around(environment))


def test_a_list_that_goes_on_elsewhere_is_not_followed(azure, around) -> None:
    page = f'{{"value": [], "nextLink": "{nowhere()}/subscriptions"}}'
    azure.fail("GET", "/arm/subscriptions", Fault(200, page.encode()))
    facts = PROVIDER.describe(leaked(azure), around())
    assert "another address" in facts.unknown["azure_roles"]


# -- footholds -----------------------------------------------------------------------------------

LONG_AGO = "2026-01-01T00:00:00Z"


def given(activity: str, targets: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    by = {"user": {"userPrincipalName": "mallory@example.com"}, "app": None}
    return {
        "id": activity,
        "activityDisplayName": activity,
        "activityDateTime": "2026-02-03T04:05:06Z",
        "result": "success",
        "initiatedBy": by,
        "targetResources": targets,
        **more,
    }


def told(held: Held, vendor: VendorContext) -> list[tuple[Any, Any]]:
    return [
        (f["what"], f["id"]) for f in PROVIDER.triage(held, LONG_AGO, vendor).known["footholds"]
    ]


def test_secrets_added_since_are_footholds(azure, around) -> None:
    held = leaked(azure)
    vendor = learned(held, around)
    mine = azure.shop.add("mine now")
    hidden = azure.wiki.add("of the service principal")
    azure.state.at_principal.append(hidden.shown())
    since = vendor.now()[:10] + "T00:00:00Z"
    found = PROVIDER.triage(held, since, vendor).known["footholds"]
    assert [(one["what"], one["id"]) for one in found] == [
        ("secret", mine.key_id),
        ("secret", hidden.key_id),
    ]
    assert "service principal" in found[1]["why"]
    made = PROVIDER.reissue(held, vendor)
    assert made.outcome.status is Status.DONE
    assert len(PROVIDER.triage(held, since, vendor).known["footholds"]) == 2, "ours is none"


def test_owners_and_issuers_that_came_during_the_incident_are_footholds(azure, around) -> None:
    held = leaked(azure)
    azure.shop.owners.append({"id": "ada", "userPrincipalName": "ada@example.com"})
    azure.shop.federated.append({"id": "ci", "issuer": "https://ci.example.com", "subject": "main"})
    vendor = learned(held, around)
    assert vendor.known["owners"] == ["ada@example.com (ada)"]
    assert told(held, vendor) == [("secret", azure.shop.passwords[0].key_id)]
    azure.shop.passwords.clear()
    azure.shop.owners.append({"id": "mallory", "displayName": "Mallory"})
    azure.shop.federated.append({"id": "x", "issuer": "https://x.example.net", "subject": "any"})
    assert told(held, vendor) == [
        ("owner", "Mallory (mallory)"),
        ("federated credential", "any of https://x.example.net (x)"),
    ]


def test_what_the_audit_log_tells_was_added_since_is_a_foothold(azure, around) -> None:
    held = leaked(azure)
    vendor = learned(held, around)
    azure.shop.passwords.clear()
    azure.shop.federated.append({"id": "x", "issuer": "https://x.example.net", "subject": "any"})
    app = {"id": azure.shop.id}
    mallory = {"id": "mallory", "userPrincipalName": "mallory@example.com"}
    named = [{"displayName": "Application.ObjectID", "newValue": f'"{azure.shop.id}"'}]
    changed = [{"displayName": "FederatedIdentityCredentials", "newValue": "[]"}]
    azure.state.audits = [
        # Its own entry names the owner alone as its target, and the space is Entra's.
        given("Add owner to application ", [{**mallory, "modifiedProperties": named}]),
        given("Add owner to service principal", [mallory, {"id": PRINCIPAL}]),
        given("Add owner to group", [{**mallory, "modifiedProperties": []}]),
        given("Add owner to application", [{**mallory, "modifiedProperties": []}]),
        given("Update application", [{**app, "modifiedProperties": changed}]),
        given("Update application \u2013 Certificates and secrets management ", [app]),
        given("Add member to role", [{"id": PRINCIPAL}], result="failure"),
    ]
    vendor = around(known={**vendor.known, "federated_credentials": ["any (x)"]})
    found = PROVIDER.triage(held, LONG_AGO, vendor).known["footholds"]
    assert sorted((one["what"], one["at"]) for one in found) == [
        ("federated credential", "2026-02-03T04:05:06Z"),
        ("owner", "2026-02-03T04:05:06Z"),
        ("owner", "2026-02-03T04:05:06Z"),
    ]
    assert all("by mallory@example.com" in one["why"] for one in found)
    azure.shop.federated.clear()
    found = PROVIDER.triage(held, LONG_AGO, vendor).known["footholds"]
    assert {one["what"] for one in found} == {"owner"}, "one that is gone lets nobody in"


def test_without_the_audit_log_it_is_said_what_is_not_known(azure, around) -> None:
    held = leaked(azure)
    vendor = learned(held, around)
    assert "added_since" not in PROVIDER.triage(held, LONG_AGO, vendor).unknown
    azure.state.audits = None
    facts = PROVIDER.triage(held, LONG_AGO, vendor)
    assert "AuditLog.Read.All" in facts.unknown["added_since"]
    azure.fail("GET", "*/federatedIdentityCredentials", Fault(403))
    facts = PROVIDER.triage(held, LONG_AGO, vendor)
    assert "Application.Read.All" in facts.unknown["federated_credentials"]


def test_roles_in_azure_that_it_gave_since_are_footholds(azure, around) -> None:
    held = leaked(azure)
    vendor = learned(held, around)
    azure.shop.passwords.clear()
    management = azure.state.management
    one, root = management.subscription(), management.group("root")
    assert told(held, vendor) == []
    management.assign(one, "Owner", to="mallory", by=PRINCIPAL)
    management.assign(root, "Reader", to="mallory", by=PRINCIPAL)
    management.assign(one, "Contributor", to="bob", by="ada")
    found = [
        ("role in Azure", f"Owner to mallory on {one}"),
        ("role in Azure", f"Reader to mallory on {root}"),
    ]
    assert told(held, vendor) == found, "seen from both, and told once each"
    facts = PROVIDER.triage(held, "2026-03-01T00:00:00Z", vendor)
    assert facts.known["footholds"] == [], "they were given before it was out"
    management.hidden = {one}
    facts = PROVIDER.triage(held, LONG_AGO, vendor)
    assert one in facts.unknown["azure_roles_given"]
    assert "roleAssignments/read" in facts.unknown["azure_roles_given"]
    azure.fail("GET", "/arm/subscriptions", Fault(403))
    facts = PROVIDER.triage(held, LONG_AGO, vendor)
    assert "Reader" in facts.unknown["azure_roles_given"]


# -- evidence ------------------------------------------------------------------------------------


def test_sign_ins_are_told_where_the_tenant_keeps_them(azure, around) -> None:
    held = leaked(azure)
    vendor = learned(held, around)
    facts = PROVIDER.investigate(held, "2026-01-01T00:00:00Z", vendor)
    assert "P1 or P2" in facts.unknown["sign_ins"]
    assert "no evidence kept" in facts.unknown["sign_ins"]
    azure.state.sign_ins = [
        {
            "createdDateTime": "2026-02-03T04:05:06Z",
            "ipAddress": "203.0.113.77",
            "status": {"errorCode": 0},
        }
    ]
    facts = PROVIDER.investigate(held, "2026-01-01T00:00:00Z", vendor)
    assert [(e["from"], e["suspicious"]) for e in facts.known["events"]] == [("203.0.113.77", True)]
    assert "which" in facts.unknown["credential"]


def test_a_sign_in_with_another_secret_is_not_the_leaked_ones(azure, around) -> None:
    held = leaked(azure)
    vendor = learned(held, around)
    entry = {"createdDateTime": "2026-02-03T04:05:06Z", "status": {"errorCode": 0}}
    azure.state.sign_ins = [
        {**entry, "servicePrincipalCredentialKeyId": key}
        for key in (vendor.known["key_id"], azure.shop.passwords[0].key_id)
    ]
    PROVIDER.revoke([held], vendor)
    facts = PROVIDER.investigate(held, LONG_AGO, vendor)
    assert [e["suspicious"] for e in facts.known["events"]] == [True, False]
    assert "another credential" in facts.known["events"][1]["note"]
    assert "credential" not in facts.unknown


def test_what_it_did_in_azure_is_told(azure, around) -> None:
    held = leaked(azure)
    vendor = learned(held, around)
    management = azure.state.management
    one, two = management.subscription(), management.subscription()
    write = "Microsoft.Compute/virtualMachines/write"
    management.happen(one, write, status={"value": "Started"})
    management.happen(one, write)
    management.happen(two, "Microsoft.KeyVault/vaults/delete", status={"value": "Failed"})
    management.happen(
        two, write, by="ada@example.com"
    )  # Azure may take no notice of whom is asked for
    facts = PROVIDER.investigate(held, LONG_AGO, vendor)
    assert [(e["what"], e["from"], e["suspicious"]) for e in facts.known["events"]] == [
        (write, "203.0.113.77", True),
        ("Microsoft.KeyVault/vaults/delete refused", "203.0.113.77", False),
    ]
    assert "no evidence kept before" in facts.unknown["azure_changes_before"]
    assert "reading" in facts.unknown["azure_changes_elsewhere"]


def test_an_activity_log_that_can_not_be_read_is_no_evidence(azure, around) -> None:
    held = leaked(azure)
    vendor = learned(held, around)
    azure.state.audits = None
    facts = PROVIDER.investigate(held, LONG_AGO, vendor)
    assert "events" not in facts.known, "no log was read, and no subscription shown"
    assert "no evidence" in facts.unknown["azure_changes"]
    management = azure.state.management
    management.hidden = {management.subscription()}
    facts = PROVIDER.investigate(held, LONG_AGO, vendor)
    assert "events" not in facts.known
    assert "Microsoft.Insights/eventtypes/values/read" in facts.unknown["azure_changes"]
