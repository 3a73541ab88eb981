"""GitHub's branch protection and rulesets: what stands in a forced push's way, and how little to change.

Pure. Shapes: https://docs.github.com/rest/branches/branch-protection and
https://docs.github.com/rest/repos/rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from remediate.model import Json

#: Rules that a forced push of refs that are there does not meet.
_NOT_MET = frozenset({"creation", "deletion"})
_FLAGS = (
    "required_linear_history",
    "allow_force_pushes",
    "allow_deletions",
    "block_creations",
    "required_conversation_resolution",
    "lock_branch",
    "allow_fork_syncing",
)
ANY_APP = -1
"""What stands for "whichever app reports it" when a status check is written."""


def concerns(ruleset: Mapping[str, Any], refs: Iterable[str], default_branch: str) -> bool:
    """Whether *ruleset*, as one call for it shows it, stands in the way of pushing one of *refs*."""
    if ruleset.get("enforcement") != "active" or ruleset.get("target") not in ("branch", "tag"):
        return False
    if not any(rule.get("type") not in _NOT_MET for rule in ruleset.get("rules") or ()):
        return False
    space = "refs/heads/" if ruleset["target"] == "branch" else "refs/tags/"
    names = (ruleset.get("conditions") or {}).get("ref_name") or {}
    include, exclude = names.get("include") or [], names.get("exclude") or []
    default = f"refs/heads/{default_branch}"

    def among(ref: str, patterns: Sequence[str]) -> bool:
        return any(
            pattern == "~ALL"
            or (pattern == "~DEFAULT_BRANCH" and ref == default)
            or pattern_of(pattern, space).fullmatch(ref) is not None
            for pattern in patterns
        )

    return any(
        ref.startswith(space) and among(ref, include) and not among(ref, exclude) for ref in refs
    )


def pattern_of(pattern: str, space: str) -> re.Pattern[str]:
    """A ref name pattern as GitHub reads it: Ruby's fnmatch with FNM_PATHNAME, ``**/`` for any depth.

    https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/creating-rulesets-for-a-repository#using-fnmatch-syntax
    """
    whole = pattern if pattern.startswith("refs/") else space + pattern
    made, at = "", 0
    while at < len(whole):
        if whole.startswith("**/", at):
            made, at = made + "(?:.*/)?", at + 3
            continue
        letter = whole[at]
        closing = whole.find("]", at + 2) if letter == "[" else -1
        if closing > 0:
            inside = whole[at + 1 : closing]
            inside = "^" + inside[1:] if inside[0] in "!^" else inside
            made, at = made + "[" + inside.replace("\\", "\\\\") + "]", closing + 1
            continue
        made += {"*": "[^/]*", "?": "[^/]"}.get(letter, re.escape(letter))
        at += 1
    try:
        return re.compile(made)
    except re.error:
        return re.compile(re.escape(whole))


def bypassed(ruleset: Mapping[str, Any]) -> bool:
    """Whether who asked may push past *ruleset* as it is."""
    return ruleset.get("current_user_can_bypass") in ("always", "exempt")


def actors(ruleset: Mapping[str, Any]) -> list[Json]:
    """Who may bypass *ruleset*, as it is written back."""
    names = ("actor_id", "actor_type", "bypass_mode")
    return [
        {name: actor[name] for name in names if name in actor}
        for actor in ruleset.get("bypass_actors") or ()
    ]


def same_actors(one: Iterable[Any], other: Iterable[Any]) -> bool:
    """Whether two lists of bypass actors say the same, in whatever order."""

    def plain(actors: Iterable[Any]) -> set[tuple[str, str, str]]:
        return {
            (str(a.get("actor_type")), str(a.get("actor_id")), a.get("bypass_mode") or "always")
            for a in actors
        }

    return plain(one) == plain(other)


def protection_body(protection: Mapping[str, Any]) -> dict[str, Json]:
    """A branch's protection, as GET shows it, in the form in which PUT takes it.

    The two differ: GET has objects with addresses where PUT wants names and flags, and leaves out what
    PUT wants as null.
    """
    body: dict[str, Json] = {
        "required_status_checks": _checks(protection.get("required_status_checks")),
        "enforce_admins": _flag(protection.get("enforce_admins")),
        "required_pull_request_reviews": _reviews(protection.get("required_pull_request_reviews")),
        "restrictions": _people(protection.get("restrictions")),
    }
    return body | {name: _flag(protection.get(name)) for name in _FLAGS}


def lifted_body(before: Mapping[str, Json]) -> dict[str, Json]:
    """*before* with what keeps an administrator from a forced push out of the way, and no more.

    Reviews and checks bind an administrator only where ``enforce_admins`` is on; a forced push is
    refused to everybody until it is allowed; a locked branch takes no push at all.
    """
    return {**before, "allow_force_pushes": True, "enforce_admins": False, "lock_branch": False}


def _flag(value: Any) -> bool:
    return bool(value.get("enabled")) if isinstance(value, Mapping) else bool(value)


def _checks(value: Any) -> Json:
    if not isinstance(value, Mapping):
        return None
    checks: list[Json] = [
        {
            "context": str(check.get("context")),
            "app_id": ANY_APP if check.get("app_id") is None else check["app_id"],
        }
        for check in value.get("checks") or ()
    ]
    # One or the other: `contexts` is the older form of the same.
    contexts = [] if checks else list(value.get("contexts") or ())
    return {"strict": bool(value.get("strict")), "contexts": contexts, "checks": checks}


def _reviews(value: Any) -> Json:
    if not isinstance(value, Mapping):
        return None
    body: dict[str, Json] = {
        "dismiss_stale_reviews": bool(value.get("dismiss_stale_reviews")),
        "require_code_owner_reviews": bool(value.get("require_code_owner_reviews")),
        "require_last_push_approval": bool(value.get("require_last_push_approval")),
        "required_approving_review_count": value.get("required_approving_review_count", 0),
    }
    for name in ("dismissal_restrictions", "bypass_pull_request_allowances"):
        if (people := _people(value.get(name))) is not None:
            body[name] = people
    return body


def _people(value: Any) -> Json:
    if not isinstance(value, Mapping):
        return None
    return {
        "users": [str(user["login"]) for user in value.get("users") or ()],
        "teams": [str(team["slug"]) for team in value.get("teams") or ()],
        "apps": [str(app["slug"]) for app in value.get("apps") or ()],
    }
