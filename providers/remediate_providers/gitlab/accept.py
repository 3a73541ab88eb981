"""A new value that a person brings, and whether a new one works."""

from __future__ import annotations

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Outcome, Status
from remediate.plugins.provider import Held, Reissued
from remediate.secret import Secret
from remediate_providers.accepting import not_seen, not_taken
from remediate_providers.gitlab.facts import describe
from remediate_providers.gitlab.probe import look
from remediate_providers.gitlab.server import Api
from remediate_providers.gitlab.tokens import ACCESS, PART, RUNNER, kind_of, title, token_of
from remediate_providers.rest import NO_VALUE, text_of

SPREAD = (0.5, 1.0, 2.0)
"""Seconds between looks at a new token that is refused: replicas may be behind."""


def accept(held: Held, value: Secret, vendor: VendorContext) -> Reissued:
    """See `remediate.plugins.provider.Accepts.accept`."""
    value = Secret(value.reveal().strip())
    kind = held.credential.kind
    if value == token_of(held):
        return not_taken("it is the leaked token itself")
    if kind_of(value) != kind:
        return not_taken(f"it does not look like a {title(kind)}")
    if kind not in (ACCESS, RUNNER):
        return Reissued(
            Outcome(Status.DONE, f"Took in a new value for {held.id}; GitLab was not asked"),
            {PART: value},
        )
    with Api(vendor) as api:
        probe = look(api, kind, value, leaked=False)
    if probe.check.alive is False:
        return not_taken("GitLab refuses it", probe.check.evidence)
    if probe.check.alive is None:
        return not_seen(probe.check, "token")
    new = Held(held.credential, {PART: value})
    owner, before = text_of(describe(new, vendor).known, "owner"), text_of(vendor.known, "owner")
    if kind == ACCESS and owner and before and owner != before and not _bots(owner, before):
        return not_taken(f"it is of {owner}, and the leaked one of {before}", probe.check.evidence)
    return Reissued(
        Outcome(Status.DONE, f"Took in a new token for {held.id}", evidence=probe.check.evidence),
        {PART: value},
    )


def confirm(new: Held, vendor: VendorContext) -> Check:
    """See `remediate.plugins.provider.ConfirmsNew.confirm`."""
    token = token_of(new)
    if token is None:
        return Check(None, reason=NO_VALUE)
    kind = kind_of(token) or new.credential.kind
    if kind not in (ACCESS, RUNNER):
        return Check(None, reason="GitLab has no way to ask about such a token")
    with Api(vendor) as api:
        probe = look(api, kind, token, leaked=False)
        for pause in SPREAD:
            if probe.check.alive is not False or not api.patience.wait(pause):
                break
            probe = look(api, kind, token, leaked=False)
        return probe.check


def _bots(one: str, other: str) -> bool:
    """Whether both are bots of the same project or group: each of its tokens has a bot of its own."""
    home = one.partition("_bot")[0]
    return home.startswith(("project_", "group_")) and other.partition("_bot")[0] == home
