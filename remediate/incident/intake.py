"""Intake: a report and a repository become distinct secrets and credentials. Offline, read-only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from remediate.errors import ReportError
from remediate.history.blobs import Blobs
from remediate.history.model import Needle, Unreadable
from remediate.history.repo import Repo
from remediate.incident import companions
from remediate.model import Credential, LeakedSecret, Location
from remediate.plugins.provider import Found, Provider
from remediate.plugins.registry import providers
from remediate.plugins.report import Document
from remediate.reports.read import read_report
from remediate.reports.secrets import DistinctSecret, resolve
from remediate.secret import InstallationKey, Secret
from remediate.wording import count

UNKNOWN_KIND = "secret"

MOST = 20_000
"""So many secrets are taken in at once: each is looked for in some 45 forms, which takes 150 kB of memory."""


@dataclass(frozen=True)
class Intake:
    """What a report comes to in this repository."""

    format: str
    name: str
    """The report's file name, ``-`` for standard input."""
    secrets: tuple[LeakedSecret, ...]
    credentials: tuple[Credential, ...]
    values: Mapping[str, Secret]
    """Fingerprint to value."""
    unread: tuple[Unreadable, ...]
    """Redacted entries whose value could not be had: nothing can be done about them, or said."""
    detected_at: str | None

    def needles(self, replacement: str = "REMOVED-{kind}") -> list[Needle]:
        """Every secret as history wants it."""
        return [
            Needle(
                s.fingerprint, self.values[s.fingerprint], replacement.format(kind=s.kind).encode()
            )
            for s in self.secrets
        ]


def take_in(document: Document, repo: Repo, key: InstallationKey) -> Intake:
    """Read *document*, recover what it redacts from *repo*, and tell offline what each value is.

    A redacted value that can't be recovered is in `Intake.unread`. Raises `ReportError` for a report
    that can't be read, and where no value at all could be had.
    """
    report = read_report(document)
    with Blobs(repo.git_dir) as blobs:
        resolved = resolve(report.findings, blobs.read)
        completed = companions.complete(resolved.secrets, key, repo, blobs.read)
    if len(completed.secrets) > MOST:
        raise ReportError(
            document.name,
            f"at most {MOST} distinct values",
            found=str(len(completed.secrets)),
            hint="Give them in several reports; each is an incident of its own.",
        )
    if resolved.unread and not resolved.secrets:
        first = resolved.unread[0]
        raise ReportError(
            document.name,
            "values, or commits of this repository to read them from",
            found=f"{count(len(resolved.unread), 'redacted entry', 'redacted entries')}; the first: {first.reason}",
            hint="Give --repo PATH of the repository that was scanned, or export the report without "
            "redaction.",
        )
    return identify(
        completed.secrets,
        key,
        name=document.name,
        report_format=report.format,
        unread=(
            *(Unreadable(_place(each.finding.location), each.reason) for each in resolved.unread),
            *completed.unclear,
        ),
    )


def take_in_values(
    secrets: Sequence[DistinctSecret], repo: Repo, key: InstallationKey, *, name: str
) -> Intake:
    """The same for values that came without a report: a person typed them, or a search found them.

    *name* says which, for the journal.
    """
    with Blobs(repo.git_dir) as blobs:
        completed = companions.complete(secrets, key, repo, blobs.read)
    return identify(completed.secrets, key, name=name, report_format=name, unread=completed.unclear)


def only(taken: Intake, credentials: Collection[Credential]) -> Intake:
    """*taken* with *credentials* alone, and the secrets that make them up."""
    kept = {fingerprint for one in credentials for fingerprint in one.parts.values()}
    return replace(
        taken,
        credentials=tuple(c for c in taken.credentials if c in credentials),
        secrets=tuple(s for s in taken.secrets if s.fingerprint in kept),
        values={f: value for f, value in taken.values.items() if f in kept},
    )


def identify(
    secrets: Sequence[DistinctSecret],
    key: InstallationKey,
    *,
    name: str,
    report_format: str,
    unread: tuple[Unreadable, ...] = (),
) -> Intake:
    """What *secrets* are, by every provider in turn; what none knows is of the kind ``secret``."""
    found = {
        (fingerprint := key.fingerprint(secret.value)): Found(
            fingerprint, secret.value, secret.locations, secret.groups
        )
        for secret in secrets
    }
    seen = dict(zip(found, secrets, strict=True))
    kinds: dict[str, str] = {}
    credentials: list[Credential] = []
    for provider in _in_turn():
        left = [f for f in found.values() if f.fingerprint not in kinds]
        for identified in provider.identify(left):
            credentials.append(identified.credential)
            kinds |= {f: identified.kinds[f] for f in identified.credential.parts.values()}
    for fingerprint in found:
        if fingerprint not in kinds:
            kinds[fingerprint] = UNKNOWN_KIND
            credentials.append(
                Credential(
                    id=f"{UNKNOWN_KIND}:{fingerprint[:12]}",
                    provider="",
                    kind=UNKNOWN_KIND,
                    parts={"value": fingerprint},
                )
            )
    order = {fingerprint: number for number, fingerprint in enumerate(found)}
    credentials.sort(key=lambda c: min(order.get(p, 0) for p in c.parts.values()))
    return Intake(
        format=report_format,
        name=name,
        secrets=tuple(
            LeakedSecret(
                fingerprint=fingerprint,
                kind=kinds[fingerprint],
                locations=secret.locations,
                detected_at=secret.detected_at,
                rules=secret.rules,
                placeless=secret.placeless,
            )
            for fingerprint, secret in seen.items()
        ),
        credentials=tuple(credentials),
        values={fingerprint: secret.value for fingerprint, secret in seen.items()},
        unread=unread,
        detected_at=min((s.detected_at for s in secrets if s.detected_at), default=None),
    )


def _in_turn() -> list[Provider]:
    """Providers by name; those that know kinds by their shape alone come last."""
    return sorted(providers, key=lambda p: bool(getattr(p, "last_resort", False)))


def _place(location: Location) -> str:
    where = location.path or location.url or "a place that the report does not name"
    return f"{where} in {location.commit[:12]}" if location.commit else where
