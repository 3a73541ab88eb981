"""A leak with its vendors, repository and remote, that can be put back to its start again and again."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from remediate.demo.scenario import build
from remediate.incident.home import Home
from remediate.model import ManualStep
from remediate.plugins.local import Planted, RunningVendor
from remediate.secret import Secret

from .records import reduced

HOOKS = Path(__file__).parent / "hooks"
_MOST_ROUNDS = 8


@dataclass(frozen=True)
class Done:
    """One command that ended, by itself or by a signal."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every whole line of the stream."""
        found = []
        for line in self.out.splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    @property
    def finished(self) -> dict[str, Any]:
        """The last event; empty where the process was killed."""
        last = self.events[-1] if self.events else {}
        return last if last.get("event") == "finished" else {}


class Truth(Protocol):
    """A vendor's own view, and its way back to the start."""

    running: RunningVendor
    planted: Planted

    def reset(self) -> None:
        """As it was right after planting."""

    def successors(self) -> list[Secret]:
        """The values of every credential that lives in place of the planted one."""

    def stored(self, repository: Path) -> list[Secret]:
        """What each store holds, in order."""

    def made(self) -> list[Secret]:
        """Every secret value that was issued since, lost ones too."""


class AwsTruth:
    """moto's server: one old key, and whatever was made beside it."""

    def __init__(self, running: Any) -> None:
        self.running, self.planted = running, running.plant()
        self._held = self._secret()

    def _secret(self) -> str:
        store = self.running.client("secretsmanager")
        return str(store.get_secret_value(SecretId="prod/app")["SecretString"])

    def _keys(self) -> dict[str, str]:
        listed = self.running.client("iam").list_access_keys(UserName="app-deployer")
        return {k["AccessKeyId"]: k["Status"] for k in listed["AccessKeyMetadata"]}

    def reset(self) -> None:
        iam, old = self.running.client("iam"), self.planted.values["id"].reveal_text()
        for key in self._keys():
            if key != old:
                iam.delete_access_key(UserName="app-deployer", AccessKeyId=key)
        iam.update_access_key(UserName="app-deployer", AccessKeyId=old, Status="Active")
        for name in iam.list_user_policies(UserName="app-deployer")["PolicyNames"]:
            if name != "work":
                iam.delete_user_policy(UserName="app-deployer", PolicyName=name)
        self.running.client("secretsmanager").put_secret_value(
            SecretId="prod/app", SecretString=self._held
        )
        self.running.gate.keys.change(old, True)
        self.running.gate.history._events.clear()

    def successors(self) -> list[Secret]:
        old = self.planted.values["id"].reveal_text()
        return [Secret(key) for key in self._keys() if key != old]

    def stored(self, repository: Path) -> list[Secret]:
        return [Secret(json.loads(self._secret())["AWS_ACCESS_KEY_ID"])]

    def made(self) -> list[Secret]:
        held = Secret(json.loads(self._secret())["AWS_SECRET_ACCESS_KEY"])
        return [held] if held != self.planted.values["secret"] else []


class StripeTruth:
    """The local Stripe."""

    def __init__(self, running: Any) -> None:
        self.running, self.planted = running, running.plant()
        self._keys = {name: dataclasses.replace(key) for name, key in running.state.keys.items()}

    def reset(self) -> None:
        state = self.running.state
        state.keys.clear()
        state.keys |= {name: dataclasses.replace(key) for name, key in self._keys.items()}
        state.made.clear()
        state.shown.clear()

    def successors(self) -> list[Secret]:
        keys = self.running.state.keys
        return [key.token for name, key in keys.items() if name not in self._keys and not key.ended]

    def stored(self, repository: Path) -> list[Secret]:
        return [dotenv(repository / ".env.payments", "STRIPE_API_KEY")]

    def made(self) -> list[Secret]:
        return [k.token for n, k in self.running.state.keys.items() if n not in self._keys]

    def remembered(self) -> Any:
        """How it stands now, for `put_back`."""
        state = self.running.state
        keys = {name: dataclasses.replace(key) for name, key in state.keys.items()}
        return keys, dict(state.made), dict(state.shown)

    def put_back(self, remembered: Any) -> None:
        """As it stood then."""
        state = self.running.state
        keys, made, shown = remembered
        state.keys.clear()
        state.keys |= {name: dataclasses.replace(key) for name, key in keys.items()}
        for now, then in ((state.made, made), (state.shown, shown)):
            now.clear()
            now |= then


