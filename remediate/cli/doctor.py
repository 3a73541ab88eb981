"""``remediate doctor``: is this machine ready."""

from __future__ import annotations

import os
import re
from typing import Any

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.errors import Error, ExitStatus

OLDEST_GIT = (2, 39)


def doctor(json: o.Json = False, plain: o.Plain = False) -> None:
    """Say whether this machine is ready, and what can't be done here and why.

    Example: remediate doctor
    """
    console = Console(as_json=json, plain=plain)
    checks = [_git(), _state(), _keyring(), *_vendors(), *_plugins()]
    if json:
        console.document({"ready": all(c["ok"] for c in checks if c["needed"]), "checks": checks})
    else:
        for check in checks:
            mark = "ok " if check["ok"] else ("NO " if check["needed"] else "-- ")
            console.say(f"{mark} {check['name']}: {check['says']}")
    bad = any(not c["ok"] for c in checks if c["needed"])
    raise typer.Exit(int(ExitStatus.USAGE if bad else ExitStatus.DONE))


def _check(name: str, ok: bool, says: str, *, needed: bool = False) -> dict[str, Any]:
    return {"name": name, "ok": ok, "says": says, "needed": needed}


def _git() -> dict[str, Any]:
    import subprocess

    try:
        text = subprocess.run(
            ["git", "--version"], capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:
        return _check("git", False, "not found; install git 2.39 or newer", needed=True)
    found = re.search(r"(\d+)\.(\d+)", text)
    new_enough = found is not None and (int(found[1]), int(found[2])) >= OLDEST_GIT
    return _check("git", new_enough, text if new_enough else f"{text}; 2.39 is needed", needed=True)


def _state() -> dict[str, Any]:
    from remediate.incident.home import Home, home_path

    try:
        home = Home(home_path(os.environ))
        home.installation_key()
    except Error as error:
        return _check("state folder", False, f"{error.message} {error.hint}", needed=True)
    return _check("state folder", True, str(home.path), needed=True)


def _keyring() -> dict[str, Any]:
    from remediate.keyrings import safe_keyring, why_not

    ring = safe_keyring()
    if ring is not None:
        return _check("OS keyring", True, type(ring).__module__)
    return _check("OS keyring", False, f"{why_not()}; give --key-file so that resume and undo work")


def _vendors() -> list[dict[str, Any]]:
    from remediate.api.answers import Agrees
    from remediate.plugins.context import VendorContext
    from remediate.plugins.provider import NamesResponder
    from remediate.plugins.registry import providers

    context = VendorContext(environment=dict(os.environ), asks=Agrees())
    checks = []
    for provider in providers:
        if isinstance(provider, NamesResponder):
            try:
                number = len(provider.responder_values(context))
            except Exception as error:
                checks.append(_check(provider.name, False, type(error).__name__))
                continue
            says = (
                "a credential of yours was found" if number else "no credential of yours was found"
            )
            checks.append(_check(provider.name, bool(number), says))
    return checks


def _plugins() -> list[dict[str, Any]]:
    from remediate.plugins import registry

    groups = (registry.providers, registry.stores, registry.reports, registry.hosts)
    return [
        _check(f"plugin {broken.name}", False, f"{broken.package}: {broken.reason}")
        for group in groups
        for broken in group.broken()
    ]
