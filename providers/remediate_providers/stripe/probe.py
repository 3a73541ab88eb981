"""Asking Stripe about a key with the key itself: alive, dead, or nothing proven.

``GET /v1/account``: 200 is alive; 403 is alive too, for a restricted key that may not read the account;
401 in Stripe's own form is dead. All else proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from remediate.http import HttpError
from remediate.plugins.outcome import Check, Evidence
from remediate.secret import Secret
from remediate_providers.stripe.server import Api, error_of, mapping, text_of

ACCOUNT = "/v1/account"
NOT_USED = "policy says that the leaked credential is not to be used (use_leaked = false)"

#: 401s that are about the request and not about the key's life.
_NO_PROOF = frozenset({"secret_key_required", "platform_account_required"})


@dataclass(frozen=True)
class Probe:
    """One look at a key."""

    check: Check
    account: Mapping[str, Any] = field(default_factory=dict)
    """What Stripe tells of its account; empty where it told nothing."""

    @property
    def dead(self) -> bool:
        """Whether Stripe refused it."""
        return self.check.alive is False


def look(api: Api, key: Secret, *, leaked: bool, patient: bool) -> Probe:
    """One look; a *patient* one is repeated while Stripe is out of order or limits us."""
    if leaked and not api.vendor.use_leaked:
        return Probe(Check(None, reason=NOT_USED))
    try:
        answer = api.ask("GET", ACCOUNT, key) if patient else api.once(ACCOUNT, key)
    except HttpError as error:
        return Probe(Check(None, reason=api.refusal(error)))
    error_object = error_of(answer)
    code = text_of(error_object, "code") or text_of(error_object, "type") or ""
    saw = " ".join(part for part in (str(answer.status), api.vendor.redact(code)[:60]) if part)
    seen = Evidence(f"GET {ACCOUNT} at {api.server.host}", saw, api.vendor.now())
    data = mapping(answer)
    if answer.status == 200 and data.get("object") == "account":
        return Probe(Check(True, (seen,)), data)
    if answer.status == 403 and error_object and not answer.limited:
        return Probe(Check(True, (seen,)))
    if answer.status == 401 and error_object and code not in _NO_PROOF:
        return Probe(Check(False, (seen,)))
    return Probe(Check(None, (seen,), api.refusal(answer)))
