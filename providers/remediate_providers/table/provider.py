"""The table provider: knows many vendors' credentials by their shape, and says what a person does."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from remediate.clock import rfc3339
from remediate.model import Credential, Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Outcome, Status
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate.secret import Secret
from remediate_providers.table.pem import identity
from remediate_providers.table.row import Row
from remediate_providers.table.rows import BY_KIND, JWT, PRIVATE_KEY, ROWS, row_of

NAME = "table"
UNSEEN = "Nothing: remediate has no way to see at this vendor whether it worked."


class TableProvider:
    """Everything recognised by a prefix, of vendors without a provider of their own."""

    name = NAME
    kinds: Sequence[Kind] = tuple(row.as_kind for row in ROWS)

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:
        """A credential for each value; one for all the wrappings of one private key."""
        single: list[Identified] = []
        keys: dict[str, list[Found]] = {}
        public: set[str] = set()
        for one in found:
            row = row_of(one.value)
            if row is PRIVATE_KEY:
                mark, is_public = identity(one.value)
                keys.setdefault(mark, []).append(one)
                public |= {mark} if is_public else set()
            elif row is not None:
                single.append(_single(row, one))
        return [*single, *(_key(mark, ones, mark in public) for mark, ones in keys.items())]

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:  # noqa: ARG002
        """A manual step for each: where, and what to click."""
        return {held.id: _by_hand(held) for held in batch}

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:  # noqa: ARG002
        """Nothing: a person makes the new one."""
        return {}

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:  # noqa: ARG002
        """The step that makes a new one; nothing for what lives an hour."""
        row = BY_KIND[held.credential.kind]
        if not row.reissue:
            reason = "it lives for a short time, and what uses it makes another by itself"
            return Reissued(Outcome(Status.SKIPPED, f"{held.id} needs no successor", reason=reason))
        step = ManualStep(
            id=f"replace-{row.vendor}-{_short(held)}",
            title=f"Make a new one: {row.title}",
            why="remediate has no call that makes one at this vendor.",
            url=row.page,
            instructions=_lines(row, row.new, "Copy it, and hand it in here."),
            check="Its shape, and that it is not the old one; the vendor is not asked.",
            takes_value=True,
        )
        return Reissued(
            Outcome(Status.MANUAL, f"{held.id} needs a successor", reason=step.why, manual=step)
        )

    def reconcile_reissue(
        self,
        held: Held,
        before: Mapping[str, Json],  # noqa: ARG002
        vendor: VendorContext,  # noqa: ARG002
    ) -> Outcome:
        """Nothing can have been made: no call of ours makes any."""
        return Outcome(
            Status.UNCHANGED,
            f"No successor of {held.id} was made by us",
            reason="no call makes one",
        )

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:  # noqa: ARG002
        """A value that is not the old one, nor surely another vendor's. Its vendor is not asked."""
        row = BY_KIND[held.credential.kind]
        value = _trimmed(value)
        if not value:
            return _no("it is empty")
        if value in held.values.values() or _same_key(held, value):
            return _no("it is the leaked one itself")
        other = row_of(value)
        if other is not None and other.vendor != row.vendor:
            return _no(f"it has the shape of another kind: {other.title}")
        if row is PRIVATE_KEY and other is not PRIVATE_KEY:
            return _no("it is not a private key: one begins with -----BEGIN")
        note = "" if other is not None else "its shape is not one that this kind had before"
        summary = f"Took in a new value for {held.id}; its vendor was not asked"
        return Reissued(
            Outcome(
                Status.DONE,
                f"{summary}; {note}" if note else summary,
                data={"note": note} if note else {},
            ),
            {"value": value},
        )


def _single(row: Row, one: Found) -> Identified:
    return Identified(
        Credential(
            id=f"{row.vendor}:{one.fingerprint[:12]}",
            provider=NAME,
            kind=row.kind,
            parts={"value": one.fingerprint},
            labels=_claims(one.value) if row is JWT else {},
        ),
        {one.fingerprint: row.kind},
    )


def _key(mark: str, ones: Sequence[Found], public: bool) -> Identified:
    """All the wrappings of one key, in an order that a report does not decide."""
    ordered = sorted({one.fingerprint for one in ones})
    parts = {
        "value" if at == 1 else f"value-{at}": fingerprint
        for at, fingerprint in enumerate(ordered, 1)
    }
    return Identified(
        Credential(
            id=f"{PRIVATE_KEY.vendor}:{mark[:12] if public else ordered[0][:12]}",
            provider=NAME,
            kind=PRIVATE_KEY.kind,
            parts=parts,
            public_id=f"sha256:{mark}" if public else None,
        ),
        dict.fromkeys(ordered, PRIVATE_KEY.kind),
    )


def _by_hand(held: Held) -> Outcome:
    row = BY_KIND[held.credential.kind]
    step = ManualStep(
        id=f"revoke-{row.vendor}-{_short(held)}",
        title=f"End it: {row.title}",
        why="remediate has no call that ends one at this vendor.",
        url=row.page,
        instructions=_lines(row, row.end),
        check=UNSEEN,
    )
    return Outcome(
        Status.MANUAL, f"{held.id} has to be ended by hand", reason=step.why, manual=step
    )


def _lines(row: Row, *more: str) -> tuple[str, ...]:
    return (row.where, *more) if row.where else more


def _short(held: Held) -> str:
    return held.credential.parts.get("value", held.id)[:8]


def _trimmed(value: Secret) -> Secret:
    raw = value.reveal().strip()
    # OpenSSH reads no key file whose last line is not ended.
    return Secret(raw + b"\n" if raw.startswith(b"-----BEGIN") else raw)


def _same_key(held: Held, value: Secret) -> bool:
    if row_of(value) is not PRIVATE_KEY:
        return False
    mark = identity(value)
    return any(mark == identity(old) for old in held.values.values())


def _claims(value: Secret) -> dict[str, str]:
    """Who issued a JWT and when it ends by itself: claims that are no secret (RFC 7519, 4.1)."""
    try:
        middle = value.reveal().split(b".")[1]
        data = json.loads(base64.urlsafe_b64decode(middle + b"=" * (-len(middle) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    if not isinstance(data, dict):
        return {}
    labels = {}
    issuer, ends = data.get("iss"), data.get("exp")
    if isinstance(issuer, str) and issuer.isprintable() and 0 < len(issuer) <= 200:
        labels["issuer"] = issuer
    if isinstance(ends, int | float) and not isinstance(ends, bool):
        try:
            labels["expires"] = rfc3339(datetime.fromtimestamp(ends, UTC))
        except (ValueError, OverflowError, OSError):
            return labels
    return labels


def _no(reason: str) -> Reissued:
    return Reissued(Outcome(Status.REFUSED, "The value was not taken", reason=reason))
