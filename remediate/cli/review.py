"""``remediate review``: what credentials there are, how old, last used; those that nobody uses first."""

from __future__ import annotations

import html
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.clock import parse
from remediate.errors import ExitStatus, RepositoryError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from remediate.plugins.lists import Listed

_COLUMNS = ("provider", "kind", "id", "owner", "age", "last used", "status")


def review(
    older: Annotated[
        int, typer.Option("--older", metavar="DAYS", help="Only those that are at least so old.")
    ] = 0,
    html_file: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write it as a page too.")
    ] = None,
    repo: o.Repo = o.HERE,
    json: o.Json = False,
    plain: o.Plain = False,
) -> None:
    """List the credentials that there are: age, last use, owner; unused ones first. Changes nothing.

    Example: remediate review --older 90 --html review.html
    """
    from remediate.api.answers import Agrees
    from remediate.plugins.context import VendorContext
    from remediate.plugins.lists import Lists
    from remediate.plugins.registry import providers

    console = Console(as_json=json, plain=plain)
    vendor = VendorContext(environment=dict(os.environ), asks=Agrees())
    found: list[Listed] = []
    unknown: dict[str, str] = {}
    places = _places(repo)
    for provider in providers:
        if not isinstance(provider, Lists):
            continue
        try:
            inventory = provider.listed(places, vendor)
        except Exception as error:  # a fault in a plugin; its text may hold anything
            unknown[provider.name] = f"a fault in its plugin: {type(error).__name__}"
            continue
        found += inventory.credentials
        unknown |= inventory.unknown
    now = datetime.now(UTC)
    rows = [
        row for row in ordered(found, now) if row["age_days"] is None or row["age_days"] >= older
    ]
    if html_file is not None:
        _write(html_file, page(rows, unknown, now))
    if json:
        console.document({"credentials": rows, "unknown": unknown})
    else:
        _show(console, rows, unknown)
        if html_file is not None:
            console.say(f"Wrote {html_file}.")
    refused = bool(unknown) and not found
    raise typer.Exit(int(ExitStatus.VENDOR if refused else ExitStatus.DONE))


def ordered(found: Iterable[Listed], now: datetime) -> list[dict[str, Any]]:
    """As rows: never used first, then the longest unused; of those whose use is not known, the oldest."""

    def days(moment: str | None) -> int | None:
        try:
            return max((now - parse(moment)).days, 0) if moment else None
        except (ValueError, TypeError):
            return None

    rows = []
    for each in found:
        age, idle = days(each.created), days(each.last_used)
        rows.append(
            {
                **asdict(each),
                "age_days": age,
                "unused_days": idle if each.last_used else (age if each.use_known else None),
            }
        )

    def first(row: Mapping[str, Any]) -> tuple[int, int, int, str]:
        never = row["use_known"] and not row["last_used"]
        group = 0 if never else 1 if row["use_known"] else 2
        return group, -(row["unused_days"] or 0), -(row["age_days"] or 0), row["id"]

    return sorted(rows, key=first)


def _places(repo: Path) -> list[str]:
    """The addresses of the clone's remotes, without user info; nothing outside of a clone."""
    from remediate.history import remote
    from remediate.history.repo import open_repo

    try:
        return remote.addresses(open_repo(repo))
    except RepositoryError:
        return []


def _cells(row: Mapping[str, Any]) -> list[str]:
    age = "?" if row["age_days"] is None else f"{row['age_days']} d"
    if row["last_used"]:
        used = f"{row['unused_days']} d ago"
    else:
        used = "never" if row["use_known"] else "not known"
    ends = f", until {row['expires'][:10]}" if row["expires"] else ""
    return [row["provider"], row["kind"], row["id"], row["owner"], age, used, row["status"] + ends]


def _show(console: Console, rows: Sequence[Mapping[str, Any]], unknown: Mapping[str, str]) -> None:
    lines = [list(_COLUMNS), *map(_cells, rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(_COLUMNS))]
    for number, line in enumerate(lines):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        console.say(text.rstrip(), style="" if number else "bold")
    if not rows:
        console.say("No credential could be listed." if unknown else "There is none.")
    for what, why in unknown.items():
        console.say(f"not known: {what}: {why}")


def page(rows: Sequence[Mapping[str, Any]], unknown: Mapping[str, str], now: datetime) -> str:
    """The review as one HTML file that needs nothing else."""
    head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(row)) + "</tr>\n"
        for row in rows
    )
    gaps = "".join(
        f"<li>{html.escape(what)}: {html.escape(why)}</li>\n" for what, why in unknown.items()
    )
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Credentials</title>\n'
        "<style>body{font:16px/1.4 sans-serif;margin:2em}table{border-collapse:collapse}"
        "td,th{border:1px solid #bbb;padding:.3em .6em;text-align:left}</style>\n"
        f"<h1>Credentials, {now:%Y-%m-%d}</h1>\n"
        f"<p>{len(rows)} listed; those that nobody uses first.</p>\n"
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>\n"
        + (f"<h2>Not known</h2>\n<ul>\n{gaps}</ul>\n" if gaps else "")
        + "</html>\n"
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} can't be written: {error.strerror}.", hint="Name another file with --html."
        ) from None
