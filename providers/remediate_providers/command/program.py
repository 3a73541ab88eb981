"""Running one of the user's programs: values on its standard input and output, and nowhere else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Held
from remediate.secret import Secret

SECONDS = 60.0
"""For one program, unless the policy names `seconds`."""
LONGEST = 600.0
"""Seconds that the policy may name at most."""
LARGEST = 1024 * 1024
"""Bytes of output that are read."""


@dataclass(frozen=True)
class Ran:
    """How a program ended."""

    code: int | None
    """Its exit code, negative for a signal; None where it never ran, or was stopped."""
    output: bytes = field(default=b"", repr=False)
    """Its standard output: maybe a value."""
    said: str = ""
    """The last line of its standard error, redacted; or why there is no exit code."""
    started: bool = True


def run(
    command: Sequence[str], given: bytes, vendor: VendorContext, environment: Mapping[str, str]
) -> Ran:
    """Run *command* in the root of the work tree, *given* on its standard input.

    It gets the responder's environment and *environment*. Stopped with all that it started when its
    time is over.
    """
    seconds = _seconds(vendor)
    # Its errors go through a file and not a pipe: a child that lives on would hold the pipe open.
    with tempfile.TemporaryFile() as errors:
        try:
            child = subprocess.Popen(
                list(command),
                cwd=vendor.root,
                env={**vendor.environment, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        except FileNotFoundError:
            return Ran(None, said=f"{command[0]}: not found", started=False)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return Ran(None, said=f"{command[0]}: {reason}", started=False)
        try:
            output, _none = child.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            _stop(child)
            return Ran(None, said=f"{command[0]} was stopped after {seconds:.0f} s")
        except BaseException:
            _stop(child)
            raise
        errors.seek(0)
        words = errors.read(LARGEST).decode("utf-8", "replace")
    last = words.strip().splitlines()[-1:] or [""]
    return Ran(child.returncode, output[:LARGEST], vendor.redact(last[0])[:200])


def given(held: Held) -> bytes:
    """What a program reads: the value as it is; of several parts, a JSON object by part name."""
    values = held.values
    if len(held.credential.parts) == 1:
        return next(iter(values.values())).reveal()
    return json.dumps({part: value.reveal_text() for part, value in values.items()}).encode()


def taken(held: Held, output: bytes) -> dict[str, Secret] | None:
    """The new values out of what a program wrote; None where it is not what it should be."""
    parts = list(held.credential.parts)
    text = output.removesuffix(b"\n").removesuffix(b"\r")
    if len(parts) == 1:
        return {parts[0]: Secret(text)} if text and b"\n" not in text.strip() else None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or set(data) != set(parts):
        return None
    if not all(isinstance(value, str) and value for value in data.values()):
        return None
    return {part: Secret(data[part]) for part in parts}


def _seconds(vendor: VendorContext) -> float:
    options = vendor.settings.get("with")
    text = options.get("seconds") if isinstance(options, Mapping) else None
    return min(float(text), LONGEST) if isinstance(text, str) and text.isdigit() else SECONDS


def _stop(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.communicate()
