"""What ``remediate preview`` shows: gathered once, for the terminal and for the page alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from remediate.cli.preview_page import Preview, SecretPlaces
from remediate.cli.progress import duration
from remediate.errors import GitError
from remediate.history.changes import newest_changes
from remediate.wording import count, rewriting

if TYPE_CHECKING:
    from remediate.cli.console import Console
    from remediate.history.model import Needle, Place, Rehearsal
    from remediate.history.repo import Repo
    from remediate.incident.intake import Intake
    from remediate.stages.affected import Affected

_MOST_PLACES, _MOST_REFS, _MOST_FILES, _MOST_LINES = 8, 20, 10, 24
_WHAT = {
    "binary": "a binary file or an archive: replaced inside it",
    "large": "too large to be compared line by line",
    "renamed": "has this name only afterwards: the old one holds a secret",
    "left": "not shown: it would still hold a secret, in a form that can't be masked",
    "same": "the content is the same",
}
_TIMES = 3
"""A run rehearses again, backs up and applies, and reads everything once more: measured at some three times
the rehearsal (docs/benchmarks.md has larger repositories)."""
_STYLE = {"-": "red", "+": "green", "@": "dim"}


def judge(
    taken: Intake,
    rehearsal: Rehearsal,
    needles: Sequence[Needle],
    repo: Repo,
    *,
    took: float,
    now: datetime,
    affected: Affected,
) -> Preview:
    """Everything a person needs to judge *rehearsal*, whose quarantine must still be there.

    *took* in seconds. *affected*: what the remote's host told, if it was asked.
    """
    kinds = {secret.fingerprint: secret.kind for secret in taken.secrets}
    marks = {
        needle.replacement.decode("utf-8", "replace"): f"[{kinds.get(needle.id, 'secret')}]"
        for needle in needles
        if needle.replacement
    }
    places: dict[str, list[Place]] = {secret.fingerprint: [] for secret in taken.secrets}
    for place in rehearsal.places:
        places.setdefault(place.needle, []).append(place)
    secrets = [
        _secret(kinds.get(found, "secret"), found, tuple(where), now)
        for found, where in places.items()
    ]
    return Preview(
        repository=(repo.work_tree or repo.git_dir).name,
        at=now.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        secrets=tuple(secrets),
        rehearsal=rehearsal,
        unreadable=(*rehearsal.unreadable, *taken.unread),
        changes=tuple(newest_changes(rehearsal, needles, marks, _head(repo))),
        took=duration(took) if took >= 1 else "less than a second",
        takes=duration(_TIMES * took) if took >= 2 else "a few seconds",
        affected=affected,
    )


def _secret(kind: str, fingerprint: str, places: tuple[Place, ...], now: datetime) -> SecretPlaces:
    dated = [(at, place) for place in places if (at := _when(place)) is not None]
    if not dated:
        return SecretPlaces(kind, fingerprint[:12], places, None, None)
    at, first = min(dated, key=lambda one: one[0])
    return SecretPlaces(kind, fingerprint[:12], places, first, duration((now - at).total_seconds()))


def _when(place: Place) -> datetime | None:
    try:
        at = datetime.fromisoformat(place.date or "")
    except ValueError:
        return None
    return at if at.tzinfo else None


def _head(repo: Repo) -> str | None:
    try:
        return repo.git("symbolic-ref", "-q", "HEAD").decode("utf-8", "surrogateescape").strip()
    except GitError:
        return None


def show(console: Console, judged: Preview, report: str) -> None:
    """The preview, for people at a terminal."""
    say, rehearsal = console.say, judged.rehearsal
    for secret in judged.secrets:
        _show_secret(console, secret)
    say()
    for change in judged.changes[:_MOST_FILES]:
        whose = change.ref or f"in no ref any more, as {change.commit[:12]} has it"
        say(f"{change.path}  ({whose})", style="bold")
        if change.what != "text":
            say(f"  {_WHAT[change.what]}")
        for sign, line in change.lines[:_MOST_LINES]:
            say(f"  {sign} {line}", style=_STYLE.get(sign, ""))
        if len(change.lines) > _MOST_LINES:
            say(
                f"  … and {count(len(change.lines) - _MOST_LINES, 'more line')} (all of them: --html FILE)"
            )
    if len(judged.changes) > _MOST_FILES:
        say(f"… and {count(len(judged.changes) - _MOST_FILES, 'more file')} (--html FILE)")
    say()
    say(
        f"{rewriting(len(rehearsal.commits), rehearsal.commits_total, rehearsal.blobs)}, "
        f"{count(len(rehearsal.refs), 'ref moves', 'refs move')} "
        f"({count(len(judged.tags), 'tag')} among them):"
    )
    for ref in rehearsal.refs[:_MOST_REFS]:
        say(f"  {ref.name}  {ref.old[:12]} -> {ref.new[:12]}")
    if len(rehearsal.refs) > _MOST_REFS:
        say(f"  … and {len(rehearsal.refs) - _MOST_REFS} more")
    for sentence in judged.lost:
        say(sentence)
    for message in rehearsal.messages[:20]:
        say(message)
    for remnant in rehearsal.remnants:
        say(f"WOULD BE LEFT: {remnant.where} {remnant.path or remnant.object} [{remnant.encoding}]")
    for thing in judged.unreadable:
        say(f"COULD NOT BE READ: {thing.what}: {thing.reason}")
    _show_affected(console, judged.affected)
    console.paragraph(
        f"Time: the rehearsal took {judged.took}. The rewrite takes about {judged.takes}, for a run rehearses "
        "again, applies it and reads everything once more; what vendors and the push take comes on top."
    )
    say()
    say("Nothing was touched. The same ids come out of:")
    say(f"  remediate run {report}")


def _show_affected(console: Console, affected: Affected) -> None:
    """Whom the push would concern, as far as the host told."""
    say = console.say
    if affected.host is None:
        console.paragraph(
            f"Open pull requests, forks and people with clones: {affected.reason}.", hang="  "
        )
        return
    say(f"A push to {affected.host} would concern:", style="bold")
    forks = count(len(affected.forks), "fork, which keeps", "forks, which keep")
    for line, rows in (
        (count(affected.pulls_count, "open pull request"), affected.pulls),
        (f"{forks} the old history", affected.forks),
    ):
        say(f"  {line}")
        for row in rows[:_MOST_PLACES]:
            say(f"    {row.get('id')}  {row.get('url')}")
        if len(rows) > _MOST_PLACES:
            say(f"    … and {len(rows) - _MOST_PLACES} more (all of them: --json or --html FILE)")
    people = ", ".join(affected.people[:_MOST_REFS])
    if people:
        left = len(affected.people) - _MOST_REFS
        people += f" and {left} more" if left > 0 else ""
        console.paragraph(f"who may push, and so has a clone: {people}", indent="  ", hang="  ")
    if affected.immutable:
        tags = ", ".join(affected.immutable[:_MOST_REFS])
        console.paragraph(f"can't be moved, an immutable release: {tags}", indent="  ", hang="  ")
    for what, why in affected.unknown.items():
        console.paragraph(f"not known: {what} ({why})", indent="  ", hang="  ")


def _show_secret(console: Console, secret: SecretPlaces) -> None:
    say = console.say
    say(f"{secret.kind}  (fingerprint {secret.short})", style="bold")
    if secret.first is not None:
        commit = (secret.first.commit or "")[:12]
        say(
            f"  first committed {secret.first.date} by {secret.first.author} ({commit}), "
            f"in the history for {secret.out_for}"
        )
    for place in secret.places[:_MOST_PLACES]:
        commit = f"{place.commit[:12]} " if place.commit else ""
        line = f":{place.line}" if place.line else ""
        by = f"  by {place.author}, {place.date}" if place.author else ""
        say(f"  {place.where}  {commit}{place.path or ''}{line}  [{place.encoding}]{by}")
    if len(secret.places) > _MOST_PLACES:
        more = len(secret.places) - _MOST_PLACES
        say(f"  … and {count(more, 'more place')} (all of them: --json or --html FILE)")
    if not secret.places:
        say("  nowhere in this repository")
