"""The new value, too: where it stands and does not belong, the incident is not over."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import thorough
from .world import World


def deploy(world: World, script: str, *, check: str = "") -> Path:
    """Have policy name a deploy command, and a check where one is given."""
    path = world.folder / "deploy.sh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    text = world.scenario.policy.read_text() + f'deploy = ["{path}"]\n'
    if check:
        path = world.folder / "check.sh"
        path.write_text(f"#!/bin/sh\n{check}\n")
        path.chmod(0o700)
        text += f'check = ["{path}"]\n'
    world.scenario.policy.write_text(text)
    return path


@pytest.mark.parametrize(
    "shown",
    [
        ". ./.env.payments; printf %s \"$STRIPE_API_KEY\" | base64 -w0 >&2",
        pytest.param("cat .env.payments", marks=thorough),
    ],
)  # fmt: skip
def test_a_deploy_that_prints_it_keeps_the_incident_open(world: World, shown: str) -> None:
    script = deploy(world, shown)
    done = world.command(*world.arguments())
    assert done.code == 4, done.out + done.err
    (new,) = world.truths[0].successors()
    assert new.reveal_text() not in done.out + done.err
    assert [step["id"].split("-stripe")[0] for step in done.finished["manual"]] == ["quiet-deploy"]
    again = world.command("resume", *world.flags())
    assert again.code == 4, "nothing was mended"
    script.write_text("#!/bin/sh\necho deployed\n")
    done = world.command("resume", *world.flags())
    assert (done.code, done.finished["status"]) == (0, "clean"), done.out
    assert world.truths[0].successors() == [new], "it was not issued anew"


@thorough
def test_a_check_that_prints_it(world: World) -> None:
    deploy(world, "true", check="cat .env.payments")
    done = world.command(*world.arguments())
    assert done.code == 4
    assert done.finished["manual"][0]["id"].startswith("quiet-check")


def test_a_copy_in_the_work_tree_is_found_again_until_it_is_gone(world: World) -> None:
    deploy(world, "cp .env.payments copy-of-it")
    done = world.command(*world.arguments())
    assert done.code == 4
    assert done.finished["status"] == "remnants"
    assert world.command("resume", *world.flags()).code == 4
    (world.repository / "copy-of-it").unlink()
    done = world.command("resume", *world.flags())
    assert (done.code, done.finished["status"]) == (0, "clean"), done.out


def test_a_commit_after_recover_is_found_after_publish(world: World) -> None:
    """What the first search could not see: somebody commits the new value while history is cleaned."""
    hook = world.remote / "hooks" / "post-receive"
    hook.write_text(
        f"#!/bin/sh\nunset GIT_DIR\ncd {world.repository}\n"
        "cp .env.payments settings; git add -f settings; git commit -qm oops\n"
    )
    hook.chmod(0o755)
    done = world.command(*world.arguments())
    assert done.code == 4, done.out
    last = [e for e in done.events if e["event"] == "verified"]
    assert [(e["when"], e["clean"]) for e in last][-1] == ("new-value", False)


def test_where_it_belongs_is_no_hit(world: World) -> None:
    deploy(world, "echo deployed", check="grep -q STRIPE .env.payments")
    done = world.command(*world.arguments())
    assert done.code == 0, done.out
    seen = [
        e["clean"] for e in done.events if e["event"] == "verified" and e["when"] == "new-value"
    ]
    assert seen == [True, True], "after recover, and again after publish"
