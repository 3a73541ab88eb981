"""A new value that was in memory alone and went with its process: it is deleted and made again."""

from __future__ import annotations

from .world import Done, World

NOWHERE = "vault:secret/app#STRIPE_API_KEY"
"""A store that takes nothing: nobody listens where it is said to be."""


def flags(world: World) -> list[str]:
    """As `World.flags`, without the key: no value outlives a command, and there is no backup."""
    given = world.flags()
    at = given.index("--key-file")
    return [*given[:at], *given[at + 2 :], "--no-undo"]


def lose(world: World, *command: str) -> Done:
    """A command that issues a successor, gets it into no store, and ends."""
    policy = world.scenario.policy
    before = policy.read_text()
    policy.write_text(before.replace("dotenv:.env.payments#STRIPE_API_KEY", NOWHERE))
    assert policy.read_text() != before
    nobody = {"VAULT_ADDR": "http://127.0.0.1:9", "VAULT_TOKEN": "of-nobody"}
    done = world.command(*command, *flags(world), env=nobody)
    policy.write_text(before)
    assert not list(world.home.rglob("custody.age")), "memory only"
    return done


def test_it_is_made_again_once_and_no_third_time(world: World) -> None:
    (truth,) = world.truths
    report = str(world.scenario.report)
    done = lose(world, "run", report)
    assert len(truth.successors()) == 1, done.out + done.err
    (lost,) = truth.successors()

    done = world.command("resume", *flags(world), "--report", report)
    # The store of the first try stays as unreachable as it was: it is the exit code's only reason.
    assert (done.code, done.finished["manual"]) == (5, []), done.out + done.err
    (new,) = truth.successors()
    assert new != lost
    assert truth.stored(world.repository) == [new]

    world.reset()
    lose(world, "run", report)
    lose(world, "resume", "--report", report)
    assert len(truth.made()) == 2
    assert len(truth.successors()) == 1, "the first that was lost is deleted"
    done = world.command("resume", *flags(world), "--report", report)
    assert [step["id"].split("-")[0] for step in done.finished["manual"]] == ["replace"], done.out
    assert len(truth.made()) == 2
    assert truth.successors() == [], "nor is the second left alive"
