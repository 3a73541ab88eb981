"""Nothing shown: every ending of a run, at full verbosity, and not one hit of any value anywhere."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from remediate.secret import Secret

from .canary import Canary
from .conftest import thorough
from .world import World, every_vendor

TRACED = os.geteuid() == 0 and shutil.which("strace") is not None
"""As another user strace can't read what a process that keeps its memory to itself hands on."""


class Watched:
    """A world whose every command is watched: its streams, its children's argv and environment."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.canary = Canary()
        self.codes: set[int] = set()
        self._round = 0

    def fresh(self) -> None:
        """Everything back at the start."""
        self.world.reset()
        self._round += 1

    def run(self, *arguments: str, stdin: bytes | None = None, **more: object) -> int:
        """A command with --verbose and debug logs, and what came of it searched; its exit code."""
        env = {**self._hooks(), **more.pop("env", {})}  # type: ignore[dict-item]
        done = self.world.command(
            *arguments, "--verbose", stdin=stdin, env=env, before=self._before(), **more
        )
        self.looked(f"{self._round} {arguments[0]}", done.code, done.out + done.err)
        return done.code

    def _hooks(self) -> dict[str, str]:
        return self.world.hooked(HOOK_DEBUG=str(self.world.folder / "tmp" / "debug.log"))

    @property
    def _execs(self) -> Path:
        return self.world.folder / "tmp" / "execs"

    def _before(self) -> list[str]:
        """Every program that is started, with its arguments and its environment, in a file."""
        if TRACED:
            log = str(self._execs)
            options = ["-f", "-qq", "--seccomp-bpf", "-v", "-s", "100000", "-A", "-o", log]
            return ["strace", *options, "-e", "trace=execve"]
        # Whoever may not trace sees each git at least, which is nearly every child that there is.
        tools = self.world.folder / "tools"
        if not tools.exists():
            tools.mkdir()
            wrapper = tools / "git"
            seen = f'{{ echo "execve(git $*"; env; }} >>{self._execs}'
            wrapper.write_text(f'#!/bin/sh\n{seen}\nexec {shutil.which("git")} "$@"\n')
            wrapper.chmod(0o755)
        return ["env", f"PATH={tools}{os.pathsep}{self.world.environment['PATH']}"]

    def looked(self, at: str, code: int, shown: str) -> None:
        """Search everything that there is now."""
        world, values = self.world, list(self.values())
        self.codes.add(code)
        self.canary.look(f"{at}: what was shown", shown.encode(), values)
        self.canary.look_through(world.home, values, f"{at}: state")
        self.canary.look_through(world.folder / "tmp", values, f"{at}: temp")
        self.canary.look_through(world.folder / "home", values, f"{at}: home")
        for seen, mark in ((self._execs, b"execve("), (world.folder / "tmp" / "debug.log", b"")):
            if seen.exists():
                data = seen.read_bytes()
                found = [line for line in data.splitlines() if mark and mark in line]
                # On its way along PATH a program is looked for where it is not.
                self.canary.children += sum(b" = -1 ENOENT" not in line for line in found)
                self.canary.debugged += 0 if mark else len(data)
                # Looked through above: what comes now is counted anew.
                seen.unlink()
        config = (world.repository / ".git" / "config").read_bytes()
        self.canary.look(f"{at}: git config", config, values)

    def values(self) -> Iterator[tuple[str, Secret]]:
        """Every value that there is: leaked, new, and the key that seals."""
        yield "the key file", Secret(self.world.scenario.key_file.read_bytes().strip())
        for truth in self.world.truths:
            name = truth.running.name
            for part, value in truth.planted.values.items():
                if part != "id":  # an AWS key id is public
                    yield f"{name}'s leaked {part}", value
            for value in truth.made():
                yield f"{name}'s new value", value


@pytest.fixture
def watched(world: World) -> Watched:
    return Watched(world)


def interrupted(watched: Watched) -> None:
    world = watched.world
    child = world.start([*world.arguments(), "--verbose"])
    assert child.stdout
    while b'"clean"' not in child.stdout.readline():
        pass
    limits = Path(f"/proc/{child.pid}/limits")
    if limits.exists():
        assert re.search(r"Max core file size +0 +0 ", limits.read_text()), "no core is dumped"
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=60)
    watched.looked("interrupted", child.returncode, (out + err).decode())


def declined(watched: Watched) -> None:
    """At a terminal, whose whole scroll-back is kept."""
    pexpect = pytest.importorskip("pexpect")
    world = watched.world
    (world.folder / "tmp").mkdir(exist_ok=True)
    plain = [a for a in world.arguments() if a not in ("--yes", "--json")]
    child = pexpect.spawn(
        sys.executable,
        ["-m", "remediate", *plain, "--verbose"],
        env={**world.environment, **watched._hooks()},
        encoding="utf-8",
        timeout=60,
        dimensions=(60, 250),
    )
    with (world.folder / "tmp" / "scroll-back").open("w") as scroll_back:
        child.logfile_read = scroll_back
        child.expect("Kill .* now")
        child.sendline("yes")
        child.expect("Rewrite .* commits")
        child.sendline("no")
        child.expect(pexpect.EOF)
        child.close()
    watched.looked("declined", child.exitstatus, child.before or "")


def whole(watched: Watched) -> None:
    assert watched.run(*watched.world.arguments()) in (0, 3)
    last = watched.world.go_on()
    watched.looked("gone on with", last.code, last.out + last.err)
    stores = {".env.payments", ".env.local"}
    for path in watched.world.repository.rglob("*"):
        if path.is_file() and path.name not in stores:
            watched.canary.look(f"the clone: {path.name}", path.read_bytes(), watched.values())
    for command in (["list", "--all"], ["show", "INC"], ["log", "INC"], ["record", "INC"]):
        done = watched.world.command(*command)
        watched.looked(command[0], done.code, done.out + done.err)


def a_plugin_that_speaks(watched: Watched) -> None:
    """A fault whose text holds the value, in the middle of killing it."""
    site = watched.world.folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import ssl, http.client\n"
        "def request(self, *a, **k):\n"
        "    raise ZeroDivisionError(repr((a, k)))\n"
        "http.client.HTTPConnection.request = request\n"
        "http.client.HTTPConnection.putrequest = request\n"
    )
    watched.run(*watched.world.arguments(), env={"PYTHONPATH": str(site)})


def bad_usage(watched: Watched) -> None:
    """The value where it does not belong: in a report that can't be read, as a new value."""
    world = watched.world
    value = world.values[0]
    broken = world.folder / "broken.json"
    broken.write_bytes(b'[{"RuleID": "x", "Secret": "' + value + b'", "File": \n')
    watched.run("run", str(broken), *world.flags())
    watched.run("preview", str(broken), "--repo", str(world.repository))
    broken.write_bytes(b'{"it": "' + value + b'"}')
    watched.run("verify", str(broken), "--repo", str(world.repository))
    watched.run("resume", *world.flags(), "--value", "no-such-step", stdin=value)


