"""``provider = "kingfisher"``: the last resort, for kinds that only kingfisher can end.

https://github.com/mongodb/kingfisher, 2.14.0 tried. It is run for ``revoke`` alone, with the value on its standard input;
never for its validation over the network, which would try the leaked value at the vendor. So nobody sees the
credential refused, unless the policy names a check of its own.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from remediate.errors import UsageError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Found, Held, Identified, Kind
from remediate_providers.command.program import Ran, run
from remediate_providers.command.provider import (
    NO_VALUE,
    by_hand,
    check,
    check_options,
    command_of,
    watched,
)

NAME = "kingfisher"
UNSEEN = (
    "kingfisher says that it is revoked, and nobody has seen it refused: add a `check` to `with`, or look "
    "at the vendor's page and set insist = true in its [[credential]] table"
)


class KingfisherProvider:
    """Ends; makes nothing new. Knows no kind of its own: the policy names the rule."""

    name = NAME
    kinds: Sequence[Kind] = (
        Kind("kingfisher-rule", "Any other, by a revocation rule of kingfisher's", "api", "none"),
    )
    last_resort = True

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:  # noqa: ARG002
        """Nothing: the shapes of these kinds tell nothing without the text around them."""
        return ()

    def check_options(self, options: Mapping[str, Json]) -> None:
        """See `remediate.plugins.provider.TakesAny`."""
        check_options(options, ("rule", "check", "seconds"))
        if not isinstance(options.get("rule"), str):
            raise UsageError(
                "`rule` is missing in `with`.",
                hint='As in with = { rule = "betterleaks.twitch-api-token" }; `kingfisher rules list` '
                "shows them.",
            )

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """See `remediate.plugins.provider.Checks`: by the policy's own program, never by kingfisher."""
        return check(held, vendor)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """See `remediate.plugins.provider.Revokes`."""
        return {held.id: _revoke(held, vendor) for held in batch}


def _revoke(held: Held, vendor: VendorContext) -> Outcome:
    options = vendor.settings.get("with")
    rule = options.get("rule") if isinstance(options, Mapping) else None
    if not isinstance(rule, str):
        return by_hand(held, "the policy names no rule of kingfisher's")
    if len(held.values) != 1:
        return by_hand(held, NO_VALUE if not held.values else "kingfisher takes one value")
    if not vendor.use_leaked:
        return by_hand(held, "policy says that the leaked one is not to be used")
    checked = bool(command_of(vendor, "check"))
    before = check(held, vendor)
    if before.alive is False:
        return Outcome(Status.DONE, f"Your check refuses {held.id}", evidence=before.evidence)
    program = _program(vendor)
    if program is None:
        return by_hand(held, "kingfisher is not installed: pip install kingfisher-bin")
    # "-": the value is read from standard input. No check for updates, and no retry of what may have worked.
    command = [program, "revoke", "--no-update-check", "--rule", rule, "--format", "json", "-"]
    (value,) = held.values.values()
    ran = run(command, value.reveal(), vendor, {})
    status, words = _answer(ran, vendor)
    seen = Evidence(f"kingfisher revoke --rule {rule}", f"{status}: {words}"[:200], vendor.now())
    if status in ("revoked", "not_found", "unknown"):
        if checked:
            return watched(held, vendor, [seen], "")
        if status != "unknown" and vendor.settings.get("insist") is True:
            text = f"kingfisher says that {held.id} is {status.replace('_', ' ')}, and you insist"
            return Outcome(Status.DONE, text, evidence=(seen,))
        reason = UNSEEN if status != "unknown" else f"kingfisher could not tell: {words}"
        step = by_hand(held, reason).manual
        summary = f"kingfisher was asked to end {held.id}; it has not been seen refused"
        return Outcome(Status.UNKNOWN, summary, reason, (seen,), manual=step)
    return by_hand(held, f"kingfisher: {words}", (seen,))


def _answer(ran: Ran, vendor: VendorContext) -> tuple[str, str]:
    """kingfisher's ``revocation_status`` and message, or what else is known."""
    try:
        data = json.loads(ran.output)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict) and isinstance(data.get("revocation_status"), str):
        words = vendor.redact(str(data.get("message", "")))[:200]
        return str(data["revocation_status"]).lower().replace(" ", "_"), words
    if ran.code is None and ran.started:
        return "unknown", ran.said  # stopped: it may have worked
    return "failed", ran.said or f"it ended with {ran.code}"


def _program(vendor: VendorContext) -> str | None:
    """kingfisher from an absolute entry of PATH: a relative one could lie in the very repository."""
    entries = vendor.environment.get("PATH", "").split(os.pathsep)
    path = os.pathsep.join(entry for entry in entries if Path(entry).is_absolute())
    return shutil.which("kingfisher", path=path) if path else None
