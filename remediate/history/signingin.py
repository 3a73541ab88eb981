"""With which password git would sign in at a remote: its address's own, else what the user's credential helpers give.

Asked outside any repository, so that nothing but the user's own settings is run, and without a terminal or a window.
https://git-scm.com/docs/git-credential
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from remediate.secret import Secret

SECONDS = 5.0
HELPER = "git's credential helper"
ADDRESS = "the remote's own address"
_SILENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.askPass",
    "GIT_CONFIG_VALUE_0": "",
    "LC_ALL": "C",
}


def password_for(address: Secret, environment: Mapping[str, str]) -> tuple[Secret, str, str] | None:
    """The password, where it comes from, and the host; None where there is none, or it is no web address.

    *environment*: the user's own; its ``GIT_*`` and what asks in a window are left out.
    """
    try:
        parts = urlsplit(address.reveal_text())
        host = parts.hostname or ""
        host = f"{host}:{parts.port}" if parts.port else host
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    if parts.password:
        return Secret(unquote(parts.password)), ADDRESS, host
    found = _filled(parts.scheme, host, parts.path, parts.username or "", environment)
    if found is not None:
        return found, HELPER, host
    # A token alone before the @ is a user without a password.
    return (Secret(unquote(parts.username)), ADDRESS, host) if parts.username else None


def _filled(
    scheme: str, host: str, path: str, user: str, environment: Mapping[str, str]
) -> Secret | None:
    wanted = [f"protocol={scheme}", f"host={host}", f"path={path.lstrip('/')}"]
    wanted += [f"username={unquote(user)}"] if user else []
    sealed = {
        name: value
        for name, value in environment.items()
        if not name.startswith("GIT_") and name not in ("SSH_ASKPASS", "DISPLAY", "WAYLAND_DISPLAY")
    }
    try:
        done = subprocess.run(
            ["git", "-C", os.path.sep, "credential", "fill"],
            input=("\n".join(wanted) + "\n\n").encode("utf-8", "surrogateescape"),
            capture_output=True,
            env={**sealed, **_SILENT},
            timeout=SECONDS,
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.splitlines() if done.returncode == 0 else []
    values = [line.removeprefix(b"password=") for line in lines if line.startswith(b"password=")]
    return Secret(values[0]) if values and values[0] else None
