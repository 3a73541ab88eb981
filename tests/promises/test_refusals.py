"""Whatever is refused while there is an incident stands in its journal: what was asked, why not, and by whom."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import (
    BusyError,
    CustodyError,
    DeclinedError,
    Error,
    GitError,
    PolicyError,
    StateError,
    TamperedError,
    UsageError,
    VendorError,
)
from remediate.incident.opening import Installation
from remediate.incident.refusals import refuses
from remediate.incident.rows import Kind
from remediate.incident.state import write_outcome
from remediate.model import ManualStep
from remediate.plugins.outcome import Outcome, Status

from .world import Done, World

ANOTHER = "rk_live_" + "51Zz9Yy8Xx7Ww6Vv5Uu4Tt3S"
"""Looks like one of Stripe's; stands in no repository."""


def rows(world: World) -> list[dict[str, Any]]:
    """The refusals in the journal of the one incident."""
    (folder,) = (world.home / "incidents").iterdir()
    log = json.loads(world.command("log", folder.name, "--json").out)
    return [{**row["data"], "stage": row["stage"]} for row in log if row["kind"] == "refusal"]


def without(world: World, *names: str) -> list[str]:
    """The usual flags but for *names*, each with what it is given."""
    flags = world.flags()
    for name in names:
        at = flags.index(name)
        del flags[at : at + (1 if name in ("--yes", "--json") else 2)]
    return flags


@dataclass(frozen=True)
class Case:
    """One thing that is refused beside all stages: how it is asked for, and what the row says."""

    name: str
    ask: Callable[[World, Path], Done]
    asked: str
    why: str


def policy_of(text: str, mode: int = 0o600) -> Callable[[World, Path], Done]:
    def ask(world: World, folder: Path) -> Done:
        policy = folder / "policy.toml"
        policy.write_text(text)
        policy.chmod(mode)
        return world.command("resume", *without(world, "--policy"), "--policy", str(policy))

    return ask


def resumed(*more: str, stdin: bytes | None = None) -> Callable[[World, Path], Done]:
    return lambda world, _folder: world.command("resume", *world.flags(), *more, stdin=stdin)


def with_file(option: str, text: str, *drop: str) -> Callable[[World, Path], Done]:
    def ask(world: World, folder: Path) -> Done:
        file = folder / "given"
        file.write_text(text)
        return world.command("resume", *without(world, *drop), option, str(file))

    return ask


def with_step(name: str, **more: Any) -> Callable[[World, Path], Done]:
    """A step of that kind waits, and somebody gives their word for it."""

    def ask(world: World, _folder: Path) -> Done:
        here = Installation(world.home)
        (known,) = here.incidents()
        step = ManualStep(id=name, title="Do it", why="It has to be done.", **more)
        with here.journal(known.folder) as journal:
            key, meant = f"try/{name}", {"action": "try", "subject": name, "detail": {}}
            journal.append(Kind.INTENT, meant, key=key)
            waits = Outcome(Status.MANUAL, "It waits", manual=step)
            journal.append(Kind.OUTCOME, write_outcome(waits), key=key)
        done = world.command("resume", *world.flags(), "--done", name)
        assert name in done.err or name in done.out
        with here.journal(known.folder) as journal:
            over = Outcome(Status.UNCHANGED, "It is over")
            journal.append(Kind.OUTCOME, write_outcome(over), key=key)
        return done

    return ask


def notified(address: str) -> Callable[[World, Path], Done]:
    return lambda world, _: world.command("notify", env={"REMEDIATE_NOTIFY_URL": address})


def badly_begun(command: str) -> Callable[[World, Path], Done]:
    def ask(world: World, folder: Path) -> Done:
        policy = folder / "policy.toml"
        policy.write_text("[nonsense]\n")
        flags = ["--repo", str(world.repository), "--policy", str(policy), "--yes"]
        return world.command(command, str(world.scenario.report), *flags)

    return ask


