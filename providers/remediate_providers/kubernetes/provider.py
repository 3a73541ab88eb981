"""Kubernetes as a provider: what each part does stands in its own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Facts, Outcome
from remediate.plugins.provider import Found, Held, Identified, Reissued
from remediate.plugins.standing import Standing, not_asked
from remediate.secret import Secret
from remediate_providers.kubernetes import tokens
from remediate_providers.kubernetes.cluster import HOW, Cluster, ClusterError, own_tokens
from remediate_providers.kubernetes.look import NO_VALUE, look
from remediate_providers.kubernetes.tokens import Claims


class KubernetesProvider:
    """Tokens of service accounts. lightkube is imported when a cluster is asked, and is an extra."""

    name = tokens.NAME
    how = HOW
    kinds = tokens.KINDS

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """See `remediate.plugins.provider.Provider.identify`."""
        return tokens.identify(found)

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """See `remediate.plugins.provider.Describes`: the account, and the roles that are bound to it."""
        claims = tokens.claims_of(tokens.token_of(held))
        if claims is None:
            return Facts(unknown={"owner": NO_VALUE})
        known: dict[str, Json] = {
            "owner": f"{claims.namespace}/{claims.account}",
            "issuer": claims.issuer,
        }
        if claims.expires:
            known["expires_at"] = claims.expires
        unknown = {"last_used": "a cluster tells it in its audit log alone"}
        try:
            with Cluster(vendor) as cluster:
                known["scopes"] = list(_roles(cluster, claims))
                seen = Evidence(
                    f"GET rolebindings, clusterrolebindings at {cluster.host}", "read", vendor.now()
                )
                return Facts(known, unknown, (seen,))
        except ClusterError as error:
            return Facts(known, {**unknown, "scopes": error.reason})

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """See `remediate.plugins.provider.Checks`."""
        token = tokens.token_of(held)
        claims = tokens.claims_of(token)
        if token is None or claims is None:
            return Check(None, reason=NO_VALUE)
        try:
            with Cluster(vendor) as cluster:
                return look(cluster, token, claims, vendor)
        except ClusterError as error:
            return Check(None, reason=error.reason)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """See `remediate.plugins.provider.Revokes`."""
        from remediate_providers.kubernetes import revoke

        return revoke.revoke(batch, vendor)

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:  # noqa: ARG002
        """See `remediate.plugins.provider.Reissues`."""
        from remediate_providers.kubernetes import reissue

        return reissue.before_reissue(held)

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """See `remediate.plugins.provider.Reissues`."""
        from remediate_providers.kubernetes import reissue

        return reissue.reissue(held, vendor)

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """See `remediate.plugins.provider.Reissues`."""
        from remediate_providers.kubernetes import reissue

        return reissue.reconcile_reissue(held, before, vendor)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """See `remediate.plugins.provider.Accepts`."""
        from remediate_providers.kubernetes import reissue

        return reissue.accept(held, value, vendor)

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """See `remediate.plugins.provider.ConfirmsNew`."""
        from remediate_providers.kubernetes import reissue

        return reissue.confirm(new, vendor)

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:  # noqa: ARG002
        """See `remediate.plugins.provider.Investigates`. A cluster shows its audit log to no call."""
        owner = held.credential.labels.get("service_account", "")
        reason = (
            "a cluster writes requests to its audit log, where that is on, and shows it to no call: search "
            f"it for the service account {owner}"
        )
        return Facts(unknown={"events": reason})

    def standing(self, vendor: VendorContext) -> Standing | None:
        """What is needed; what there is is told to nobody before it is used."""
        return (
            not_asked(
                ("end tokens", "get and delete on secrets"),
                ("make new ones", "get and create on secrets"),
                ("see whether one lives", "create on tokenreviews"),
            )
            if self.responder_values(vendor)
            else None
        )

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """See `remediate.plugins.provider.NamesResponder`."""
        return own_tokens(vendor.environment)


def _roles(cluster: Cluster, claims: Claims) -> list[str]:
    """The roles that are bound to the account by name. Raises `ClusterError`."""
    from lightkube.resources.rbac_authorization_v1 import ClusterRoleBinding, RoleBinding

    found = []
    kinds: tuple[Any, ...] = (ClusterRoleBinding, RoleBinding)
    for kind in kinds:
        namespace = claims.namespace if kind is RoleBinding else None
        for item in cluster.ask(
            lambda client, kind=kind, at=namespace: list(client.list(kind, namespace=at)),  # type: ignore[misc]
            "list role bindings",
        ):
            whole = item.to_dict()
            for subject in whole.get("subjects") or ():
                if (
                    subject.get("kind") == "ServiceAccount"
                    and subject.get("name") == claims.account
                    and subject.get("namespace", claims.namespace) == claims.namespace
                ):
                    role = whole.get("roleRef") or {}
                    found.append(f"{role.get('kind')}/{role.get('name')}")
    return sorted(set(found))
