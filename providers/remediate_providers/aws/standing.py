"""What a responder's AWS credentials may do: ``iam:SimulatePrincipalPolicy`` about themselves.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

import re

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.standing import Right, Standing
from remediate_providers.aws import iam
from remediate_providers.aws.failures import AwsError
from remediate_providers.aws.session import Aws, Identity

#: What the pipeline does, and the actions that it takes (docs/providers/aws.md).
RIGHTS = {
    "end leaked keys": ("iam:ListAccessKeys", "iam:UpdateAccessKey"),
    "end sessions that were made from one": ("iam:GetUserPolicy", "iam:PutUserPolicy"),
    "make a new key, delete the old one": ("iam:CreateAccessKey", "iam:DeleteAccessKey"),
    "put it into Secrets Manager": (
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
    ),
    "put it into Parameter Store": ("ssm:GetParameter", "ssm:PutParameter"),
    "see what was done with it": ("iam:GetAccessKeyLastUsed", "cloudtrail:LookupEvents"),
    "see who uses it": (
        "lambda:ListFunctions",
        "ecs:ListClusters",
        "ecs:ListServices",
        "ecs:DescribeServices",
        "ecs:ListTasks",
        "ecs:DescribeTasks",
        "ecs:DescribeTaskDefinition",
        "batch:DescribeJobDefinitions",
        "codebuild:ListProjects",
        "codebuild:BatchGetProjects",
        "ec2:DescribeInstances",
        "ec2:DescribeInstanceAttribute",
        "ec2:DescribeLaunchTemplateVersions",
    ),
}
_ROLE = re.compile(r"arn:(?P<partition>[^:]+):sts::(?P<account>\d+):assumed-role/(?P<role>[^/]+)/")


def standing(vendor: VendorContext) -> Standing | None:
    """Who it is, and what it is allowed on every resource. None where there are no credentials."""
    aws = Aws.responder(vendor)
    try:
        if aws.key_id() is None:
            return None
        me = aws.identity()
    except AwsError as error:
        works = None if error.status is Status.UNREACHABLE else False
        return Standing(works, reason=error.reason, rights=_all(None, "it could not be asked"))
    if me.principal == "root":
        return Standing(
            True, me.arn, rights=_all(True, "the root user may do everything: use another one")
        )
    if me.principal not in ("user", "assumed-role"):
        return Standing(True, me.arn, rights=_all(None, f"IAM simulates no {me.principal}"))
    try:
        given = {"PolicySourceArn": _source(aws, me), "ActionNames": sorted(_actions())}
        rows = list(iam.pages(aws, "SimulatePrincipalPolicy", "EvaluationResults", **given))
    except AwsError as error:
        return Standing(True, me.arn, rights=_all(None, error.reason))
    allowed = {str(r.get("EvalActionName")) for r in rows if r.get("EvalDecision") == "allowed"}
    return Standing(True, me.arn, rights=tuple(_right(name, allowed) for name in RIGHTS))


def _right(name: str, allowed: set[str]) -> Right:
    missing = [action for action in RIGHTS[name] if action not in allowed]
    reason = f"not allowed on every resource: {', '.join(missing)}" if missing else ""
    return Right(name, ", ".join(RIGHTS[name]), not missing, reason)


def _all(may: bool | None, reason: str) -> tuple[Right, ...]:
    return tuple(Right(name, ", ".join(needed), may, reason) for name, needed in RIGHTS.items())


def _actions() -> set[str]:
    return {action for needed in RIGHTS.values() for action in needed}


def _source(aws: Aws, me: Identity) -> str:
    """The ARN that IAM takes: a session has none of its own, its role has."""
    found = _ROLE.match(me.arn)
    if found is None:
        return me.arn
    try:
        role = aws.call("iam", "GetRole", RoleName=found["role"]).get("Role") or {}
        return str(role["Arn"])
    except (AwsError, KeyError):
        # Right for a role without a path, which most are.
        return f"arn:{found['partition']}:iam::{found['account']}:role/{found['role']}"
