"""Asking a cluster about a token: alive, dead, or nothing proven.

A token says which account it is for, and not which cluster. One that was never issued there is refused as well: so its
account is looked up first, and a refusal counts only where the account's uid is the one in the token.
"""

from __future__ import annotations

from typing import Any

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence
from remediate.secret import Secret
from remediate_providers.kubernetes.cluster import Cluster, ClusterError
from remediate_providers.kubernetes.tokens import Claims

NO_VALUE = "its value is not at hand any more"


def look(cluster: Cluster, token: Secret, claims: Claims, vendor: VendorContext) -> Check:
    """By TokenReview, with the responder's own rights: the token itself is used for nothing."""
    from lightkube.models.authentication_v1 import TokenReviewSpec
    from lightkube.resources.authentication_v1 import TokenReview

    review = TokenReview(spec=TokenReviewSpec(token=token.reveal_text()))
    try:
        found = cluster.ask(lambda client: client.create(review), "create a TokenReview")
        status = found.to_dict().get("status")
    except ClusterError as error:
        return Check(None, reason=error.reason)
    if not isinstance(status, dict):
        return Check(None, reason=f"{cluster.host} gave no verdict")
    probe = f"POST tokenreviews at {cluster.host}"
    if status.get("authenticated") is True:
        return Check(True, (Evidence(probe, "authenticated", vendor.now()),))
    seen = Evidence(probe, "not authenticated", vendor.now())
    why = stranger(cluster, claims)
    if why:
        return Check(None, (seen,), why)
    return Check(False, (seen,))


def stranger(cluster: Cluster, claims: Claims) -> str:
    """Why this may not be the cluster that issued it; empty where it is."""
    from lightkube.resources.core_v1 import ServiceAccount

    name = f"{claims.namespace}/{claims.account}"
    try:
        found: Any = cluster.ask(
            lambda client: client.get(ServiceAccount, claims.account, namespace=claims.namespace),
            f"get the service account {name}",
        ).to_dict()
    except ClusterError as error:
        if error.code == 404:
            return (
                f"{cluster.host} has no service account {name}: it is gone, or this is another "
                "cluster than the one that issued the token (KUBECONFIG)"
            )
        return error.reason
    uid = (found.get("metadata") or {}).get("uid")
    if claims.uid and uid != claims.uid:
        return (
            f"the service account {name} of {cluster.host} is another one than the token's: it was "
            "made anew, or this is another cluster than the one that issued the token (KUBECONFIG)"
        )
    return ""
