"""The successor of a GitHub token: made by a person, looked at by us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate_providers.accepting import not_seen, not_taken
from remediate_providers.github import facts, pages
from remediate_providers.github.probe import FIRST_PAUSE, Probe, look
from remediate_providers.github.server import Api, Server
from remediate_providers.github.tokens import INSTALLATION, PART, REFRESH, kind_of, kind_title

SPREADING = 2.0
"""Seconds of the longest pause while a new token is not accepted yet; some four seconds in all."""


def reissue(held: Held, vendor: VendorContext) -> Reissued:
    """The manual step that makes a new one; nothing for what an app makes anew every hour."""
    if held.credential.kind == INSTALLATION:
        return Reissued(
            Outcome(
                Status.SKIPPED,
                f"{held.id} needs no successor from us",
                reason="its app makes a new installation token every hour by itself",
            )
        )
    step = pages.replace_step(Server.of(vendor.environment), held, vendor.known)
    return Reissued(
        Outcome(Status.MANUAL, f"{held.id} needs a successor", reason=step.why, manual=step)
    )


def accept(held: Held, value: Secret, vendor: VendorContext) -> Reissued:
    """Look at what a person brought: its shape, that it is new, that GitHub takes it for the same account."""
    value = Secret(value.reveal().strip())
    kind = kind_of(value)
    if kind is None:
        return not_taken(
            "this is not a GitHub token: one begins with ghp_, github_pat_, gho_ or ghu_"
        )
    if kind in (INSTALLATION, REFRESH) and kind != held.credential.kind:
        return not_taken(f"this is a {kind_title(kind)}, which does not stand in for the old token")
    if value == held.values.get(PART):
        return not_taken("this is the leaked token itself")
    if kind == REFRESH:
        return _yes(held, value, "nothing tells whether GitHub takes a refresh token", Check(None))
    with Api(vendor) as api:
        probe = look(api, kind, value, _own(vendor), patient=True)
        if probe.check.alive is False:
            return not_taken(
                f"{api.server.host} refuses it (401 Bad credentials)", probe.check.evidence
            )
    if probe.check.alive is None:
        return not_seen(probe.check, "token")
    owner, before = facts.login(probe), vendor.known.get("owner")
    if isinstance(before, str) and before and owner != before:
        return not_taken(
            f"it belongs to {owner}; the leaked one belonged to {before}", probe.check.evidence
        )
    return _yes(held, value, _difference(probe, vendor.known), probe.check, owner)


def confirm(new: Held, vendor: VendorContext) -> Check:
    """Whether GitHub accepts the new token, within the few seconds that it may take to spread."""
    token = new.values.get(PART)
    if token is None:
        return Check(None, reason="its value is not at hand")
    kind = kind_of(token) or new.credential.kind
    pause = FIRST_PAUSE
    with Api(vendor) as api:
        while True:
            probe = look(api, kind, token, _own(vendor), patient=True)
            if probe.check.alive is not False or pause > SPREADING or not api.patience.wait(pause):
                return probe.check
            pause *= 2


def _own(vendor: VendorContext) -> VendorContext:
    """For looking at a new token: ``use_leaked`` is about the leaked one alone."""
    return replace(vendor, use_leaked=True)


def _difference(probe: Probe, known: Mapping[str, Json]) -> str:
    """What the new token may do that the old one could not, and the other way round."""
    old = known.get("scopes")
    new = facts.scopes(probe.answer) if probe.answer is not None else None
    if not isinstance(old, list | tuple) or new is None:
        return ""
    missing = sorted({str(s) for s in old} - set(new))
    more = sorted(set(new) - {str(s) for s in old})
    parts = [f"without {', '.join(missing)}"] if missing else []
    parts += [f"with {', '.join(more)} besides"] if more else []
    return " and ".join(parts)


def _yes(held: Held, value: Secret, note: str, check: Check, owner: str | None = None) -> Reissued:
    summary = f"Took in a new token for {held.id}"
    data: dict[str, Json] = {"kind": kind_of(value)}
    if owner:
        data["owner"] = owner
    if note:
        data["note"] = note
    return Reissued(
        Outcome(
            Status.DONE,
            f"{summary}: {note}" if note else summary,
            evidence=check.evidence,
            data=data,
        ),
        {PART: value},
    )