BESIDE = [
    Case("a policy that others can write", policy_of("", 0o666), "resume", "only you can write"),
    Case(
        "a policy with an unknown table", policy_of("[nonsense]\n"), "resume", "one of [incident]"
    ),
    Case(
        "approval of no stage",
        policy_of("[incident]\napprove = ['lunch']\n"),
        "resume",
        "`approve` to name stages",
    ),
    Case(
        "approval without signers",
        policy_of("[incident]\napprove = ['publish']\n"),
        "resume",
        "allowed signers",
    ),
    Case(
        "a store that is none",
        policy_of("[[credential]]\nmatch = 'stripe'\nstores = ['nonsense']\n"),
        "resume",
        "to be a store",
    ),
    Case("a stage that is none", resumed("--only", "lunch"), "resume", "no stage named"),
    Case(
        "a key file that is not there",
        lambda world, _: world.command(
            "resume", *without(world, "--key-file"), "--key-file", "/nowhere/key"
        ),
        "resume",
        "can't be read",
    ),
    Case(
        "a key too short",
        with_file("--key-file", "short", "--key-file"),
        "resume",
        "fewer than 8 bytes",
    ),
    Case(
        "another key",
        with_file("--key-file", "another key, long enough", "--key-file"),
        "go on with the incident",
        "not the one",
    ),
    Case(
        "no key, and nobody to ask",
        lambda world, _: world.command("resume", *without(world, "--key-file", "--yes")),
        "go on with the incident",
        "",
    ),
    Case(
        "the report of another leak",
        with_file("--report", "some-other-value-0123456789abcdef\n"),
        "go on with the incident",
        "does not hold",
    ),
    Case("a report that is none", with_file("--report", '{"it": "is'), "resume", "expected"),
    Case(
        "a value that is not waited for",
        resumed("--value", "replace-nothing", stdin=b"a-new-value"),
        "take in a value",
        "no step of the name",
    ),
    Case(
        "a word for a step that nobody waits for",
        resumed("--done", "copy-nothing"),
        "take a person's word for a step",
        "no step of the name",
    ),
    Case(
        "a word in place of a value",
        with_step("replace-it", takes_value=True),
        "take a person's word for a step",
        "when its new value is handed in",
    ),
    Case(
        "a word for what remediate sees by itself",
        with_step("look-at-it", check="It is looked at once more."),
        "take a person's word for a step",
        "sees by itself whether it is done",
    ),
    Case("an empty value", resumed("--value", "x-y", stdin=b""), "resume", "held no value"),
    Case(
        "an approval that is not waited for",
        with_file("--approval", "-----BEGIN SSH SIGNATURE-----\n"),
        "go on with the incident",
        "waits for no approval",
    ),
    Case(
        "an approval that is not there",
        resumed("--approval", "/nowhere/request.sig"),
        "resume",
        "expected",
    ),
    Case(
        "undo of nothing",
        lambda world, _: world.command("undo", "--repo", str(world.repository), "--yes"),
        "undo",
        "nothing to undo",
    ),
    Case("a notification to nowhere", notified(""), "notify", "Nobody has said where"),
    Case(
        "a notification in the clear",
        notified("http://example.com/x"),
        "notify",
        "no https address",
    ),
    Case(
        "the values without the key",
        lambda world, folder: world.command(
            "show", "--repo", str(world.repository), "--expressions", str(folder / "rules")
        ),
        "take the values: show --expressions",
        "",
    ),
    Case("run with a bad policy", badly_begun("run"), "run", "one of [incident]"),
    Case("rotate with a bad policy", badly_begun("rotate"), "rotate", "one of [incident]"),
    Case(
        "run with no report",
        lambda world, _: world.command("run", "/nowhere/report.json", *world.flags()),
        "run",
        "expected",
    ),
    Case(
        "rotate with no value",
        lambda world, _: world.command("rotate", *without(world, "--policy"), stdin=b""),
        "rotate",
        "",
    ),
    Case(
        "the values into no folder",
        lambda world, _: world.command(
            *("show", "--repo", str(world.repository), "--expressions", "/nowhere/rules"),
            *("--key-file", str(world.scenario.key_file)),
        ),
        "show --expressions",
        "",
    ),
    Case(
        "the map of no rewriting",
        lambda world, folder: world.command(
            "show", "--repo", str(world.repository), "--commit-map", str(folder / "map")
        ),
        "show the maps",
        "rewritten nothing",
    ),
]


