"""What a person has to decide: the journal can tell what it knows, and when terms would end.

The terms are those of the laws named, as they were in 2026; which of them apply is a lawyer's to say:

- GDPR article 33: https://eur-lex.europa.eu/eli/reg/2016/679/oj (72 hours to the authority).
- NIS 2 article 23: https://eur-lex.europa.eu/eli/dir/2022/2555/oj (24 hours, 72 hours, one month).
- SEC form 8-K item 1.05: https://www.sec.gov/files/form8-k.pdf (four business days after it is found material).
- HIPAA 45 CFR 164.404: https://www.ecfr.gov/current/title-45/section-164.404 (60 days).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from remediate.clock import rfc3339
from remediate.incident.rows import Topic
from remediate.record.ledger import Ledger
from remediate.record.model import Clock, CredentialEntry, Duty, Times
from remediate.record.reading import mapping, moment, text

_TERMS: tuple[tuple[str, str, timedelta | None], ...] = (
    ("NIS 2, article 23 (4) (a): early warning", "24 hours", timedelta(hours=24)),
    ("GDPR, article 33: supervisory authority", "72 hours", timedelta(hours=72)),
    ("NIS 2, article 23 (4) (b): notification", "72 hours", timedelta(hours=72)),
    ("HIPAA, 45 CFR 164.404: the individuals", "60 days", timedelta(days=60)),
    ("SEC, form 8-K item 1.05", "4 business days after it is found to be material", None),
)


def duties(book: Ledger, times: Times, credentials: Sequence[CredentialEntry]) -> tuple[Duty, ...]:
    """The checklist. Nothing in it is decided here."""
    return (
        Duty(
            "personal-data",
            "Could personal data be read with what leaked: yes, no, or not known?",
            _reach(book, credentials),
            (),
        ),
        Duty(
            "regulators",
            "Which regulators have to be told, and when does each term begin?",
            f"Detected {times.detected.at}."
            if times.detected.at
            else "When it was detected is not known.",
            tuple(_clocks(times)),
        ),
        Duty(
            "contracts",
            "Which contracts ask for a notice: customers, partners, an insurer, a payment provider?",
            "The journal knows no contracts. Systems concerned: "
            + (
                ", ".join(dict.fromkeys(e.provider or "unknown issuer" for e in credentials))
                or "none"
            ),
            (),
        ),
        Duty(
            "third-party-owner",
            "Does something that leaked belong to somebody else, and who tells them?",
            _others(book, credentials),
            (),
        ),
        Duty(
            "evidence",
            "What has to be kept as evidence, by whom, and until when?",
            "Vendors' logs end by themselves; the encrypted backup ends with the policy's keep_backup.",
            (),
        ),
    )


def _clocks(times: Times) -> Iterator[Clock]:
    start = moment(times.detected.at)
    for rule, within, term in _TERMS:
        due = None
        if start is not None and term is not None:
            try:
                due = rfc3339(start + term)
            except OverflowError:
                due = None
        yield Clock(rule, within, due)


def _reach(book: Ledger, credentials: Sequence[CredentialEntry]) -> str:
    """Of whom it is known what the credential may do; never whether personal data lies there."""
    known = [e.id for e in credentials if book.known(e.id, Topic.REACH) or _scopes(book, e.id)]
    if not known:
        return "Not known: nobody has learned what the credentials may do."
    said = f"What {len(known)} of {len(credentials)} may do is under “What was reachable”."
    return f"{said} Whether personal data lies there is not known."


def _scopes(book: Ledger, credential: str) -> bool:
    return any(
        name in mapping(book.fact(credential, topic), "known")
        for topic in (Topic.IDENTITY, Topic.PRESERVED)
        for name in ("scopes", "policies", "permissions")
    )


def _others(book: Ledger, credentials: Sequence[CredentialEntry]) -> str:
    found = [
        f"{entry.id} ({text(book.known(entry.id, Topic.AUTHORITY), 'because', 'not ours')})"
        for entry in credentials
        if book.known(entry.id, Topic.AUTHORITY).get("ours") is False
    ]
    asked = any((entry.id, Topic.AUTHORITY) in book.facts for entry in credentials)
    if found:
        return f"Not acted on as not ours: {', '.join(found)}."
    return "Every credential was taken for ours." if asked else "Not known: nobody has looked yet."
