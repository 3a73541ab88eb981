"""Asking a server about a token: alive, dead, or nothing proven.

The responder's own token is asked with first: ``auth/token/lookup`` takes the other in its body and does not
spend a use of one that has few. What is dead is answered ``403 bad token`` there. A token that asks about
itself gets ``403 permission denied`` when it is dead, and the same in a list of errors where a policy of its own
forbids the question (both tried with OpenBao 2.7.2; Vault adds ``invalid token`` to the first).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from remediate.http import Answer, HttpError
from remediate.plugins.outcome import Check, Evidence
from remediate.secret import Secret
from remediate_providers.vault.server import HOW, Api, data_of, said

LOOKUP = "auth/token/lookup"
SELF = "auth/token/lookup-self"
NOT_USED = (
    "policy says that the leaked token is not to be used (use_leaked = false), and looking it up "
    f"wants one of yours: {HOW}"
)


@dataclass(frozen=True)
class Look:
    """One look at a token."""

    check: Check
    data: Mapping[str, Any] = field(default_factory=dict)
    """What the server keeps of it, without the token; empty where it told nothing."""

    def text(self, name: str) -> str:
        """A field that should be text; empty where it is not."""
        value = self.data.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        """A field that should be a number (seconds, uses); 0 where it is not."""
        value = self.data.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else 0

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies that it has of its own."""
        value = self.data.get("policies")
        return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def look(api: Api, token: Secret, *, leaked: bool) -> Look:
    """What the server says of *token*: with the responder's own, else with *token* itself."""
    own = api.responder.token
    first: Look | None = None
    if own is not None and own != token:
        first = _ask(api, "POST", LOOKUP, own, {"token": token.reveal_text()})
        if first.check.alive is not None:
            return first
    if leaked and not api.vendor.use_leaked:
        return first or Look(Check(None, reason=NOT_USED))
    found = _ask(api, "GET", SELF, token, None)
    return found if found.check.alive is not None or first is None else first


def _ask(api: Api, method: str, path: str, token: Secret, json: object | None) -> Look:
    try:
        answer = api.ask(method, path, token, json=json, repeat=True)
    except HttpError as error:
        return Look(Check(None, reason=api.refusal(error)))
    words = said(answer)
    saw = f"{answer.status} {api.vendor.redact(words)[:60]}".strip()
    seen = (Evidence(f"{method} {path} at {api.host}", saw, api.vendor.now()),)
    data = data_of(answer)
    if answer.status == 200 and isinstance(data.get("policies"), list):
        kept = {name: value for name, value in data.items() if name != "id"}
        return Look(Check(True, seen), kept)
    if answer.status == 403 and not answer.limited and _is_dead(path, words):
        return Look(Check(False, seen))
    return Look(Check(None, seen, _reason(api, answer, path, words)))


def _is_dead(path: str, words: str) -> bool:
    if path == LOOKUP:
        return words == "bad token"
    return words == "permission denied" or "invalid token" in words


def _reason(api: Api, answer: Answer, path: str, words: str) -> str:
    if answer.status == 403 and "permission denied" in words:
        who = "your token" if path == LOOKUP else "the token itself"
        return f"{api.host} does not let {who} look it up: a policy with {path} is missing"
    return api.refusal(answer)
