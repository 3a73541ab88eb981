"""Secrets and ExternalSecrets: what a write keeps, what it refuses, what it tells."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.surroundings import surroundings
from remediate_providers.kubernetes import secrets
from remediate_providers.kubernetes.cluster import ClusterError, configuration, own_tokens
from remediate_providers.kubernetes.external import ExternalSecretStore
from remediate_providers.kubernetes.local import RunningKubernetes, kubeconfig, owner_of
from remediate_providers.kubernetes.secrets import APPLIED, KubernetesStore

STORE, EXTERNAL = KubernetesStore(), ExternalSecretStore()
NEW = {"value": Secret("new-" + "a1B2" * 6)}
Around = Callable[..., VendorContext]


def at(
    place: str = "prod/app", *keys: tuple[str, str | None], scheme: str = "kubernetes"
) -> Target:
    return Target(scheme, place, keys or (("KEY", None),), f"{scheme}:{place}")


def data(kube: RunningKubernetes, name: str = "app") -> dict[str, bytes]:
    found = kube.state.objects["secrets", "prod", name]["data"]
    return {key: base64.b64decode(value) for key, value in found.items()}


def test_other_keys_stay_and_kubectls_memory_of_the_old_value_goes(
    kube: RunningKubernetes, around: Around
) -> None:
    remembered = {"kind": "Secret", "data": {"KEY": "bGVha2Vk", "OTHER": "MQ=="}}
    kube.state.secret(
        "prod",
        "app",
        {"KEY": b"leaked", "OTHER": b"1"},
        metadata={
            "annotations": {APPLIED: json.dumps(remembered), "mine": "kept"},
            "managedFields": [{"manager": "kubectl-client-side-apply", "operation": "Update"}],
        },
    )
    outcome = STORE.put(at(), NEW, around())
    assert outcome.status is Status.DONE
    assert data(kube) == {"KEY": NEW["value"].reveal(), "OTHER": b"1"}
    annotations = kube.state.objects["secrets", "prod", "app"]["metadata"]["annotations"]
    assert json.loads(annotations[APPLIED]) == {"kind": "Secret", "data": {"OTHER": "MQ=="}}
    assert annotations["mine"] == "kept"
    assert "kubectl-client-side-apply" in str(outcome.data["warnings"])


def test_one_that_is_not_there_is_made(kube: RunningKubernetes, around: Around) -> None:
    outcome = STORE.put(at("prod/fresh"), NEW, around())
    assert outcome.status is Status.DONE
    assert data(kube, "fresh") == {"KEY": NEW["value"].reveal()}


def test_somebody_elses_write_in_between_is_kept(
    kube: RunningKubernetes, around: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    kube.state.secret("prod", "app", {"OTHER": b"1"})
    real, once = secrets._write, []

    def late(cluster: Any, place: Any, found: Any, wanted: Any) -> None:
        if not once:
            once.append(True)
            kube.state.secret("prod", "app", {"OTHER": b"theirs"})
        real(cluster, place, found, wanted)

    monkeypatch.setattr(secrets, "_write", late)
    assert STORE.put(at(), NEW, around()).status is Status.DONE
    assert data(kube) == {"OTHER": b"theirs", "KEY": NEW["value"].reveal()}


def test_what_would_not_keep_the_value_is_refused(kube: RunningKubernetes, around: Around) -> None:
    kube.state.secret("prod", "fixed", {"KEY": b"leaked"}, immutable=True)
    owner = owner_of("ExternalSecret", "behind")
    kube.state.secret("prod", "made", {"KEY": b"x"}, metadata={"ownerReferences": [owner]})
    fixed = STORE.put(at("prod/fixed"), NEW, around())
    assert fixed.status is Status.REFUSED
    assert "immutable" in fixed.reason
    made = STORE.put(at("prod/made"), NEW, around())
    assert made.status is Status.REFUSED
    assert "external-secret:prod/behind" in made.reason
    assert data(kube, "made") == {"KEY": b"x"}


def test_a_missing_right_is_named_in_the_clusters_words(
    kube: RunningKubernetes, around: Around
) -> None:
    kube.state.secret("prod", "app", {"KEY": b"leaked"})
    outcome = STORE.put(at(), NEW, around("get secrets"))
    assert outcome.status is Status.REFUSED
    assert 'cannot patch resource "secrets"' in outcome.reason
    stranger = surroundings(kube.environment("nobodys"), longest=0)
    assert "401" in STORE.put(at(), NEW, stranger).reason


def test_what_reads_it_at_its_start_is_named(kube: RunningKubernetes, around: Around) -> None:
    kube.state.secret("prod", "app", {"KEY": b"leaked"})
    one = {"valueFrom": {"secretKeyRef": {"name": "app", "key": "KEY"}}, "name": "KEY"}
    kube.state.put(
        "deployments",
        "prod",
        "web",
        spec={
            "selector": {},
            "template": {"spec": {"containers": [{"name": "web", "env": [one]}]}},
        },
    )
    outcome = STORE.put(at(), NEW, around())
    assert outcome.data["restart"] == ["deployment/web"]
    assert "rollout restart" in outcome.summary
    weak = STORE.put(at("prod/app"), NEW, around("get secrets", "patch secrets"))
    assert weak.status is Status.UNCHANGED, "not knowing who reads it is no failure"


def test_bytes_that_are_no_text_are_kept(kube: RunningKubernetes, around: Around) -> None:
    binary = {"value": Secret(b"\xff\x00\xfe" * 5)}
    assert STORE.put(at("prod/binary"), binary, around()).status is Status.DONE
    assert data(kube, "binary") == {"KEY": binary["value"].reveal()}


def external(kube: RunningKubernetes, **spec: Any) -> None:
    rows = [{"secretKey": "KEY", "remoteRef": {"key": "prod/app"}}]
    kube.state.put("externalsecrets", "prod", "app", spec={"data": rows, **spec})


def test_an_external_secret_is_forced_and_waited_for(
    kube: RunningKubernetes, around: Around
) -> None:
    external(kube, target={"name": "app-values"})
    kube.state.backend["prod/app"] = NEW["value"].reveal()
    outcome = EXTERNAL.put(at(scheme="external-secret"), NEW, around())
    assert outcome.status is Status.DONE
    assert data(kube, "app-values") == {"KEY": NEW["value"].reveal()}
    again = EXTERNAL.put(at(scheme="external-secret"), NEW, around())
    assert again.status is Status.UNCHANGED
    whole = Target("external-secret", "prod/app", (), "external-secret:prod/app")
    assert EXTERNAL.holds(whole, NEW, around()) is True


@pytest.mark.parametrize(
    ("served", "used"),
    [
        (("v1",), "v1"),
        (("v1beta1",), "v1beta1"),
        (("v1beta1", "v1"), "v1"),
        (("v1alpha1", "v1beta1"), "v1beta1"),
    ],
)
def test_the_version_that_the_cluster_serves_is_used(
    kube: RunningKubernetes, around: Around, served: tuple[str, ...], used: str
) -> None:
    kube.state.served["external-secrets.io"] = served
    external(kube)
    kube.state.backend["prod/app"] = NEW["value"].reveal()
    may = ("get externalsecrets", "patch externalsecrets", "get secrets")
    outcome = EXTERNAL.put(at(scheme="external-secret"), NEW, around(*may))
    assert outcome.status is Status.DONE, outcome.reason
    assert outcome.data["api_version"] == f"external-secrets.io/{used}"
    assert f"externalsecrets.{used}.external-secrets.io/app" in outcome.evidence[0].probe
    assert data(kube) == {"KEY": NEW["value"].reveal()}
    assert EXTERNAL.holds(at(scheme="external-secret"), NEW, around(*may)) is True


@pytest.mark.parametrize("served", [(), ("v1alpha1",)])
def test_a_cluster_without_external_secrets_is_said(
    kube: RunningKubernetes, around: Around, served: tuple[str, ...]
) -> None:
    kube.state.served["external-secrets.io"] = served
    external(kube)
    outcome = EXTERNAL.put(at(scheme="external-secret"), NEW, around())
    assert outcome.status is Status.REFUSED
    assert "external-secrets.io/v1 or external-secrets.io/v1beta1" in outcome.reason
    assert EXTERNAL.holds(at(scheme="external-secret"), NEW, around()) is None


@pytest.mark.parametrize("served", [("v1",), ("v1beta1",), ("v1", "v1beta1")])
def test_one_that_is_not_there_is_no_missing_operator(
    kube: RunningKubernetes, around: Around, served: tuple[str, ...]
) -> None:
    kube.state.served["external-secrets.io"] = served
    outcome = EXTERNAL.put(at(scheme="external-secret"), NEW, around())
    assert outcome.status is Status.REFUSED
    assert 'externalsecrets "app" not found' in outcome.reason


@pytest.mark.parametrize("served", [("v1",), ("v1beta1",)])
def test_a_right_that_is_missing_is_no_missing_version(
    kube: RunningKubernetes, around: Around, served: tuple[str, ...]
) -> None:
    kube.state.served["external-secrets.io"] = served
    external(kube)
    for may, verb in ((("get secrets",), "get"), (("get externalsecrets",), "patch")):
        outcome = EXTERNAL.put(at(scheme="external-secret"), NEW, around(*may))
        assert outcome.status is Status.REFUSED
        assert f'cannot {verb} resource "externalsecrets"' in outcome.reason


def test_two_fetches_within_one_second_are_two(kube: RunningKubernetes, around: Around) -> None:
    """The operator counts whole seconds: what it fetched is told by the object's version, too."""
    external(kube)
    kube.state.lag = 0
    for number in range(4):
        values = {"value": Secret(f"new-{number}-" + "a1B2" * 6)}
        kube.state.backend["prod/app"] = values["value"].reveal()
        outcome = EXTERNAL.put(at(scheme="external-secret"), values, around())
        assert outcome.status is Status.DONE, outcome.reason


