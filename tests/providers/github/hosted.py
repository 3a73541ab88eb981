"""A repository on the local GitHub with everything in a forced push's way."""

from __future__ import annotations

from remediate_providers.github.local import RESPONDER, RunningGitHub
from remediate_providers.github.local_host import HostedRepository

NAME = "acme/app"
REFS = ("refs/heads/main", "refs/heads/release/1.0", "refs/tags/v1")


def guarded(github: RunningGitHub) -> HostedRepository:
    """Classic protection, three rulesets (one of them not in the way), workflows, webhooks, the lot."""
    made = HostedRepository(admins={RESPONDER: 4711}, collaborators=[RESPONDER, "bob"])
    made.about["allow_auto_merge"] = True
    made.protections["main"] = {
        "required_status_checks": {
            "strict": True,
            "contexts": [],
            "checks": [{"context": "ci", "app_id": -1}, {"context": "lint", "app_id": 15368}],
        },
        "enforce_admins": True,
        "required_pull_request_reviews": {
            "dismiss_stale_reviews": True,
            "require_code_owner_reviews": False,
            "require_last_push_approval": False,
            "required_approving_review_count": 2,
            "bypass_pull_request_allowances": {"users": ["bob"], "teams": [], "apps": []},
        },
        "restrictions": {"users": ["bob"], "teams": ["core"], "apps": []},
        "required_linear_history": True,
        "allow_force_pushes": False,
        "allow_deletions": False,
        "block_creations": False,
        "required_conversation_resolution": True,
        "lock_branch": False,
        "allow_fork_syncing": False,
        "signatures": True,
    }
    made.protections["other"] = {**made.protections["main"], "signatures": False}
    team = {"actor_id": 7, "actor_type": "Team", "bypass_mode": "pull_request"}
    made.rulesets = {
        n: {
            "id": n,
            "name": name,
            "target": target,
            "source_type": "Repository",
            "source": NAME,
            "enforcement": "active",
            "bypass_actors": [dict(a) for a in actors],
            "conditions": {"ref_name": {"include": include, "exclude": []}},
            "rules": [{"type": "non_fast_forward"}],
        }
        for n, name, target, include, actors in (
            (12, "releases", "branch", ["refs/heads/release/**/*"], [team]),
            (13, "tags", "tag", ["~ALL"], []),
            (14, "docs", "branch", ["refs/heads/docs"], []),
        )
    }
    made.workflows = {
        21: {"id": 21, "name": "Release", "path": ".github/workflows/r.yml", "state": "active"},
        22: {
            "id": 22,
            "name": "Old",
            "path": ".github/workflows/o.yml",
            "state": "disabled_manually",
        },
        23: {"id": 23, "name": "CodeQL", "path": "dynamic/github-code-scanning", "state": "active"},
    }
    made.hooks = {
        n: {
            "id": n,
            "name": "web",
            "active": active,
            "events": events,
            "config": {
                "url": "https://ci.example.com/x?t=hidden",
                "content_type": "json",
                "secret": "s",
            },
        }
        for n, active, events in ((31, True, ["push"]), (32, False, ["push"]), (33, True, ["star"]))
    }
    made.pulls = [
        {
            "number": n,
            "html_url": f"https://github.com/{NAME}/pull/{n}",
            "base": {"ref": base},
            "head": {"ref": head},
            "auto_merge": merge,
        }
        for n, base, head, merge in (
            (5, "main", "feature", {"merge_method": "squash"}),
            (6, "docs", "typo", None),
            (7, "docs", "release/1.0", None),
        )
    ]
    made.forks = [{"full_name": "bob/app", "html_url": "https://github.com/bob/app"}]
    made.releases = [
        {"tag_name": "v1", "immutable": True},
        {"tag_name": "v0", "immutable": False},
    ]
    made.alerts = {42: {"state": "open"}}
    github.host.repositories[NAME] = made
    return made
