"""A new value that was in memory alone and went with its process: it is deleted and made again."""

from __future__ import annotations

from .world import Done, World, dotenv

OURS = "dotenv:.env.payments#STRIPE_API_KEY"
SECOND = "dotenv:.env.second#STRIPE_API_KEY"
NOWHERE = "vault:secret/app#STRIPE_API_KEY"
"""A store that takes nothing: nobody listens where it is said to be."""


def flags(world: World) -> list[str]:
    """As `World.flags`, without the key: no value outlives a command, and there is no backup."""
    given = world.flags()
    at = given.index("--key-file")
    return [*given[:at], *given[at + 2 :], "--no-undo"]


def name_stores(world: World, *stores: str) -> None:
    """Have policy name *stores* in place of the one that it names."""
    policy = world.scenario.policy
    before = policy.read_text()
    policy.write_text(before.replace(f'"{OURS}"', ", ".join(f'"{store}"' for store in stores)))
    assert policy.read_text() != before


def lose(world: World, *command: str, stores: tuple[str, ...] = (NOWHERE,)) -> Done:
    """A command that issues a successor, gets it into no store, and ends."""
    policy = world.scenario.policy
    before = policy.read_text()
    name_stores(world, *stores)
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
    # The store of the first try is out of policy, so nobody waits for it any more.
    assert (done.code, done.finished["manual"]) == (0, []), done.out + done.err
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


def test_one_that_some_stores_have_is_made_again_for_all_of_them(world: World) -> None:
    (truth,) = world.truths
    report = str(world.scenario.report)
    lose(world, "run", report, stores=(OURS, NOWHERE))
    (lost,) = truth.successors()
    assert truth.stored(world.repository) == [lost], "it was delivered in part"

    name_stores(world, OURS, SECOND)
    done = world.command("resume", *flags(world), "--report", report)
    assert (done.code, done.finished["manual"]) == (0, []), done.out + done.err
    (new,) = truth.successors()
    assert new != lost, "the half-delivered one is dead"
    assert truth.stored(world.repository) == [new]
    assert dotenv(world.repository / ".env.second", "STRIPE_API_KEY") == new


def test_one_in_use_is_left_alone_where_no_third_is_asked_for(world: World) -> None:
    (truth,) = world.truths
    report = str(world.scenario.report)
    lose(world, "run", report, stores=(OURS, NOWHERE))
    lose(world, "resume", "--report", report, stores=(OURS, NOWHERE))
    (second,) = truth.successors()
    done = lose(world, "resume", "--report", report, stores=(OURS, NOWHERE))
    assert truth.successors() == [second]
    (step,) = done.finished["manual"]
    assert step["id"].startswith("copy-"), step
    assert OURS in " ".join(step["instructions"])

    # The person copies it, takes the store out of policy, and goes on.
    done = world.command("resume", *flags(world), "--report", report)
    assert (done.code, done.finished["manual"]) == (0, []), done.out + done.err
    assert truth.successors() == truth.stored(world.repository) == [second]
