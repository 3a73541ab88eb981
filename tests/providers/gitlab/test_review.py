"""GitLab in the quarterly review: your tokens and keys, a project's, its group's; values never."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from remediate.clock import rfc3339
from remediate.plugins.context import VendorContext
from remediate.plugins.lists import Lists
from remediate_providers.gitlab.local import HOME, RunningGitLab
from remediate_providers.gitlab.local_api import PROJECT_PATH
from remediate_providers.gitlab.provider import GitLabProvider
from remediate_providers.loopback import Fault

PROVIDER = GitLabProvider()
Around = Callable[..., VendorContext]


def fill(gitlab: RunningGitLab) -> list[str]:
    state = gitlab.state
    old = state.now() - timedelta(days=400)
    token = gitlab.leak(name="mirror", created=old)
    token.used = None
    gone = gitlab.leak(name="gone")
    gone.revoked = True
    when = rfc3339(old)
    state.left = {
        "keys": [{"id": 1, "title": "laptop", "created_at": when}],
        "deploy_keys": [
            {"id": 2, "title": "ci", "created_at": when, "can_push": True, "last_used_at": None}
        ],
        "deploy_tokens": [
            {"id": 3, "name": "pull", "username": "gitlab+deploy-token-3", "revoked": False,
             "expired": False, "expires_at": None, "scopes": ["read_repository"]},
            {"id": 4, "name": "dead", "revoked": True, "expired": False},
        ],
        "triggers": [
            {"id": 5, "description": "nightly", "created_at": when, "last_used": when,
             "token": "glp" + "tt-" + "0" * 40, "owner": {"username": "bob-develops"}},
        ],
    }  # fmt: skip
    state.variables.append(
        {"key": "MIRROR_TOKEN", "value": "worth-a-lot", "environment_scope": "live"}
    )
    return ["worth-a-lot", "tt-0000", token.value.reveal_text()]


def test_what_there_is_is_listed_and_no_value(gitlab: RunningGitLab, around: Around) -> None:
    values = fill(gitlab)
    assert isinstance(PROVIDER, Lists)
    made = PROVIDER.listed(
        [f"{gitlab.url}/{PROJECT_PATH}.git", "git@github.com:acme/app.git"],
        around(gitlab.environment()),
    )
    rows = {(one.kind, one.id): one for one in made.credentials}
    assert rows.keys() == {
        ("gitlab-pat", "ada's own (api)"),
        ("ssh-key", "laptop"),
        ("gitlab-pat", "mirror (read_api, write_repository)"),
        ("gitlab-deploy-token", "pull"),
        ("deploy-key (may write)", "ci"),
        ("gitlab-trigger-token", "nightly"),
        ("ci-variable", "MIRROR_TOKEN (live)"),
    }
    mirror = rows["gitlab-pat", "mirror (read_api, write_repository)"]
    assert mirror.last_used is None and mirror.use_known and mirror.owner == PROJECT_PATH
    assert not rows["ssh-key", "laptop"].use_known, "this server does not say"
    assert rows["deploy-key (may write)", "ci"].use_known
    assert rows["gitlab-trigger-token", "nightly"].owner == "bob-develops"
    assert not [value for value in values if value in repr(made)]
    assert any("group acme" in name for name in made.unknown), "nobody may see the group's"
    assert any("personal access tokens" in name for name in made.unknown)


def test_what_is_refused_is_told_and_the_rest_is_listed(
    gitlab: RunningGitLab, around: Around
) -> None:
    fill(gitlab)
    gitlab.state.maintainers[HOME] = set()
    made = PROVIDER.listed([f"{gitlab.url}/{PROJECT_PATH}.git"], around(gitlab.environment()))
    assert {one.kind for one in made.credentials} == {"gitlab-pat", "ssh-key"}
    assert sum(f"of {PROJECT_PATH}" in name for name in made.unknown) == 5
    gitlab.fail("GET", "*/user", *[Fault(500, b"{}")] * 30)
    vendor = around(gitlab.environment(), seconds=0.1)
    made = PROVIDER.listed([f"{gitlab.url}/{PROJECT_PATH}.git"], vendor)
    assert not made.credentials and any("your tokens" in name for name in made.unknown)


def test_a_token_is_sent_to_no_server_that_nobody_named(around: Around) -> None:
    made = PROVIDER.listed(["git@github.com:a/b.git"], around({"GITLAB_TOKEN": "x" * 20}))
    assert made.unknown == {"GitLab": "no remote of this clone is a project there"}
    none = PROVIDER.listed(["git@gitlab.com:a/b.git"], around({}))
    assert "no token of yours" in none.unknown["gitlab.com"]
