"""The table provider: many vendors' credentials, known by their shape, each dealt with as its row says.

A row's calls are data (`remediate_providers.table.calls`); what is no call is a step for a person.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from remediate.clock import rfc3339
from remediate.model import Credential, Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Facts, Outcome, Status
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate.secret import Secret
from remediate.wording import sentence
from remediate_providers.accepting import not_taken
from remediate_providers.table import renew, revoke
from remediate_providers.table.asking import ACCEPTED_BY, Line, dig, own_values
from remediate_providers.table.pem import identity, locked, ssh_fingerprint, unreadable
from remediate_providers.table.row import Row
from remediate_providers.table.rows import BY_KIND, JWT, PRIVATE_KEY, ROWS, row_of

NAME = "table"
UNSEEN = "Nothing: remediate has no way to see at this vendor whether it worked."
SEEN = "remediate asks the vendor with it, and expects to be refused."
NO_PROBE = "remediate has no way to ask this vendor about it"
SPREADING = (0.5, 1.0, 2.0)
"""Seconds between looks at a new value that is not accepted yet."""


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

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """Whose it is and what it may do, where its vendor tells that to whoever holds it."""
        row = BY_KIND[held.credential.kind]
        if row is PRIVATE_KEY:
            return _of_key(held)
        if row.calls is None:
            return Facts(unknown={"owner": NO_PROBE})
        with Line(row.calls, held, vendor) as line:
            looked = line.look()
            if looked.check.alive is not True or looked.answer is None:
                why = (
                    looked.check.reason
                    or "it is dead already: its vendor says nothing of it any more"
                )
                return Facts(unknown={"owner": why}, evidence=looked.check.evidence)
            data = looked.answer.json()
            told = {name: dig(data, path) for name, path in row.calls.check.tells.items()}
            known = {name: fact for name, fact in told.items() if _public(fact)}
            unknown = {
                name: f"{line.host} does not tell" for name in ("owner", *told) if name not in known
            }
            return Facts({**known, ACCEPTED_BY: line.host}, unknown, looked.check.evidence)

    def preserve(self, held: Held, vendor: VendorContext) -> Facts:
        """What `describe` tells: none of these vendors tells more, and it dies with the credential."""
        return self.describe(held, vendor)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """Whether its vendor accepts it now."""
        row = BY_KIND[held.credential.kind]
        if row.calls is None:
            return Check(None, reason=NO_PROBE)
        with Line(row.calls, held, vendor) as line:
            return line.look().check

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """By the vendor's own call where there is one, and seen refused; else a step for a person."""
        return revoke.revoke(
            [(BY_KIND[held.credential.kind], held) for held in batch], vendor, _by_hand
        )

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """The ids that exist, where a call makes the new one; nothing where a person does."""
        calls = BY_KIND[held.credential.kind].calls
        if calls is None or calls.renew is None:
            return {}
        return renew.before(calls, calls.renew, held, vendor)

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """A new one by call, or the step that makes it; nothing for what lives an hour."""
        row = BY_KIND[held.credential.kind]
        if not row.reissue:
            reason = "it lives for a short time, and what uses it makes another by itself"
            return Reissued(Outcome(Status.SKIPPED, f"{held.id} needs no successor", reason=reason))
        why = "remediate has no call that makes one at this vendor"
        if row.calls is not None and row.calls.renew is not None:
            made = renew.make(row.calls, row.calls.renew, held, vendor)
            if isinstance(made, Reissued):
                return made
            why = made
        step = ManualStep(
            id=f"replace-{row.vendor}-{_short(held)}",
            title=f"Make a new one: {row.title}",
            why=sentence(why),
            url=row.page,
            instructions=_lines(row, row.new, "Copy it, and hand it in here."),
            check="Its shape, that it is not the old one"
            + (
                "; the vendor is not asked."
                if row.calls is None or row.calls.check.ask.who != "leaked"
                else ", and that the vendor accepts it."
            ),
            takes_value=True,
        )
        return Reissued(
            Outcome(Status.MANUAL, f"{held.id} needs a successor", reason=step.why, manual=step)
        )

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """End one that was made and lost; where no call makes any, none can have been."""
        calls = BY_KIND[held.credential.kind].calls
        if calls is not None and calls.renew is not None:
            return renew.reconcile(calls, calls.renew, held, before, vendor)
        return Outcome(
            Status.UNCHANGED,
            f"No successor of {held.id} was made by us",
            reason="no call makes one",
        )

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """A value that is not the old one, nor surely another vendor's, nor refused by its own."""
        row = BY_KIND[held.credential.kind]
        value = _trimmed(value)
        if not value:
            return not_taken("it is empty")
        if value in held.values.values() or _same_key(held, value):
            return not_taken("it is the leaked one itself")
        other = row_of(value)
        if other is not None and other.vendor != row.vendor:
            return not_taken(f"it has the shape of another kind: {other.title}")
        if row is PRIVATE_KEY and other is not PRIVATE_KEY:
            return not_taken("it is not a private key: one begins with -----BEGIN")
        note = "" if other is not None else "its shape is not one that this kind had before"
        summary = f"Took in a new value for {held.id}"
        looked = Check(None, reason="its vendor was not asked")
        if other is not None and other.calls is not None and other.calls.check.ask.who == "leaked":
            with Line(other.calls, _as_new(held, value), _own(vendor)) as line:
                looked = line.look().check
        if looked.alive is False:
            return not_taken("its vendor refuses it", looked.evidence)
        told = "its vendor accepts it" if looked.alive else looked.reason
        return Reissued(
            Outcome(
                Status.DONE,
                "; ".join(part for part in (summary, told, note) if part),
                evidence=looked.evidence,
                data={"note": note} if note else {},
            ),
            {"value": value},
        )

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """Whether the vendor accepts the new value, within the seconds that it may take to spread."""
        value = new.values.get("value")
        row = row_of(value) if value is not None else None
        if row is None or row.calls is None:
            return Check(None, reason=NO_PROBE)
        with Line(row.calls, new, _own(vendor)) as line:
            for pause in (*SPREADING, 0.0):
                check = line.look(accepted=True).check
                if check.alive is not False or not pause or not line.patience.wait(pause):
                    break
            return check

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """What the responder would authenticate with, for every row that wants a credential of theirs."""
        found = [
            value
            for row in ROWS
            if row.calls is not None
            for value in own_values(row.calls, vendor.environment)
        ]
        return list(dict.fromkeys(found))


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


