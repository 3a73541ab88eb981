"""The documentation's lists of the table, made from the table: ``docs/providers/table.md`` holds them."""

from __future__ import annotations

from remediate_providers.table.calls import Calls
from remediate_providers.table.row import Row
from remediate_providers.table.rows import ROWS

BEGIN = "<!-- made from the table by remediate_providers.table.page; a test holds it -->"


def called() -> str:
    """What is done by call, in Markdown, sorted: ended, replaced, looked at, what it takes, from where."""
    head = "| kind | ended by | replaced by | needs | facts |\n| --- | --- | --- | --- | --- |\n"
    lines = (_call(row, row.calls) for row in _sorted() if row.calls is not None)
    return f"{BEGIN}\n{head}{''.join(lines)}"


def listing() -> str:
    """Every kind in Markdown, sorted: the kind, what it is, where a person ends it."""
    head = "| kind | what it is | where to end it |\n| --- | --- | --- |\n"
    lines = (f"| `{row.kind}` | {row.title} | {_place(row)} |\n" for row in _sorted())
    return f"{BEGIN}\n{head}{''.join(lines)}"


def main() -> None:
    """Write both lists into the page that is named on the command line."""
    import sys
    from pathlib import Path

    page = Path(sys.argv[1])
    parts = page.read_text("utf-8").split(BEGIN)
    made = (called(), listing())
    for at, table in enumerate(made, 1):
        rest = parts[at].partition("\n\n")[2]
        parts[at] = table.removeprefix(BEGIN) + (f"\n{rest}" if rest else "")
    page.write_text(BEGIN.join(parts), "utf-8")


def _sorted() -> list[Row]:
    return sorted(ROWS, key=lambda row: row.kind)


def _call(row: Row, calls: Calls) -> str:
    by_hand = "hand; looked at by call"
    ended = by_hand if calls.revoke is None else f"`{calls.revoke.method} {calls.revoke.path}`"
    renewed = f"`{calls.renew.ask.method} {calls.renew.ask.path}`" if calls.renew else "hand"
    needs = [f"`{name}`" for name in (*calls.own, *calls.needs)]
    if calls.base is None:
        needs.insert(0, f"`{calls.address}`")
    if calls.revoke is not None and calls.revoke.who == "either":
        needs = [*needs, "or its own rights"]
    if calls.permission:
        needs.append(calls.permission)
    facts = calls.source.replace("|", "\\|")
    if facts.startswith("https://"):
        address, semicolon, more = facts.partition(";")
        facts = f"[{address.split('/')[2]}]({address}){semicolon}{more}"
    unsure = "" if calls.checked else " **(not checked)**"
    note = f" {calls.note}" if calls.note else ""
    return f"| `{row.kind}` | {ended} | {renewed} | {', '.join(needs)} | {facts}{unsure}{note} |\n"


def _place(row: Row) -> str:
    parts = []
    if row.page is not None:
        shown = row.page.removeprefix("https://").rstrip("/")
        parts.append(f"[{shown}]({row.page})" + ("" if row.checked else " (from memory)"))
    if row.where:
        parts.append(row.where)
    return " ".join(parts).replace("|", "\\|")


if __name__ == "__main__":
    main()
