"""The documentation's list of the table, made from the table: ``docs/providers/table.md`` holds it."""

from __future__ import annotations

from remediate_providers.table.row import Row
from remediate_providers.table.rows import ROWS

BEGIN = "<!-- made from the table by remediate_providers.table.page; a test holds it -->"


def listing() -> str:
    """Every kind in Markdown, sorted: the kind, what it is, where a person ends it."""
    head = "| kind | what it is | where to end it |\n| --- | --- | --- |\n"
    lines = (f"| `{row.kind}` | {row.title} | {_place(row)} |\n" for row in _sorted())
    return f"{BEGIN}\n{head}{''.join(lines)}"


def _sorted() -> list[Row]:
    return sorted(ROWS, key=lambda row: row.kind)


def _place(row: Row) -> str:
    parts = []
    if row.page is not None:
        shown = row.page.removeprefix("https://").rstrip("/")
        parts.append(f"[{shown}]({row.page})" + ("" if row.checked else " (from memory)"))
    if row.where:
        parts.append(row.where)
    return " ".join(parts).replace("|", "\\|")