def no_key(watched: Watched) -> None:
    flags = watched.world.flags()
    at = flags.index("--key-file")
    watched.run("run", str(watched.world.scenario.report), *flags[:at], *flags[at + 2 :])


def a_copy(watched: Watched) -> None:
    copy = watched.world.repository / "copy.txt"
    copy.write_bytes(watched.world.values[0])
    watched.run(*watched.world.arguments())


def no_vendor(watched: Watched) -> None:
    gone = {"STRIPE_API_BASE": "http://127.0.0.1:9"}
    skipped = [f"--skip={stage}" for stage in ("preserve", "triage", "recover", "investigate")]
    watched.run(*watched.world.arguments(), *skipped, env=gone)


def a_rebase(watched: Watched) -> None:
    (watched.world.repository / ".git" / "rebase-merge").mkdir()
    watched.run(*watched.world.arguments())


def tampered(watched: Watched) -> None:
    watched.run(*watched.world.arguments(), "--only", "assess")
    for head in watched.world.home.rglob("journal.head"):
        head.write_text("1 " + "0" * 64 + "\n")
    watched.run("resume", *watched.world.flags())


ENDINGS: dict[int, Callable[[Watched], None]] = {
    0: whole,
    1: a_plugin_that_speaks,
    2: bad_usage,
    3: no_key,
    4: a_copy,
    5: no_vendor,
    6: a_rebase,
    8: declined,
    9: tampered,
    130: interrupted,
}


