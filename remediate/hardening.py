"""What a process that holds secrets does first: no core dump, and no library that logs what it sends."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import resource
import sys

_PR_SET_DUMPABLE = 4  # prctl(2), linux/prctl.h
_TALKATIVE = ("boto3", "botocore", "httpx", "requests", "s3transfer", "urllib3")
"""Libraries whose debug log holds requests and answers whole: botocore's has the new secret key."""


def harden() -> None:
    """Keep this process's memory out of core dumps, and values out of libraries' logs.

    The limit is inherited by children. That the kernel refuses one of these is no reason to leave a
    leaked credential alive, so nothing is raised.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            # A core pattern that pipes to a program (systemd-coredump) does not heed the limit.
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
