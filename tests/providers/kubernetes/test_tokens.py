"""Service-account tokens: looked at, ended, replaced."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.surroundings import surroundings
from remediate_providers.kubernetes.local import LocalKubernetes, RunningKubernetes
from remediate_providers.kubernetes.provider import KubernetesProvider

PROVIDER = KubernetesProvider()
Around = Callable[..., VendorContext]
Hold = Callable[[Secret], Held]


@pytest.fixture
def lasting(kube: RunningKubernetes, hold: Hold) -> Held:
    kube.state.account("prod", "ci")
    return hold(kube.state.lasting("prod", "ci", "ci-token"))


def test_a_lasting_token_is_ended_replaced_and_the_new_one_works(
    kube: RunningKubernetes, around: Around, lasting: Held
) -> None:
    assert PROVIDER.check(lasting, around()).alive is True
    outcome = PROVIDER.revoke([lasting], around())[lasting.id]
    assert outcome.status is Status.DONE, outcome.reason
    assert kube.is_dead(lasting.values)
    assert "tokenreviews" in outcome.evidence[-1].probe
    assert PROVIDER.revoke([lasting], around())[lasting.id].status is Status.DONE
    made = PROVIDER.reissue(lasting, around())
    assert made.outcome.status is Status.DONE, made.outcome.reason
    new = Held(lasting.credential, made.values)
    assert PROVIDER.confirm(new, around()).alive is True
    again = PROVIDER.reissue(lasting, around())
    assert again.values == made.values, "asking twice makes no second"


def test_another_cluster_proves_nothing(around: Around, lasting: Held) -> None:
    other = LocalKubernetes(lag=0.01).start()
    try:
        for prepare in (lambda: None, lambda: other.state.account("prod", "ci")):
            prepare()
            vendor = surroundings(other.environment(), longest=0.01)
            check = PROVIDER.check(lasting, vendor)
            assert check.alive is None
            assert "another cluster" in check.reason
            outcome = PROVIDER.revoke([lasting], vendor)[lasting.id]
            assert outcome.status is Status.MANUAL
    finally:
        other.close()


def test_a_secret_with_another_token_is_left_alone(
    kube: RunningKubernetes, around: Around, hold: Hold, lasting: Held
) -> None:
    kube.state.lasting("prod", "ci", "ci-token")
    outcome = PROVIDER.revoke([lasting], around())[lasting.id]
    assert outcome.status is Status.DONE, "the leaked one is refused already"
    assert ("secrets", "prod", "ci-token") in kube.state.objects


def test_what_a_token_is_bound_to_decides(
    kube: RunningKubernetes, around: Around, hold: Hold
) -> None:
    kube.state.account("prod", "ci")
    kube.state.secret("prod", "for-it", {})
    kube.state.put("pods", "prod", "web-1", spec={"containers": []})
    by_secret = hold(kube.state.bound("prod", "ci", "secret", "for-it"))
    assert PROVIDER.revoke([by_secret], around())[by_secret.id].status is Status.DONE
    by_pod = hold(kube.state.bound("prod", "ci", "pod", "web-1"))
    asked = PROVIDER.revoke([by_pod], around())[by_pod.id]
    assert asked.status is Status.MANUAL
    assert "insist" in asked.reason
    insisted = PROVIDER.revoke([by_pod], around(settings={"insist": True}))[by_pod.id]
    assert insisted.status is Status.DONE, insisted.reason
    free = hold(kube.state.bound("prod", "ci"))
    left = PROVIDER.revoke([free], around())[free.id]
    assert left.status is Status.MANUAL
    assert "ends by itself at" in left.reason
    assert PROVIDER.reissue(free, around()).outcome.status is Status.SKIPPED


def test_one_that_was_made_and_lost_is_found(
    kube: RunningKubernetes, around: Around, lasting: Held
) -> None:
    before = PROVIDER.before_reissue(lasting, around())
    none = PROVIDER.reconcile_reissue(lasting, before, around())
    assert none.status is Status.UNCHANGED
    lost = PROVIDER.reissue(lasting, around()).values
    found = PROVIDER.reconcile_reissue(lasting, before, around())
    assert found.status is Status.DONE
    assert kube.is_dead(lost)
    assert not kube.is_dead(lasting.values)


def test_the_roles_of_its_account_are_named(
    kube: RunningKubernetes, around: Around, lasting: Held
) -> None:
    kube.state.put(
        "rolebindings",
        "prod",
        "deployers",
        roleRef={"apiGroup": "rbac", "kind": "Role", "name": "deployer"},
        subjects=[{"kind": "ServiceAccount", "name": "ci", "namespace": "prod"}],
    )
    facts = PROVIDER.describe(lasting, around())
    assert facts.known["owner"] == "prod/ci"
    assert facts.known["scopes"] == ["Role/deployer"]
    weak = PROVIDER.describe(lasting, around("get secrets"))
    assert "scopes" in weak.unknown


def test_missing_rights_are_named(around: Around, lasting: Held) -> None:
    weak = around("create tokenreviews", "get serviceaccounts", "get secrets")
    outcome = PROVIDER.revoke([lasting], weak)[lasting.id]
    assert outcome.status is Status.MANUAL
    assert 'cannot delete resource "secrets"' in outcome.reason


def test_a_value_that_a_person_brings_is_asked_about(
    kube: RunningKubernetes, around: Around, lasting: Held
) -> None:
    new = kube.state.bound("prod", "ci")
    taken = PROVIDER.accept(lasting, Secret(new.reveal() + b"\n"), around())
    assert taken.values == {"value": new}
    for wrong in (lasting.values["value"], Secret("password")):
        assert PROVIDER.accept(lasting, wrong, around()).outcome.status is Status.REFUSED
