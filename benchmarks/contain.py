"""How long containing takes: a thousand GitHub tokens and two hundred AWS keys in one report, and one token.

Starts local vendors, leaks what they issue in a repository of its own, and runs the installed command as a
script would. Prints the figures of docs/benchmarks.md as a Markdown table::

    python benchmarks/contain.py            # 1,000 tokens and 200 keys; then one token, for the latency
    python benchmarks/contain.py 50 10

What is counted is from the start of the process; requests are those that arrived at the vendors.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remediate.secret import Secret
from remediate_providers.aws.local import LocalAws, RunningAws
from remediate_providers.github.local import LocalGitHub, RunningGitHub

BEFORE_THE_KILL = ("assess", "preserve", "contain")
PER_USER = 2
"""Access keys of one IAM user: AWS's own quota."""


@dataclass(frozen=True)
class Measured:
    """One run."""

    contained: float
    """Seconds until every credential was seen dead."""
    first: float
    """Seconds until the first revoking request arrived."""
    github: int
    aws: int
    """Requests that arrived."""
    cpu: float
    """Seconds of processor time of the command and its children."""
    dead: int
    status: str


def main(arguments: Sequence[str]) -> int:
    """Run both, and print the table."""
    tokens, keys = (int(arguments[0]), int(arguments[1])) if len(arguments) > 1 else (1000, 200)
    many = measure(tokens, keys)
    one = min((measure(1, 0) for _ in range(3)), key=lambda run: run.first)
    print(
        "| credentials | contained | first revoking request | requests to GitHub | to AWS | processor |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for what, run in ((f"{tokens} GitHub tokens, {keys} AWS keys", many), ("1 GitHub token", one)):
        print(
            f"| {what} | {run.contained:.1f} s | {run.first:.2f} s | {run.github} | {run.aws} | {run.cpu:.1f} s |"
        )
    print(f"\ndead: {many.dead} of {tokens + keys}; the runs ended {many.status}, {one.status}")
    return 0 if many.dead == tokens + keys else 1


def measure(tokens: int, keys: int) -> Measured:
    """One run over *tokens* GitHub tokens and *keys* AWS keys."""
    with tempfile.TemporaryDirectory(prefix="contain-") as folder:
        github, aws = LocalGitHub(lag=0.5).start(), LocalAws(lag=0.3).start() if keys else None
        try:
            return _run(Path(folder), github, aws, tokens, keys)
        finally:
            github.close()
            if aws is not None:
                aws.close()


def _run(
    folder: Path, github: RunningGitHub, aws: RunningAws | None, tokens: int, keys: int
) -> Measured:
    issued = [github.state.issue(f"user-{at % 50}", scopes=("repo",)) for at in range(tokens)]
    pairs: list[dict[str, Secret]] = []
    for at in range(-(-keys // PER_USER)):
        assert aws is not None
        pairs.append(aws.user(f"app-{at}", _POLICY))
        pairs += [aws.key(f"app-{at}") for _ in range(PER_USER - 1)]
    pairs = pairs[:keys]
    repository = _leak(folder / "app", issued, pairs)
    report = folder / "report.json"
    report.write_text(json.dumps(_findings(repository, issued, pairs)))
    report.chmod(0o600)
    before = len(aws.gate.calls) if aws is not None else 0
    environment = {
        **{n: v for n, v in os.environ.items() if not n.startswith(("GIT_", "AWS_", "GITHUB_"))},
        **github.environment(),
        **(aws.environment() if aws is not None else {}),
        "REMEDIATE_HOME": str(folder / "home"),
    }
    stages = [flag for stage in BEFORE_THE_KILL for flag in ("--only", stage)]
    command = ["run", str(report), "--repo", str(repository), "--yes", "--json", *stages]
    asked = len(github.state.requests)
    started = time.time()
    busy = _busy()
    contained, done = _command(command, folder, environment)
    busy = _busy() - busy
    first = min(
        (one.at for one in github.state.requests if one.path == "/credentials/revoke"),
        default=float("nan"),
    )
    dead = sum(github.state.living(token) is None for token in issued)
    dead += sum(aws.is_dead(pair) for pair in pairs) if aws is not None else 0
    return Measured(
        contained,
        first - started,
        len(github.state.requests) - asked,
        len(aws.gate.calls) - before if aws is not None else 0,
        busy,
        dead,
        done,
    )


def _busy() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _command(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> tuple[float, str]:
    """Seconds until the last credential was told of, and how the run ended."""
    began, last, status = time.monotonic(), 0.0, "without a word"
    with (folder / "errors").open("w+") as errors:
        ran = subprocess.Popen(
            [sys.executable, "-m", "remediate", *command],
            cwd=folder,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert ran.stdout is not None
        for line in ran.stdout:
            event = json.loads(line)
            if event["event"] == "effect" and event["action"] == "revoke":
                last = time.monotonic() - began
            elif event["event"] == "finished":
                status = str(event["status"])
        ran.wait()
        errors.seek(0)
        return last, status if ran.returncode in (0, 3, 5) else errors.read()[-500:]


_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"]}],
}
_PATH = "config/everything.env"


def _leak(
    repository: Path, tokens: Sequence[Secret], pairs: Sequence[Mapping[str, Secret]]
) -> Path:
    lines = [f"GITHUB_TOKEN_{at}={token.reveal_text()}" for at, token in enumerate(tokens)]
    for at, pair in enumerate(pairs):
        lines += [
            f"AWS_KEY_{at}={pair['id'].reveal_text()}",
            f"AWS_SECRET_{at}={pair['secret'].reveal_text()}",
        ]
    (repository / "config").mkdir(parents=True)
    (repository / _PATH).write_text("\n".join(lines) + "\n")
    (repository / ".gitignore").write_text("remediate.toml\n")
    (repository / "remediate.toml").write_text(
        f"[incident]\nmax_revocations = {len(tokens) + len(pairs)}\n"
    )
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "Everything"]):
        subprocess.run(
            ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", *arguments],
            cwd=repository,
            check=True,
        )
    return repository


def _findings(
    repository: Path, tokens: Sequence[Secret], pairs: Sequence[Mapping[str, Secret]]
) -> list[dict[str, object]]:
    """As gitleaks writes them."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True
    ).stdout.strip()
    values = [token.reveal_text() for token in tokens]
    for pair in pairs:
        values += [pair["id"].reveal_text(), pair["secret"].reveal_text()]
    return [
        {
            "RuleID": "any",
            "Description": "a secret",
            "StartLine": line,
            "EndLine": line,
            "StartColumn": 1,
            "EndColumn": 2,
            "Match": value,
            "Secret": value,
            "File": _PATH,
            "SymlinkFile": "",
            "Commit": commit,
            "Entropy": 4.0,
            "Author": "Ada",
            "Email": "ada@example.com",
            "Date": "2026-01-02T03:04:05Z",
            "Message": "Everything",
            "Tags": [],
            "Fingerprint": f"{commit}:{_PATH}:any:{line}",
        }
        for line, value in enumerate(values, 1)
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