def told(found: Canary) -> str:
    """What was watched, as docs/guarantees.md has it."""
    return (
        f"searched {found.files} files and streams, {found.searched} bytes; "
        f"{found.children} programs started, {found.debugged} bytes of debug logs: {found.hits}"
    )


def test_however_it_ends_no_value_is_shown_or_kept(watched: Watched) -> None:
    for code, ending in ENDINGS.items():
        watched.fresh()
        ending(watched)
        assert code in watched.codes, f"{ending.__name__} was to end with {code}: {watched.codes}"
    found = watched.canary
    print(told(found))
    assert found.hits == []
    # A canary that watched nothing is silent, too.
    assert found.files > 300
    assert found.searched > 5_000_000
    assert found.children > 300
    assert found.debugged > 10_000


@thorough
def test_with_every_vendor(tmp_path: Path) -> None:
    with ExitStack() as stack:
        watched = Watched(World(tmp_path / "world", every_vendor(stack)))
        watched.fresh()
        whole(watched)
    found = watched.canary
    print(told(found))
    assert found.hits == []
    assert found.files > 150
    assert found.children > 100
    assert found.debugged > 3_000


LEAKS = {
    "an argument of a child": "subprocess.run(['git', '--version', value], capture_output=True)",
    "the environment of a child": (
        "subprocess.run(['git', '--version'], env={**os.environ, 'X': value}, capture_output=True)"
    ),
    "standard output": "print(value)",
    "standard error": "print(value, file=sys.stderr)",
    "a file in TMPDIR": "pathlib.Path(os.environ['TMPDIR'], 'x').write_text(value)",
    "the state folder": "pathlib.Path(os.environ['REMEDIATE_HOME'], 'x').write_text(value)",
    "a name in the home folder": "pathlib.Path(os.environ['HOME'], value).touch()",
    "a debug log, in base64": "logging.warning(base64.b64encode(b'it: ' + value.encode()))",
}


@pytest.mark.parametrize("where", LEAKS)
def test_a_leak_on_purpose_is_found(watched: Watched, where: str) -> None:
    """The value is let out by the interpreter that runs the command, in one place after the other."""
    world = watched.world
    kept = world.folder / "planted"
    kept.write_bytes(world.values[0])
    leak = (
        "import base64, logging, os, pathlib, subprocess, sys\n"
        "if not os.environ.pop('LEAKED', ''):\n"
        "    os.environ['LEAKED'] = '1'\n"
        f"    value = pathlib.Path({str(kept)!r}).read_text()\n"
        f"    logging.basicConfig(level=10, filename={str(world.folder / 'tmp' / 'debug.log')!r})\n"
        f"    {LEAKS[where]}\n"
    )
    (world.folder / "site").mkdir()
    (world.folder / "site" / "sitecustomize.py").write_text(leak)
    done = world.command(
        "list", env={"PYTHONPATH": str(world.folder / "site")}, before=watched._before()
    )
    watched.looked("list", done.code, done.out + done.err)
    assert watched.canary.hits, where


def a_damaged_list_of_refs(world: World) -> None:
    packed = world.repository / ".git" / "packed-refs"
    packed.write_bytes(packed.read_bytes() + b"key = " + world.values[0] + b"\n")


def a_lock_named_by_it(world: World) -> None:
    name = world.values[0].decode()
    subprocess.run(["git", "branch", name], cwd=world.repository, check=True)
    (world.repository / ".git" / "refs" / "heads" / f"{name}.lock").touch()


