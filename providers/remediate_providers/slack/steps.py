"""Slack's pages: where a person ends or replaces what no call does."""

from __future__ import annotations

from remediate.model import ManualStep
from remediate.plugins.provider import Held
from remediate_providers.slack.tokens import APP, PART, TOKEN, WEBHOOK, title

_END = {
    TOKEN: "Open the app: OAuth & Permissions > Revoke all OAuth tokens (or remove it from the workspace).",
    APP: "Open the app: Basic Information > App-Level Tokens > the token > Revoke.",
    WEBHOOK: "Open the app: Incoming Webhooks > the trash can beside the address.",
}
_NEW = {
    TOKEN: "Open the app: OAuth & Permissions > Reinstall to workspace. Copy the new token.",
    APP: "Open the app: Basic Information > App-Level Tokens > Generate. Copy it: it is shown once.",
    WEBHOOK: "Open the app: Incoming Webhooks > Add New Webhook to Workspace. Copy the address.",
}
_WHY = {
    TOKEN: "Slack issues a token when its app is installed, and by no call.",
    APP: "Slack has no call that makes an app-level token.",
    WEBHOOK: "Slack has no call that makes a webhook; a person chooses its channel.",
}


def revoke(page: str, held: Held, why: str) -> ManualStep:
    """End it by hand."""
    kind = held.credential.kind
    return ManualStep(
        id=f"revoke-slack-{_short(held)}",
        title=f"Revoke the {title(kind)}",
        why=f"It can't be done by call: {why}.",
        url=page,
        instructions=(
            "Sign in as somebody who may change the app, and find it in the list.",
            _END[kind],
            "Then: remediate resume",
        ),
        check="remediate asks Slack with it, and expects it to be refused.",
    )


def replace(page: str, held: Held) -> ManualStep:
    """Make its successor by hand."""
    kind = held.credential.kind
    return ManualStep(
        id=f"replace-slack-{_short(held)}",
        title=f"Make a new {title(kind)}",
        why=_WHY[kind],
        url=page,
        instructions=(
            "Sign in as somebody who may change the app, and find it in the list.",
            _NEW[kind],
            f"Hand it in: remediate resume --value replace-slack-{_short(held)}",
        ),
        check="remediate asks Slack with it: accepted, of the same workspace, not the old one.",
        takes_value=True,
    )


def _short(held: Held) -> str:
    return held.credential.parts.get(PART, held.id)[:8]
