"""Beside git: the wiki's own repository is searched, and what the host made from old commits is named."""

from __future__ import annotations

from collections.abc import Callable

from .conftest import Cli
from .test_host import VALUE, World, world

__all__ = ["world"]


def test_a_leaky_wiki_and_a_run_of_an_old_commit_hold_the_incident_open(
    cli: Cli, world: World, bash: Callable[..., str]
) -> None:
    bash(
        f"""
        git init -q --bare remote.wiki.git; git clone -q remote.wiki.git wiki 2>/dev/null; cd wiki
        echo 'the key is {VALUE}' > Home.md; git add .; git commit -qm page
        git push -q origin main
        """
    )
    old = bash("git -C remote.git rev-parse main").strip()
    kept = world.there.kept
    kept.runs = [
        {"id": 9, "head_sha": old, "html_url": "https://github.com/acme/app/actions/runs/9"}
    ]
    kept.deployments = [{"id": 5, "sha": old, "environment": "live"}]
    kept.site = "https://acme.github.io/app/"
    env = world.github.environment()
    done = cli(*world.arguments("run", world.root / "report.txt"), env=env)
    steps = {step["id"]: step for step in done.finished["manual"]}
    text = "\n".join(steps["copies-github"]["instructions"])
    assert "/actions/runs/9" in text and "gh run delete ID" in text and "deployments" in text
    assert "remediate run REPORT --repo wiki" in steps["wiki-origin"]["instructions"]
    assert VALUE not in done.out
    record = cli("record", "--repo", world.root / "ours", "--format", "json").out
    assert "https://acme.github.io/app/" in record, "what nobody can search is named"

    verify = (
        "verify",
        world.root / "report.txt",
        "--repo",
        world.root / "ours",
        "--remote",
        "--json",
    )
    found = cli(*verify, env={"GITHUB_API_URL": world.github.url})
    assert found.code == 4 and {one["where"] for one in found.document["remnants"]} == {"wiki"}

    kept.runs.clear()
    kept.deployments.clear()
    bash("rm -rf remote.wiki.git; git init -q --bare remote.wiki.git")
    assert cli(*verify, env={"GITHUB_API_URL": world.github.url}).code == 0
    done = cli(*world.arguments("resume"), env=env)
    left = {step["id"] for step in done.finished["manual"]}
    assert not {"copies-github", "wiki-origin"} & left, done.out