def _by_hand(held: Held, reason: str, evidence: Sequence[Evidence] = ()) -> Outcome:
    row = BY_KIND[held.credential.kind]
    step = ManualStep(
        id=f"revoke-{row.vendor}-{_short(held)}",
        title=f"End it: {row.title}",
        why=sentence(reason),
        url=row.page,
        instructions=(*(_key_lines(held) if row is PRIVATE_KEY else ()), *_lines(row, row.end)),
        check=UNSEEN if row.calls is None else SEEN,
    )
    return Outcome(
        Status.MANUAL,
        f"{held.id} has to be ended by hand",
        reason=reason,
        evidence=tuple(evidence),
        manual=step,
    )


def _of_key(held: Held) -> Facts:
    """What a private key tells by itself: its fingerprint, and whether a passphrase locks it."""
    known: dict[str, Json] = {}
    unknown = {"owner": NO_PROBE}
    for value in held.values.values():
        known["passphrase"] = locked(value)
        if (print_ := ssh_fingerprint(value)) is not None:
            known["ssh_fingerprint"] = print_
            return Facts(known, unknown)
        unknown["ssh_fingerprint"] = unreadable(value)
    return Facts(known, unknown)


def _key_lines(held: Held) -> tuple[str, ...]:
    """How a person tells the leaked private key from others."""
    for value in held.values.values():
        print_ = ssh_fingerprint(value)
        lines = [f"Its fingerprint: {print_}." if print_ else sentence(unreadable(value))]
        if locked(value):
            lines.append("A passphrase is no lock once the file is out: it is guessed at leisure.")
        return tuple(lines)
    return ()


def _public(fact: object) -> bool:
    """Whether a vendor's answer is a plain fact that may be kept: a text, a number, a list, a table of them."""
    if isinstance(fact, list):
        return len(fact) <= 500 and all(isinstance(one, str) for one in fact)
    if isinstance(fact, dict):
        return len(repr(fact)) <= 4000
    return isinstance(fact, int | float) or (isinstance(fact, str) and 0 < len(fact) <= 500)


def _as_new(held: Held, value: Secret) -> Held:
    return Held(held.credential, {"value": value})


def _own(vendor: VendorContext) -> VendorContext:
    """For looking at a new value: ``use_leaked`` is about the leaked one alone."""
    return replace(vendor, use_leaked=True)


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