def test_each_that_comes_beside_the_stages(world: World, tmp_path: Path) -> None:
    begun = world.command(*world.arguments(), "--only", "assess")
    assert begun.code in (0, 3), begun.out + begun.err
    known = rows(world)
    wrong = []
    for case in BESIDE:
        done = case.ask(world, tmp_path)
        assert done.code == 2, (case.name, done.out, done.err)
        fresh, known = rows(world)[len(known) :], rows(world)
        said = [(row["asked"], row["why"], bool(row.get("by"))) for row in fresh]
        if len(said) != 1 or said[0][0] != case.asked or case.why not in said[0][1]:
            wrong.append(f"{case.name}: {said}")
        elif case.asked != "take in a value" and not said[0][2]:
            wrong.append(f"{case.name}: it does not say who asked")
    assert not wrong, "\n".join(wrong)
    # None of them hindered anything, and the record has them.
    assert world.go_on().code == 0
    (folder,) = (world.home / "incidents").iterdir()
    record = json.loads(world.command("record", folder.name, "--format", "json").out)
    assert len(record["refusals"]) == len(known)


def test_undo_of_what_is_published(world: World) -> None:
    assert world.command(*world.arguments()).code == 0
    (folder,) = (world.home / "incidents").iterdir()
    done = world.command("undo", folder.name, "--yes")
    assert done.code == 2, done.err
    (row,) = rows(world)
    assert (row["asked"], "is published" in row["why"]) == ("undo", True)


def test_a_value_given_in_place_of_its_name_is_not_kept(world: World) -> None:
    """``--value SECRET`` is a slip that happens; neither the journal nor the message says it again."""
    world.command(*world.arguments(), "--only", "assess")
    done = world.command("resume", *world.flags(), "--value", ANOTHER, stdin=ANOTHER.encode())
    assert done.code == 2
    assert ANOTHER not in done.out + done.err
    assert len(rows(world)) == 1
    for path in world.home.rglob("*"):
        assert not path.is_file() or ANOTHER.encode() not in path.read_bytes(), path


# Within a stage ---------------------------------------------------------------------------------


def one(world: World, done: Done, code: int, stage: str, asked: str, why: str) -> None:
    """The command ended with *code*, and exactly that refusal stands in the journal."""
    assert done.code == code, done.out + done.err
    found = [(row["stage"], row["asked"], why in row["why"]) for row in rows(world)]
    assert found == [(stage, asked, True)], rows(world)


def test_more_revocations_than_policy_allows(world: World) -> None:
    policy = world.scenario.policy
    policy.write_text("[incident]\nmax_revocations = 1\n" + policy.read_text())
    repository = world.repository
    (repository / "more.txt").write_text(f"key = {ANOTHER}\n")
    report = world.folder / "values.txt"
    report.write_bytes(world.values[0] + b"\n" + ANOTHER.encode() + b"\n")
    done = world.command("run", str(report), *world.flags())
    one(world, done, 3, "contain", "revoke 2 credentials", "max_revocations is 1")


def test_a_credential_that_stands_nowhere_here(world: World) -> None:
    report = world.folder / "values.txt"
    report.write_text(ANOTHER + "\n")
    done = world.command("run", str(report), *world.flags())
    assert done.code == 3, done.out + done.err
    asked = {(row["asked"].split(":")[0], row["why"]) for row in rows(world)}
    assert asked == {("act on stripe", "its value stands nowhere in this repository")}


