"""Who runs this: for the journal, and for the rule that nobody approves what they started."""

from __future__ import annotations

import os
import pwd


def user() -> str:
    """The name of the operating system's user: of the process, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
