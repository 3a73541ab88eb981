"""The responder's own GitHub token, from where GitHub's users keep it.

``GITHUB_TOKEN``, ``GH_TOKEN`` (``GH_ENTERPRISE_TOKEN`` and ``GITHUB_ENTERPRISE_TOKEN`` for a self-hosted
server), else what ``gh auth token`` prints (https://cli.github.com/manual/gh_help_environment).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from remediate.plugins.context import VendorContext
from remediate.secret import Secret
from remediate_providers.github.server import Server
from remediate_providers.github.tokens import kind_of

GH_SECONDS = 5.0

_CLOUD = ("GITHUB_TOKEN", "GH_TOKEN")
_SELF_HOSTED = ("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GITHUB_TOKEN")
#: All that `gh` is given: where its configuration and the keyring are.
_FOR_GH = (
    "HOME",
    "GH_CONFIG_DIR",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "APPDATA",
    "LOCALAPPDATA",
    "USERPROFILE",
    "SYSTEMROOT",
)

HOW = "set GITHUB_TOKEN, or sign in with: gh auth login"


def tokens(vendor: VendorContext, server: Server) -> Sequence[Secret]:
    """Every token that would be used here, the one that is used first."""
    return list(dict.fromkeys(_in_turn(vendor, server)))


def token(vendor: VendorContext, server: Server) -> Secret | None:
    """The token to act with; None where the responder has none here. `gh` is asked where nothing else is set."""
    return next(_in_turn(vendor, server), None)


def _in_turn(vendor: VendorContext, server: Server) -> Iterator[Secret]:
    names = _SELF_HOSTED if server.self_hosted else _CLOUD
    for name in names:
        if text := vendor.environment.get(name, "").strip():
            yield Secret(text)
    if not server.loopback:
        # A local stand-in is never given what a person keeps for the real one.
        yield from _from_gh(vendor.environment, urlsplit(server.web).netloc)


def _from_gh(environment: Mapping[str, str], host: str) -> list[Secret]:
    """What ``gh auth token`` prints for *host*, where `gh` is installed and signed in."""
    # A relative entry of PATH could be a program out of the very repository that is looked at.
    path = os.pathsep.join(
        entry
        for entry in environment.get("PATH", "").split(os.pathsep)
        if Path(entry).is_absolute()
    )
    program = shutil.which("gh", path=path) if path else None
    if program is None:
        return []
    sealed = {name: environment[name] for name in _FOR_GH if name in environment}
    sealed |= {"PATH": path, "GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1"}
    try:
        done = subprocess.run(
            [program, "auth", "token", "--hostname", host],
            env=sealed,
            cwd=os.path.sep,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GH_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    value = Secret(done.stdout.strip())
    return [value] if done.returncode == 0 and kind_of(value) is not None else []
