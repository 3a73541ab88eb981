"""The manual steps: what a person types, where no call is right."""

from __future__ import annotations

from remediate.model import ManualStep
from remediate.plugins.provider import Held
from remediate_providers.kubernetes.tokens import Claims


def revoke(held: Held, claims: Claims | None, why: str) -> ManualStep:
    """End the token by hand."""
    return ManualStep(
        id=f"revoke-{_name(held)}",
        title="End the leaked service-account token",
        why=_why(why),
        instructions=(*_ending(claims), "Then: remediate resume"),
        check="remediate asks the cluster (TokenReview) until it refuses the token",
    )


def _ending(claims: Claims | None) -> tuple[str, ...]:
    point = "Point KUBECONFIG at the cluster that issued it: kubectl config current-context"
    if claims is None:
        return (point,)
    account = f"kubectl -n {claims.namespace} delete serviceaccount {claims.account}"
    again = "then make it again with its roles: each of its tokens ends with it"
    if claims.object_kind in ("secret", "pod") and claims.object_name:
        line = f"kubectl -n {claims.namespace} delete {claims.object_kind} {claims.object_name}"
        return (point, f"{line} (the token ends with it)", f"Or: {account}, {again}")
    return (point, f"{account}, {again}", "Or wait until it ends by itself; the record says when.")


def replace(held: Held, claims: Claims | None, why: str) -> ManualStep:
    """Make a new token by hand and hand it in."""
    account = claims.account if claims is not None else "NAME"
    namespace = claims.namespace if claims is not None else "NAMESPACE"
    return ManualStep(
        id=f"replace-{_name(held)}",
        title="Make a new service-account token and hand it in",
        why=_why(why),
        instructions=(
            f"For a short time: kubectl -n {namespace} create token {account}",
            "For a lasting one: a Secret of the type kubernetes.io/service-account-token",
            f"Hand it in: remediate resume --value replace-{_name(held)}",
        ),
        check="remediate asks the cluster whether it is accepted",
        takes_value=True,
    )


def _name(held: Held) -> str:
    return held.id.replace(":", "-")


def _why(reason: str) -> str:
    return f"It can't be done by call: {reason}."