def test_an_operator_that_could_not_fetch_is_quoted(
    kube: RunningKubernetes, around: Around
) -> None:
    external(kube)
    short = surroundings(kube.environment(), longest=0.02, seconds=40)
    kube.state.backend["prod/app"] = b"the leaked one"
    assert EXTERNAL.put(at(scheme="external-secret"), NEW, short).status is Status.REFUSED
    del kube.state.backend["prod/app"]
    outcome = EXTERNAL.put(at(scheme="external-secret"), NEW, short)
    assert outcome.status is Status.REFUSED
    assert "could not fetch the value: SecretSyncedError" in outcome.reason
    # Now it is as it was: nobody can tell a second failure from no attempt.
    again = EXTERNAL.put(at(scheme="external-secret"), NEW, short)
    assert again.status is Status.UNKNOWN
    assert "SecretSyncedError" in again.reason


def test_one_whose_target_is_immutable_is_refused(kube: RunningKubernetes, around: Around) -> None:
    external(kube, target={"name": "app", "immutable": True})
    outcome = EXTERNAL.put(at(scheme="external-secret"), NEW, around())
    assert outcome.status is Status.REFUSED
    assert "immutable" in outcome.reason


def test_an_external_secret_that_fetches_something_else_is_said(
    kube: RunningKubernetes, around: Around
) -> None:
    external(kube)
    short = surroundings(kube.environment(), longest=0.02, seconds=40)
    kube.state.backend["prod/app"] = b"the leaked one"
    outcome = EXTERNAL.put(at(scheme="external-secret"), NEW, short)
    assert outcome.status is Status.REFUSED
    assert "before it in the policy" in outcome.reason


