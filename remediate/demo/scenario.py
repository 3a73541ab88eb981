"""The demo's leak: a repository as a hurried team leaves it, its remote, and a scanner's report of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remediate.incident.home import write_private
from remediate.plugins.local import Planted
from remediate.secret import Secret

_PEOPLE = ("Ada Dev <ada@example.com>", "Bob Öps <bob@example.com>")


@dataclass(frozen=True)
class Scenario:
    """Where everything of the demo lies."""

    repository: Path
    remote: Path
    report: Path
    policy: Path
    key_file: Path


def build(folder: Path, planted: Sequence[Planted]) -> Scenario:
    """Make the leaky repository and all that goes with it in *folder*, from *planted* credentials.

    Each credential comes in with a commit of its own; the files are "cleaned up" later, as people do,
    which helps nothing; one value stands in a tag's message too, and one branch is known to the clone
    as a remote's alone.
    """
    remote = folder / "remote.git"
    seed = folder / "seed"
    repository = folder / "app"
    _git(folder, "init", "-q", "--bare", "-b", "main", str(remote))
    _git(folder, "init", "-q", "-b", "main", str(seed))
    clock = _Clock()
    _write(seed, {"README.md": "# app\n", ".gitignore": ".env.*\n*.local\nremediate.toml\n"})
    _commit(seed, "Begin", 0, clock)
    findings = []
    for number, each in enumerate(planted):
        _write(seed, each.files)
        commit = _commit(seed, each.message or f"Add {next(iter(each.files))}", number, clock)
        findings += _findings(each, commit, clock.shown())
    last = planted[-1]
    a_value = next(iter(last.values.values())).reveal_text()
    _git(
        seed,
        "tag",
        "-a",
        "v1.0",
        "-F",
        "-",
        stdin=f"First release\n\nworks with {a_value}\n",
        env=clock.env(0),
    )
    _git(seed, "switch", "-q", "-c", "feature/payments", env=clock.env(0))
    _write(seed, {"notes.txt": "payments, soon\n"})
    _commit(seed, "Start on payments", 1, clock)
    _git(seed, "switch", "-q", "main", env=clock.env(0))
    for each in planted:
        _write(seed, {path: _emptied(text, each.values) for path, text in each.files.items()})
    _commit(seed, "Remove the keys (too late)", 0, clock)
    _git(seed, "push", "-q", str(remote), "--all")
    _git(seed, "push", "-q", str(remote), "--tags")
    _git(folder, "clone", "-q", str(remote), str(repository))
    _git(repository, "config", "user.name", "Ada Dev")
    _git(repository, "config", "user.email", "ada@example.com")
    subprocess.run(["rm", "-rf", str(seed)], check=True)
    report, policy, key_file = folder / "gitleaks.json", folder / "remediate.toml", folder / "key"
    write_private(report, json.dumps(findings, indent=1).encode())
    write_private(policy, "\n".join(each.policy.strip() + "\n" for each in planted).encode())
    write_private(key_file, os.urandom(24).hex().encode() + b"\n")
    return Scenario(repository, remote, report, policy, key_file)


class _Clock:
    """A commit every few hours, ending yesterday: the same distances on each run."""

    def __init__(self) -> None:
        from datetime import UTC, datetime, timedelta

        self._now = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
        self._step = timedelta(hours=5)

    def env(self, person: int) -> dict[str, str]:
        name, _, rest = _PEOPLE[person % len(_PEOPLE)].partition(" <")
        self._now += self._step
        when, mail = self._now.isoformat(), rest.rstrip(">")
        return {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", name), ("EMAIL", mail), ("DATE", when))
        }

    def shown(self) -> str:
        return self._now.isoformat().replace("+00:00", "Z")


def _git(
    where: Path, *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None
) -> str:
    """git as a person has it, but without this machine's own settings."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **(env or {}),
    }
    return subprocess.run(
        ["git", *arguments],
        cwd=where,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def _write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _commit(root: Path, message: str, person: int, clock: _Clock) -> str:
    env = clock.env(person)
    _git(root, "add", "-A")
    _git(root, "commit", "-q", "-F", "-", stdin=message, env=env)
    return _git(root, "rev-parse", "HEAD")


def _emptied(text: str, values: Mapping[str, Secret]) -> str:
    for value in values.values():
        text = text.replace(value.reveal_text(), "")
    return text


def _findings(planted: Planted, commit: str, date: str) -> list[dict[str, object]]:
    """What gitleaks 8 would have written: one entry a value and file."""
    found: list[dict[str, object]] = []
    for path, text in planted.files.items():
        for value in planted.values.values():
            secret = value.reveal_text()
            for number, line in enumerate(text.splitlines(), 1):
                if secret in line:
                    found.append(
                        {
                            "RuleID": "generic-api-key",
                            "Description": "Detected a Generic API Key",
                            "StartLine": number,
                            "EndLine": number,
                            "StartColumn": line.index(secret) + 1,
                            "EndColumn": line.index(secret) + len(secret),
                            "Match": secret,
                            "Secret": secret,
                            "File": path,
                            "SymlinkFile": "",
                            "Commit": commit,
                            "Entropy": 4.5,
                            "Author": "Ada Dev",
                            "Email": "ada@example.com",
                            "Date": date,
                            "Message": planted.message.splitlines()[0] if planted.message else "",
                            "Tags": [],
                            "Fingerprint": f"{commit}:{path}:generic-api-key:{number}",
                        }
                    )
    return found
