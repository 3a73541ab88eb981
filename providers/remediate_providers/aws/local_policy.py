"""Policy evaluation for the local AWS: as much of IAM's rules as a demo and tests lean on.

An explicit deny wins, then an allow, else nothing is allowed
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html). Of conditions
it knows ``DateLessThan``; a statement with any other is left out, as if its condition were not met.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping
from typing import Any

from remediate.clock import parse

ALLOWED, DENIED, IMPLICIT = "allowed", "explicitDeny", "implicitDeny"


def decide(
    documents: Iterable[str],
    action: str,
    resource: str | None = None,
    context: Mapping[str, str] | None = None,
) -> str:
    """IAM's decision, in its own words, on *action* under policy *documents* (JSON).

    *resource* None: some resource; then an allow for any will do, and a deny counts only if it is for
    all of them.
    """
    decision = IMPLICIT
    for document in documents:
        for statement in _statements(document):
            if not _concerns(statement, action, resource):
                continue
            if not _met(statement.get("Condition") or {}, context or {}):
                continue
            if statement.get("Effect") == "Deny":
                return DENIED
            decision = ALLOWED
    return decision


def _statements(document: str) -> list[dict[str, Any]]:
    found = json.loads(document).get("Statement", [])
    return found if isinstance(found, list) else [found]


def _concerns(statement: Mapping[str, Any], action: str, resource: str | None) -> bool:
    if "NotAction" in statement:
        named = not _any(statement["NotAction"], action)
    else:
        named = _any(statement.get("Action", []), action)
    if not named:
        return False
    if resource is None:
        return statement.get("Effect") == "Allow" or _any(statement.get("Resource", []), "*")
    return _any(statement.get("Resource", []), resource)


def _any(patterns: str | list[str], value: str) -> bool:
    several = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch.fnmatchcase(value.lower(), str(one).lower()) for one in several)


def _met(condition: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    for operator, wanted in condition.items():
        if operator != "DateLessThan":
            return False
        for key, limit in wanted.items():
            # A key that the request does not have is not less than anything.
            if key not in context or not parse(context[key]) < parse(str(limit)):
                return False
    return True
