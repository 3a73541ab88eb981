"""What a rehearsed rewrite would do, as a person judges it; and as one page for a reviewer elsewhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from remediate.history.changes import FileChange
from remediate.history.model import Place, RefChange, Rehearsal, Unreadable
from remediate.record.html import page_template, style
from remediate.stages.affected import Affected
from remediate.wording import count

_MOST_ROWS = 500
_LOST = {
    "signature": ("signature goes", "signatures go"),
    "mergetag": ("merged tag's copy goes", "merged tags' copies go"),
    "header": ("header that git does not know goes", "headers that git does not know go"),
}


@dataclass(frozen=True)
class SecretPlaces:
    """One secret and where it stands."""

    kind: str
    short: str
    """The beginning of its fingerprint."""
    places: tuple[Place, ...]
    first: Place | None
    """The oldest place that has a date."""
    out_for: str | None
    """How long it has been out since then, in words."""


@dataclass(frozen=True)
class Preview:
    """All that a person needs to say yes or no. No secret in it."""

    repository: str
    at: str
    """When it was made, RFC 3339."""
    secrets: tuple[SecretPlaces, ...]
    rehearsal: Rehearsal
    unreadable: tuple[Unreadable, ...]
    """Of the repository and of the report."""
    changes: tuple[FileChange, ...]
    took: str
    """How long the rehearsal took, in words."""
    takes: str
    """How long a run's rewrite will take, in words."""
    affected: Affected
    """Whom the push would concern."""

    @property
    def tags(self) -> tuple[RefChange, ...]:
        """Tags that move."""
        return tuple(r for r in self.rehearsal.refs if r.name.startswith("refs/tags/"))

    @property
    def lost(self) -> tuple[str, ...]:
        """What rewritten objects can't keep, a sentence each; one also where nothing goes."""
        kinds = Counter(lost.kind for lost in self.rehearsal.lost)
        said = [
            f"{count(number, *_LOST.get(kind, (f'{kind} goes', f'{kind}s go')))}: made over the old bytes."
            for kind, number in kinds.items()
        ]
        return tuple(said) if "signature" in kinds else ("No signature goes.", *said)


def to_html(preview: Preview) -> str:
    """The preview as HTML 5: no script, no request, no secret."""
    return page_template("preview.html.j2").render(
        preview=preview, rehearsal=preview.rehearsal, style=style(), most=_MOST_ROWS
    )