class GitHubTruth:
    """The local GitHub; the person makes the new token."""

    def __init__(self, running: Any) -> None:
        self.running, self.planted = running, running.plant()
        self._tokens = dict(running.state.tokens)
        self._audit = copy.deepcopy(running.state.audit)

    def reset(self) -> None:
        state = self.running.state
        state.tokens.clear()
        state.tokens |= {v: dataclasses.replace(t, dies=None) for v, t in self._tokens.items()}
        for place in state.places.values():
            place.secrets.clear()
        state.audit = copy.deepcopy(self._audit)
        state.unauthenticated_left = 60
        state.requests.clear()

    def successors(self) -> list[Secret]:
        tokens = self.running.state.tokens
        return [v for v, token in tokens.items() if v not in self._tokens and not token.dead]

    def stored(self, repository: Path) -> list[Secret]:
        return [
            self.running.stored("acme/app", "DEPLOY_TOKEN"),
            dotenv(repository / ".env.local", "GITHUB_TOKEN"),
        ]

    def made(self) -> list[Secret]:
        return [v for v in self.running.state.tokens if v not in self._tokens]


def every_vendor(stack: contextlib.ExitStack) -> list[Truth]:
    """AWS (moto), the local Stripe and the local GitHub, up until *stack* closes."""
    from remediate_providers.aws.local import LocalAws
    from remediate_providers.github.local import LocalGitHub
    from remediate_providers.stripe.local import LocalStripe

    truths: list[Truth] = []
    for truth, vendor in (
        (AwsTruth, LocalAws(lag=0.05, throttle=False)),
        (StripeTruth, LocalStripe(lag=0.05)),
        (GitHubTruth, LocalGitHub(lag=0.05)),
    ):
        running = vendor.start()
        stack.callback(running.close)
        truths.append(truth(running))
    return truths


def dotenv(path: Path, name: str) -> Secret:
    """The value of *name* in a .env file."""
    found = re.search(rf"^{name}=['\"]?(.*?)['\"]?$", path.read_text(), re.MULTILINE)
    assert found, f"{path} holds no {name}"
    return Secret(found[1])


def git(where: Path, *arguments: str) -> bytes:
    """git's standard output."""
    return subprocess.run(["git", *arguments], cwd=where, check=True, capture_output=True).stdout