def test_an_external_secret_that_fetches_once_is_refused(
    kube: RunningKubernetes, around: Around
) -> None:
    external(kube, refreshPolicy="CreatedOnce")
    outcome = EXTERNAL.put(at(scheme="external-secret"), NEW, around())
    assert outcome.status is Status.REFUSED
    assert "CreatedOnce" in outcome.reason


def test_an_operator_that_does_not_run_is_unknown(kube: RunningKubernetes, around: Around) -> None:
    external(kube)
    kube.state.lag = 3600
    short = surroundings(kube.environment(), longest=0.02, seconds=5)
    assert EXTERNAL.put(at(scheme="external-secret"), NEW, short).status is Status.UNKNOWN


def test_several_kubeconfigs_and_a_named_context(kube: RunningKubernetes, tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    first.write_text(kubeconfig("https://one.example.com", "t1", "one"))
    second.write_text(kubeconfig(kube.server.url, kube.token, "two"))
    environment = {"KUBECONFIG": f"{first}:{second}"}
    assert configuration(environment).context_name == "one"
    assert configuration(environment, "two").cluster.server == kube.server.url
    with pytest.raises(ClusterError, match="it has: one, two"):
        configuration(environment, "three")
    with pytest.raises(ClusterError, match="KUBECONFIG"):
        configuration({"HOME": str(tmp_path)})
    assert own_tokens(environment) == [Secret("t1")]
    outcome = STORE.put(at("prod/app@two"), NEW, surroundings(environment))
    assert outcome.status is Status.DONE
    assert outcome.data["context"] == "two"


def test_a_program_of_the_newer_protocol_makes_the_token(
    kube: RunningKubernetes, tmp_path: Path
) -> None:
    config = json.loads(kubeconfig(kube.server.url, "unused"))
    script = (
        'test -n "$KUBERNETES_EXEC_INFO" && printf \'{"apiVersion":"client.authentication.k8s.io/v1",'
        f'"kind":"ExecCredential","status":{{"token":"{kube.token}"}}}}\''
    )
    program = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "sh",
        "args": ["-c", script],
        "interactiveMode": "Never",
    }
    config["users"] = [{"name": "local", "user": {"exec": program}}]
    file = tmp_path / "config"
    file.write_text(json.dumps(config))
    outcome = STORE.put(at("prod/app"), NEW, surroundings({"KUBECONFIG": str(file)}))
    assert outcome.status is Status.DONE, outcome.reason


def test_a_cluster_in_the_clear_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(kubeconfig("http://cluster.example.com", "t"))
    outcome = STORE.put(at(), NEW, surroundings({"KUBECONFIG": str(file)}))
    assert outcome.status is Status.REFUSED
    assert "https" in outcome.reason
