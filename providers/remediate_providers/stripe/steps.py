"""The manual steps: what a person does at which page, where no call can."""

from __future__ import annotations

from remediate.model import ManualStep
from remediate.plugins.provider import Held
from remediate_providers.stripe.kinds import WEBHOOK, is_live
from remediate_providers.stripe.server import Server


def revoke(server: Server, held: Held, why: str) -> ManualStep:
    """End the old value by hand: rolling does that, and shows the new one."""
    webhook = held.credential.kind == WEBHOOK
    return ManualStep(
        id=f"revoke-{_name(held)}",
        title="Roll the leaked webhook secret" if webhook else "Roll the leaked Stripe key",
        why=_why(why),
        url=_page(server, held),
        instructions=(
            *_roll(held),
            f"Keep what is shown: it is asked for next, as replace-{_name(held)}.",
            "Then: remediate resume",
        ),
        check=(
            "Stripe has no way to ask about a webhook secret: nothing is checked"
            if webhook
            else "remediate asks Stripe with the old key until it is refused"
        ),
    )


def replace(server: Server, held: Held, why: str) -> ManualStep:
    """Hand in the new value."""
    webhook = held.credential.kind == WEBHOOK
    return ManualStep(
        id=f"replace-{_name(held)}",
        title="Hand in the new webhook secret" if webhook else "Hand in the new Stripe key",
        why=_why(why),
        url=_page(server, held),
        instructions=(
            *_roll(held),
            "Where it was rolled before: take the value that was shown then.",
            f"Hand it in: remediate resume --value replace-{_name(held)}",
        ),
        check=(
            "remediate looks at its form"
            if webhook
            else "remediate asks Stripe whether the new key works and the old one is refused"
        ),
        takes_value=True,
    )


def stray(server: Server, held: Held, name: str) -> ManualStep:
    """Look for a key that may have been made when its answer was lost."""
    return ManualStep(
        id=f"stray-{_name(held)}",
        title=f"Look for a key named {name} and expire it",
        why="The answer to its making was lost, and the list of keys could not be read since.",
        url=server.page("apikeys", is_live(held.credential)),
        instructions=(
            f"If a key named {name} is listed: … > Expire key",
            "Then: remediate resume",
        ),
        check="remediate makes a new key with another name",
    )


def stray_endpoint(server: Server, held: Held, name: str) -> ManualStep:
    """Look for an endpoint that may have been made when its answer was lost."""
    return ManualStep(
        id=f"stray-{_name(held)}",
        title=f"Look for a webhook endpoint with the metadata remediate = {name} and delete it",
        why="The answer to its making was lost, and the list of endpoints could not be read since.",
        url=_page(server, held),
        instructions=(
            f"If an endpoint has the metadata remediate = {name}: … > Delete",
            "Then: remediate resume",
        ),
        check="remediate makes a new endpoint with another name",
    )


def _roll(held: Held) -> tuple[str, ...]:
    if held.credential.kind == WEBHOOK:
        return (
            "Find the endpoint whose signatures are checked with the leaked secret.",
            "… > Roll secret… > expire the old one immediately",
        )
    return (
        "Find the leaked key in the list (its last characters are shown there).",
        "… > Roll key… > expiration: now > Roll API key",
        "A key that a platform manages is rolled there: docs.stripe.com/keys/managed-api-keys",
    )


def _page(server: Server, held: Held) -> str:
    page = "webhooks" if held.credential.kind == WEBHOOK else "apikeys"
    return server.page(page, is_live(held.credential))


def _name(held: Held) -> str:
    return held.id.replace(":", "-")


def _why(reason: str) -> str:
    return f"It can't be done by call: {reason}."