class World:
    """The leak in *folder*, and everything that acts on it."""

    def __init__(self, folder: Path, truths: Sequence[Truth]) -> None:
        folder.mkdir()
        self.folder = folder
        self.truths = truths
        self.scenario = build(folder, [truth.planted for truth in truths])
        self.repository, self.remote = self.scenario.repository, self.scenario.remote
        self.home = folder / "state"
        self.kept = folder.with_name(folder.name + ".start")
        (folder / "home").mkdir()
        # Nothing of this machine's: a world outlives the test that is sealed.
        self.environment = {
            **{n: os.environ[n] for n in ("PATH", "PYTHONPATH", "VIRTUAL_ENV") if n in os.environ},
            "HOME": str(folder / "home"),
            "REMEDIATE_HOME": str(self.home),
            "TMPDIR": str(folder / "tmp"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "TERM": "dumb",
        }
        for truth in truths:
            self.environment |= truth.running.environment()
        self.typed: dict[str, Secret] = {}
        # The installation's key is made once, so that fingerprints stay the same in each round.
        Home(self.home).installation_key()
        shutil.copytree(folder, self.kept, symlinks=True)
        self.values = [v.reveal() for t in truths for n, v in t.planted.values.items() if n != "id"]

    def reset(self) -> None:
        """Everything as it was before the first run, at the same paths."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder, symlinks=True)
        for truth in self.truths:
            truth.reset()
        self.typed.clear()

    def flags(self) -> list[str]:
        """What every command that acts is given."""
        s = self.scenario
        return [
            *("--repo", str(s.repository), "--policy", str(s.policy)),
            *("--key-file", str(s.key_file), "--yes", "--json"),
        ]

    def arguments(self) -> list[str]:
        """The first command."""
        return ["run", str(self.scenario.report), *self.flags()]

    def start(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
        **more: Any,
    ) -> subprocess.Popen[bytes]:
        """A command of ours, begun, in a process group of its own."""
        (self.folder / "tmp").mkdir(exist_ok=True)
        return subprocess.Popen(
            [*before, sys.executable, "-m", "remediate", *arguments],
            cwd=self.folder,
            env={**self.environment, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **{"stdin": subprocess.DEVNULL, **more},
        )

    def command(self, *arguments: str, stdin: bytes | None = None, **more: Any) -> Done:
        """A command of ours, to its end."""
        given = {} if stdin is None else {"stdin": subprocess.PIPE}
        with self.start(arguments, **given, **more) as child:
            out, err = child.communicate(stdin, timeout=180)
        return Done(child.returncode, out.decode(), err.decode())

    def hooked(self, **hooks: str) -> dict[str, str]:
        """Environment that has every Python child load the hooks."""
        paths = [str(HOOKS), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"PYTHONPATH": os.pathsep.join(paths), **hooks}

    def go_on(self, last: Done | None = None, *, env: Mapping[str, str] | None = None) -> Done:
        """What a person does after a crash: resume, begin anew if told to, do what is left to do."""
        if last is None:
            last = self.command("resume", *self.flags(), env=env)
            if last.code == 2 and "is closed" in last.err:
                # Killed between closing the incident and saying so.
                return Done(0, '{"event": "finished", "status": "clean", "manual": []}', last.err)
            if last.code == 2:
                assert "remediate run" in last.err, last.err
                last = self.command(*self.arguments(), env=env)
        for _ in range(_MOST_ROUNDS):
            steps = [s for s in last.finished.get("manual", []) if s["takes_value"]]
            if not steps:
                break
            step = ManualStep(**{**steps[0], "instructions": tuple(steps[0]["instructions"])})
            value = self.typed.get(step.id) or self.person(step)
            self.typed[step.id] = value
            last = self.command(
                *("resume", *self.flags(), "--value", step.id), stdin=value.reveal(), env=env
            )
        return last

    def person(self, step: ManualStep) -> Secret:
        """The value that a person gets at the vendor's page."""
        found = [v for t in self.truths if (v := t.running.person(step)) is not None]
        assert len(found) == 1, step
        return found[0]

    # What came of it ----------------------------------------------------------------------------

    def refs(self) -> dict[str, str]:
        """Every ref of the clone and of the remote, and where HEAD is."""
        return {
            place.name: git(place, "for-each-ref", "--format=%(refname) %(objectname)").decode()
            + git(place, "rev-parse", "HEAD").decode()
            for place in (self.repository, self.remote)
        }

    def held(self) -> list[str]:
        """Objects and files, of the clone and the remote, that hold one of the old values."""
        found = []
        for place in (self.repository, self.remote):
            data = objects(place)
            found += [f"an object of {place.name}"] * sum(value in data for value in self.values)
            found += [
                str(path)
                for path in place.rglob("*")
                if path.is_file() and any(value in path.read_bytes() for value in self.values)
            ]
        return found

    def record(self) -> Any:
        """The record without what may differ: times, ids of this incident, new values, resumes."""
        (folder,) = (self.home / "incidents").iterdir()
        document = json.loads(self.command("record", folder.name, "--format", "json").out)
        new = {part for c in document["credentials"] for part in strings(c.get("successor"))}
        return reduced(document, folder.name, new)

    def left_over(self) -> list[str]:
        """What a crash left lying about."""
        found = [
            path
            for path in self.folder.rglob("*")
            if re.search(r"/(tmp_|\.[\w.-]+\.[0-9a-f]{12}$|quarantine$|clone$|\.INC)", str(path))
            or path.name.endswith(".lock")
        ]
        found += list((self.folder / "tmp").iterdir())
        return [str(path) for path in found]

    def outcome(self, last: Done) -> dict[str, Any]:
        """Everything that a run must have brought about, fit to be compared with another's."""
        stored = []
        for truth in self.truths:
            new = truth.successors()
            assert len(new) == 1, f"{truth.running.name}: {len(new)} new credentials"
            assert truth.running.is_dead(truth.planted.values), truth.running.name
            stored += [value == new[0] for value in truth.stored(self.repository)]
        return {
            "exit": last.code,
            "status": last.finished.get("status"),
            "manual": last.finished.get("manual"),
            "refs": self.refs(),
            "tree": git(self.repository, "status", "--porcelain").decode(),
            "held": self.held(),
            "stored": stored,
            "left over": self.left_over(),
            "incidents": len(list((self.home / "incidents").iterdir())),
            "record": self.record(),
        }


def objects(place: Path) -> bytes:
    """Every object of a clone; of a remote, those that its refs lead to (the host tidies up the rest)."""
    wanted = None
    choice = ["--batch-all-objects", "--unordered"]
    if (place / "HEAD").exists():
        choice, wanted = [], git(place, "rev-list", "--objects", "--no-object-names", "--all")
    return subprocess.run(
        ["git", "cat-file", "--batch", *choice],
        cwd=place,
        input=wanted,
        check=True,
        capture_output=True,
    ).stdout


def strings(value: Any) -> Iterator[str]:
    """Every text within *value*."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@contextlib.contextmanager
def killed(child: subprocess.Popen[bytes], *, group: bool) -> Iterator[None]:
    """Kill *child* after the body, alone or with every process that it started."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            if group:
                os.killpg(child.pid, signal.SIGKILL)
            else:
                child.kill()
        child.communicate()