def test_a_server_that_says_it_and_a_program_that_prints_it(watched: Watched) -> None:
    """A host's push protection quotes what it found; a branch is called by it; deploy and check print it."""
    world = watched.world
    value = world.values[0].decode()
    hook = world.remote / "hooks" / "pre-receive"
    kept = world.folder / "planted"
    kept.write_text(value)
    hook.write_text(f"#!/bin/sh\necho 'refused: it holds' $(cat {kept})\nexit 1\n")
    hook.chmod(0o755)
    subprocess.run(["git", "branch", f"on/{value}"], cwd=world.repository, check=True)
    policy = world.scenario.policy
    loud = world.folder / "loud.sh"
    loud.write_text(f"#!/bin/sh\ntouch {loud}.ran\ncat {kept}\nbase64 -w0 {kept} >&2\nexit 1\n")
    loud.chmod(0o700)
    named = f'deploy = ["{loud}"]\ncheck = ["{loud}"]\nstores ='
    before = policy.read_text()
    policy.write_text(before.replace("stores =", named))
    assert policy.read_text() != before
    assert watched.run(*world.arguments()) not in (0, 1)
    watched.run("resume", *world.flags())
    assert (world.folder / "loud.sh.ran").exists()
    hook.unlink()
    watched.run("resume", *world.flags())
    for command in ("list", "show", "log", "record"):
        done = world.command(command, *(["INC"] if command != "list" else []))
        watched.looked(command, done.code, done.out + done.err)
    assert watched.canary.hits == []


@pytest.mark.parametrize("what", [a_damaged_list_of_refs, a_lock_named_by_it])
def test_an_error_that_names_the_value_is_told_without_it(
    watched: Watched, what: Callable[[World], None]
) -> None:
    """git's own words, and paths of its files, may hold it: a ref can be called by a secret."""
    world = watched.world
    what(world)
    report = str(world.scenario.report)
    watched.run("preview", report, "--repo", str(world.repository))
    watched.run("verify", report, "--repo", str(world.repository))
    assert watched.run(*world.arguments(), "--only", "assess", "--only", "clean") == 6
    assert watched.run("resume", *world.flags(), "--only", "clean") == 6
    for command in ("log", "record", "show"):
        done = world.command(command, "INC")
        watched.looked(command, done.code, done.out + done.err)
    assert watched.canary.hits == []


@dataclass(frozen=True)
class Shell:
    """One that people type at, without this machine's settings, and the file of its history."""

    command: str
    history: str
    """Below HOME."""
    prompt: str
    """What makes the prompt ``READY``, and does not itself say so."""


SHELLS = {
    "bash": Shell("bash --noprofile --norc -i", ".bash_history", "PS1=RE''ADY\\ "),
    "zsh": Shell("zsh -d -i", ".zsh_history", "PS1=RE''ADY\\ "),
    "fish": Shell(
        "fish -i",
        ".local/share/fish/fish_history",
        "function fish_prompt; echo -n RE''ADY\\ ; end",
    ),
}


