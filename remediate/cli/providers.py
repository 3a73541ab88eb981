"""``remediate providers``: what can be done for whom."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from remediate.cli import options as o
from remediate.cli.console import Console


def providers(json: o.Json = False, plain: o.Plain = False) -> None:
    """List what can be revoked, reissued and checked for which vendor, and the stores.

    Example: remediate providers --json
    """
    from remediate.plugins import registry

    console = Console(as_json=json, plain=plain)
    kinds: list[dict[str, Any]] = [
        {"provider": provider.name, **asdict(kind)}
        for provider in registry.providers
        for kind in provider.kinds
    ]
    broken = [asdict(b) for b in (*registry.providers.broken(), *registry.stores.broken())]
    if json:
        console.document(
            {"kinds": kinds, "stores": list(registry.stores.names()), "broken": broken}
        )
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for head in ("kind", "provider", "revoke", "reissue", "check"):
        table.add_column(head, no_wrap=head == "kind")
    for kind in kinds:
        table.add_row(
            kind["name"], kind["provider"], kind["revoke"], kind["reissue"], kind["check"]
        )
    console.rich.print(table)
    console.say(f"Stores: {', '.join(registry.stores.names())}")
    for bad in broken:
        console.say(f"Can't be loaded: {bad['name']} of {bad['package']}: {bad['reason']}")
