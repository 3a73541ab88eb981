"""Playing the demo: local vendors up, the pipeline run as any user would, and the person's part too."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from remediate.demo.scenario import Scenario, build
from remediate.errors import PluginError
from remediate.model import ManualStep
from remediate.plugins.local import RunningVendor
from remediate.plugins.registry import local_vendors
from remediate.secret import Secret

Told = Callable[[Mapping[str, Any]], None]
_MOST_ROUNDS = 6


@contextlib.contextmanager
def vendors(named: Sequence[str] = ()) -> Iterator[list[RunningVendor]]:
    """The local vendors *named* (default: those of the demo), up; all down again afterwards.

    Raises `PluginError` for one that there is not.
    """
    with contextlib.ExitStack() as stack:
        running = []
        for name in named or _cast():
            vendor = local_vendors.get(name).start()
            stack.callback(vendor.close)
            running.append(vendor)
        if not running:
            raise PluginError(
                "There is no local vendor to play with.",
                hint="Install the demo's parts: pip install 'remediate[demo]'",
            )
        yield running


def _cast() -> list[str]:
    """The vendors that play unasked: a few, for the story is short."""
    return [n for n in local_vendors.names() if getattr(local_vendors.get(n), "in_demo", False)]


def play(folder: Path, told: Told, named: Sequence[str] = ()) -> dict[str, Any]:
    """The whole demo in *folder*; every event of the pipeline goes to *told* but the last.

    *named*: the local vendors that play, where not the usual ones.

    Gives the data of the last ``finished`` event. The pipeline runs as a child process, by its public
    command line, with nothing that a user would not have.
    """
    with vendors(named) as running:
        scenario = build(folder, [vendor.plant() for vendor in running])
        environment = _environment(folder, running)
        told({"event": "demo", "folder": str(folder), "vendors": [v.name for v in running]})
        flags = ["--policy", str(scenario.policy), "--key-file", str(scenario.key_file), "--yes"]
        last = _child(["run", str(scenario.report), *flags], scenario, environment, told)
        for _ in range(_MOST_ROUNDS):
            acted = False
            for data in last.get("manual", []):
                step = ManualStep(**{**data, "instructions": tuple(data["instructions"])})
                value = _person(running, step)
                told({"event": "person", "did": step.title, "at": step.url})
                arguments = ["resume", str(last["incident"]), *flags]
                if step.takes_value and value is not None:
                    arguments += ["--value", step.id]
                    last = _child(arguments, scenario, environment, told, value)
                    acted = True
                    break
            if not acted:
                break
        return last


def _person(running: Sequence[RunningVendor], step: ManualStep) -> Secret | None:
    for vendor in running:
        value = vendor.person(step)
        if value is not None:
            return value
    return None


def _environment(folder: Path, running: Sequence[RunningVendor]) -> dict[str, str]:
    """A user's environment: this one's without any credential of its own, and the vendors' words."""
    private = (
        "AWS_",
        "AZURE_",
        "CLOUDSDK_",
        "GITHUB_",
        "GH_",
        "GITLAB_",
        "GOOGLE_",
        "SLACK_",
        "STRIPE_",
        "VAULT_",
        "VERCEL_",
        "GIT_",
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(private)}
    home = folder / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    environment |= {
        "HOME": str(home),
        "REMEDIATE_HOME": str(folder / "state"),
        # The demo's keys have no business in this machine's keyring.
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    for vendor in running:
        environment |= vendor.environment()
    return environment


def _child(
    arguments: Sequence[str],
    scenario: Scenario,
    environment: Mapping[str, str],
    told: Told,
    value: Secret | None = None,
) -> dict[str, Any]:
    """One ``remediate`` in the repository; its events but the last go to *told*."""
    command = [sys.executable, "-m", "remediate", *arguments, "--json"]
    last: dict[str, Any] = {}
    with subprocess.Popen(
        command,
        cwd=scenario.repository,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            if value is not None:
                child.stdin.write(value.reveal())
            child.stdin.close()
        try:
            for line in child.stdout:
                event = json.loads(line)
                if event.get("event") == "finished":
                    last = event
                elif event.get("event") != "version":
                    told(event)
        except BaseException:
            child.terminate()
            raise
    if not last:
        last = {"status": "failed", "exit": 1, "incident": None, "record": None, "manual": []}
    return last