@pytest.mark.parametrize("name", SHELLS)
def test_what_is_typed_at_a_shell_in_a_terminal_stays_out_of_both(
    watched: Watched, name: str
) -> None:
    """The shell's history and tmux's whole scroll-back, of a value that is asked for and not echoed."""
    for program in ("tmux", name):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    shell = SHELLS[name]
    world = watched.world
    world.truths[0].running.state.managed = False  # type: ignore[attr-defined]
    done = world.command(*world.arguments())
    (step,) = [s for s in done.finished["manual"] if s["takes_value"]]
    history = world.folder / "home" / shell.history
    socket = str(world.folder / "tmp" / "tmux")
    environment = {**world.environment, **watched._hooks(), "SHELL": "/bin/sh"}
    environment |= {"TERM": "xterm", "LC_ALL": "C.UTF-8"}
    # fish has its own place. zsh keeps nothing unless it is told how much, and nothing with -f; without
    # this file it asks a new user what to do.
    (world.folder / "home" / ".zshrc").touch()
    environment |= {"HISTFILE": str(history), "HISTSIZE": "1000", "SAVEHIST": "1000"}
    settings = world.folder / "tmux.conf"
    settings.write_text("set -g history-limit 50000\n")

    def tmux(*arguments: str) -> str:
        command = ["tmux", "-S", socket, "-f", str(settings), *arguments]
        shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return shown.stdout

    def until(wanted: str, times: int = 1) -> str:
        for _ in range(600):
            shown = tmux("capture-pane", "-p", "-J", "-S", "-", "-t", "it")
            if shown.count(wanted) >= times:
                return shown
            time.sleep(0.2)
        raise AssertionError(shown)

    flags = " ".join(a for a in world.flags() if a not in ("--json", "--yes"))
    size = ["-x", "200", "-y", "30"]
    tmux("new-session", "-d", "-s", "it", *size, shell.command)
    try:
        tmux("send-keys", "-t", "it", "-l", shell.prompt)
        tmux("send-keys", "-t", "it", "Enter")
        until("READY")
        line = f"{sys.executable} -m remediate resume {flags} --yes --verbose --value {step['id']}"
        tmux("send-keys", "-t", "it", "-l", line)
        tmux("send-keys", "-t", "it", "Enter")
        until("not shown")
        tmux("send-keys", "-t", "it", "-l", world.values[0].decode())
        tmux("send-keys", "-t", "it", "Enter")
        shown = until("READY", 2)
        tmux("send-keys", "-t", "it", "exit", "Enter")
        for _ in range(100):
            if history.exists() and "remediate resume" in history.read_text():
                break
            time.sleep(0.1)
    finally:
        subprocess.run(["tmux", "-S", socket, "kill-server"], capture_output=True)
    watched.looked("at a terminal", 2, shown)
    assert "was not taken" in shown, "the old value was typed as the new one"
    assert "remediate resume" in history.read_text()
    assert watched.canary.hits == []


def test_the_canary_sings(tmp_path: Path) -> None:
    """What is hidden in each of the forms is found, or the silence above would prove nothing."""
    import base64
    import json
    from urllib.parse import quote, quote_plus

    value = Secret('a-value/of+some~length-"0123456789')
    raw = value.reveal()
    escaped = json.dumps(raw.decode())
    hidden = {
        "plain": b"x" + raw + b"y",
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "url": b"https://x/?q=" + quote(raw, safe="").encode(),
        "form": b"q=" + quote_plus(raw).encode(),
        "url, all of it": "".join(f"%{byte:02x}" for byte in raw).encode(),
        "JSON": b'{"it": ' + escaped.encode() + b"}",
        "JSON, solidus too": escaped.replace("/", "\\/").encode(),
        "JSON, all of it": "".join(f"\\u{ord(letter):04x}" for letter in raw.decode()).encode(),
        "UTF-16": raw.decode().encode("utf-16"),
    }
    for before in range(6):
        for after in range(3):
            text = b"u" * before + raw + b"e" * after
            name = f"{before} before, {after} after"
            hidden[f"base64, {name}"] = base64.b64encode(text)
            hidden[f"base64url, {name}"] = base64.urlsafe_b64encode(text)
    for name, data in hidden.items():
        canary = Canary()
        (tmp_path / "f").write_bytes(data)
        canary.look_through(tmp_path, [("it", value)], name)
        assert canary.hits == [f"it in {name}: f"], name


def test_memory_stays_out_of_core_dumps() -> None:
    """PR_GET_DUMPABLE is 3 (prctl(2))."""
    program = (
        "import ctypes, resource\n"
        "from remediate.hardening import harden\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (4096, resource.RLIM_INFINITY))\n"
        "harden()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n"
    )
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if hard == 0:
        program = program.replace("(4096, resource.RLIM_INFINITY)", "(0, 0)")
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert shown == "(0, 0) 0\n"