def test_a_question_with_nobody_to_ask(world: World) -> None:
    done = world.command("run", str(world.scenario.report), *without(world, "--yes"))
    one(world, done, 2, "contain", "stage contain", "no terminal")


def test_a_repository_in_the_middle_of_something(world: World) -> None:
    (world.repository / ".git" / "rebase-merge").mkdir()
    done = world.command(*world.arguments(), "--only", "assess", "--only", "clean")
    one(world, done, 6, "clean", "stage clean", "rebase")


def test_rules_that_can_not_be(world: World) -> None:
    rules = world.folder / "rules"
    rules.write_text("regex:x*==>y\n")
    done = world.command(*world.arguments(), "--only", "clean", "--expressions", str(rules))
    one(world, done, 2, "clean", "stage clean", "empty text")


def test_a_word_that_would_take_too_much_with_it(world: World) -> None:
    (world.repository / "notes.txt").write_text("password\n")
    report = world.folder / "values.txt"
    report.write_text("password\n")
    done = world.command("run", str(report), *world.flags(), "--only", "clean")
    assert done.code == 4, done.out + done.err
    (row,) = rows(world)
    assert row["stage"] == "clean"
    assert row["asked"].startswith("replace the secret ")
    assert "ordinary word" in row["why"]


def test_a_new_value_that_is_not_taken(world: World) -> None:
    """Stripe without managed keys: a person makes the new one, and brings the old one again."""
    (truth,) = world.truths
    truth.running.state.managed = False  # type: ignore[attr-defined]
    done = world.command(*world.arguments())
    (step,) = [s for s in done.finished["manual"] if s["takes_value"]]
    done = world.command("resume", *world.flags(), "--value", step["id"], stdin=world.values[0])
    one(world, done, 2, "recover", f"take in the value for {step['id']}", "")


@pytest.mark.parametrize("stage", ["contain", "clean", "publish"])
def test_no_at_a_terminal(world: World, stage: str) -> None:
    pexpect = pytest.importorskip("pexpect")
    questions = {"contain": "Kill .* now", "clean": "Rewrite .* commits", "publish": "Force-push"}
    before = ("preserve", "triage", "recover", "investigate")
    skipped = [f"--skip={name}" for name in before]
    plain = [*world.arguments(), *skipped]
    child = pexpect.spawn(
        sys.executable,
        ["-m", "remediate", *(a for a in plain if a not in ("--yes", "--json"))],
        env={**world.environment, "COLUMNS": "200"},
        cwd=str(world.folder),
        encoding="utf-8",
        timeout=120,
        dimensions=(60, 200),
    )
    for name, question in questions.items():
        child.expect(question)
        child.sendline("no" if name == stage else "yes")
        if name == stage:
            break
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 8, child.before
    assert [(row["stage"], row["asked"]) for row in rows(world)] == [(stage, f"stage {stage}")]


# What is none -----------------------------------------------------------------------------------


def test_what_fails_is_no_refusal_and_what_can_not_be_written_is_told() -> None:
    said_no: list[type[Error]] = [UsageError, DeclinedError, CustodyError]
    failed: list[type[Error]] = [GitError, BusyError, StateError, TamperedError, VendorError]
    assert all(refuses(kind("x")) for kind in said_no)
    assert refuses(PolicyError("f", "x"))
    assert not any(refuses(kind("x")) for kind in failed)


def test_a_forged_journal_is_not_added_to(world: World) -> None:
    world.command(*world.arguments(), "--only", "assess")
    (head,) = world.home.rglob("journal.head")
    (database,) = world.home.rglob("journal.db")
    head.write_text("1 " + "0" * 64 + "\n")
    before = database.read_bytes()
    assert world.command("resume", *world.flags()).code == 9
    assert database.read_bytes() == before
