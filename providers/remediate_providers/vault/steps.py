"""The manual steps: what a person types, where no call can."""

from __future__ import annotations

from remediate.model import ManualStep
from remediate.plugins.provider import Held
from remediate_providers.vault.kinds import BATCH, RECOVERY


def revoke(held: Held, why: str) -> ManualStep:
    """End the token by hand."""
    return ManualStep(
        id=f"revoke-{_name(held)}",
        title="End the leaked Vault token",
        why=_why(why),
        instructions=(*_ending(held.credential.kind), "Then: remediate resume"),
        check="remediate looks the token up until the server refuses it",
    )


def _ending(kind: str) -> tuple[str, ...]:
    if kind == BATCH:
        return (
            (
                "A batch token has no accessor and can't be revoked. It dies with the token that made it, "
                "or when its time is over (the record names it)."
            ),
            "Revoke its parent, if that is known: vault token revoke -accessor ACCESSOR",
            "Else take its policies' rights away until it has ended: vault policy write NAME FILE",
        )
    if kind == RECOVERY:
        return (
            "A recovery token opens a server in recovery mode, and nothing else.",
            "Stop the server that runs in recovery mode: the token ends with it.",
        )
    return (
        "Point VAULT_ADDR (and VAULT_NAMESPACE) at the server that issued it.",
        "With a token that may: vault token revoke - (the leaked one on standard input)",
        "Without one: VAULT_TOKEN from a prompt, then vault token revoke -self",
    )


def replace(held: Held, why: str, more: tuple[str, ...] = ()) -> ManualStep:
    """Make a new token by hand and hand it in."""
    return ManualStep(
        id=f"replace-{_name(held)}",
        title="Make a new Vault token and hand it in",
        why=_why(why),
        instructions=(
            *more,
            "With the policies of the old one and no more: vault token create -orphan -policy=NAME",
            f"Hand it in: remediate resume --value replace-{_name(held)}",
        ),
        check="remediate looks it up: it lives, and is not the old one",
        takes_value=True,
    )


def stray(held: Held, name: str) -> ManualStep:
    """Look for a token that may have been made when its answer was lost."""
    return ManualStep(
        id=f"stray-{_name(held)}",
        title=f"Look for a token named {name} and revoke it",
        why="The answer to its making was lost, and the list of tokens could not be read since.",
        instructions=(
            (
                "With rights to auth/token/accessors: vault list auth/token/accessors, and for each "
                "vault token lookup -accessor ACCESSOR"
            ),
            f"One whose display_name is token-{name}: vault token revoke -accessor ACCESSOR",
            "Without them it ends when its time is over. Then: remediate resume",
        ),
        check="remediate makes a new token with another name",
    )


def _name(held: Held) -> str:
    return held.id.replace(":", "-")


def _why(reason: str) -> str:
    return f"It can't be done by call: {reason}."
