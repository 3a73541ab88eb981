"""Who uses a value: functions of Lambda, containers of ECS, jobs of Batch, builds of CodeBuild.

A container reads its environment when it starts, and a function keeps its own until it is configured anew: each
named here goes on with the old value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from remediate_providers.aws.failures import malformed
from remediate_providers.aws.holders_looking import Looking, Use, chunks, last, mapping

_DEPLOYED = "start it again once the store has the new value (aws ecs update-service --force-new-deployment)"
_SUBMITTED = "submit again what runs, once the store has the new value"
_WORD = re.compile(r"[^\s'\",\[\]{}]+")
"""A word of a buildspec that is written in place: YAML, whose ``env`` may name secrets and parameters."""
_BUILT = "every build that starts once the store has the new value has it: start again what runs"


def functions(looking: Looking) -> Iterator[Use]:
    """Lambda functions, each published version too, with one in their environment. Raises `AwsError`."""
    rows = looking.pages(
        "lambda",
        "ListFunctions",
        "Functions",
        "Marker",
        "NextMarker",
        # An alias may lead to a version that was published, and keeps the environment that it had then.
        FunctionVersion="ALL",
    )
    for row in rows:
        name, then = (
            str(row.get("FunctionName")),
            "give it the new value: that makes a new configuration, and new instances",
        )
        if row.get("Version") not in (None, "$LATEST"):
            name = f"{name}:{row.get('Version')}"
            then = "let no alias lead to it any more, or delete it: a version can't be changed"
        for variable, text in mapping(mapping(row.get("Environment")).get("Variables")).items():
            for whose in looking.held_in(text):
                yield looking.use(whose, "Lambda function", name, f"its variable {variable}", then)


def services(looking: Looking) -> Iterator[Use]:
    """ECS services and running tasks with one, or with a store of ours, in their definition.

    Raises `AwsError`.
    """
    users: dict[str, list[tuple[str, str]]] = {}
    for cluster in looking.pages("ecs", "ListClusters", "clusterArns", "nextToken", maxResults=100):
        for batch in _tens(looking, "ListServices", "serviceArns", str(cluster)):
            for row in _rows(looking, "DescribeServices", "services", cluster, services=batch):
                user = ("ECS service", f"{last(cluster)}/{row.get('serviceName')}")
                users.setdefault(str(row.get("taskDefinition")), []).append(user)
        for batch in _tens(looking, "ListTasks", "taskArns", str(cluster)):
            for row in _rows(looking, "DescribeTasks", "tasks", cluster, tasks=batch):
                if str(row.get("group", "")).startswith("service:"):
                    continue
                user = ("ECS task", f"{last(cluster)}/{last(row.get('taskArn'))}")
                users.setdefault(str(row.get("taskDefinitionArn")), []).append(user)
                for whose, how, _ in looking.ways(row.get("overrides")):
                    how, then = f"{how}, given when it was started", "start it with the new value"
                    yield looking.use(whose, *user, how, then)
    for definition, named in sorted(users.items()):
        answer = looking.call("ecs", "DescribeTaskDefinition", taskDefinition=definition)
        described = mapping(answer.get("taskDefinition"))
        if not described:
            raise malformed("ecs:DescribeTaskDefinition")
        for whose, how, by_store in looking.ways(described):
            then = "register the definition with the new value, and deploy it"
            for what, name in named:
                said = f"{how} (in {last(definition)})"
                yield looking.use(whose, what, name, said, _DEPLOYED if by_store else then)


def jobs(looking: Looking) -> Iterator[Use]:
    """Batch's active job definitions, with one or with a store of ours. Raises `AwsError`.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobDefinitions.html: 100 a page.
    """
    rows = looking.pages(
        "batch",
        "DescribeJobDefinitions",
        "jobDefinitions",
        "nextToken",
        status="ACTIVE",
        maxResults=100,
    )
    for row in rows:
        name = f"{row.get('jobDefinitionName')}:{row.get('revision')}"
        then = (
            "register it with the new value, have jobs made of that revision, deregister this one"
        )
        for whose, how, by_store in looking.ways(row):
            said = _SUBMITTED if by_store else then
            yield looking.use(whose, "Batch job definition", name, how, said)


def builds(looking: Looking) -> Iterator[Use]:
    """CodeBuild's projects, with one or with a store of ours in variables or build commands.

    Raises `AwsError`. 100 names a call:
    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_BatchGetProjects.html
    """
    names = looking.pages("codebuild", "ListProjects", "projects", "nextToken")
    for batch in chunks((str(name) for name in names), 100):
        answer = looking.call("codebuild", "BatchGetProjects", names=batch)
        rows = answer.get("projects")
        if not isinstance(rows, list):
            raise malformed("codebuild:BatchGetProjects")
        for row in rows:
            then = "change the project: let it read a secret instead, and build again"
            ways = [*looking.ways(row)]
            for source in (row.get("source"), *(row.get("secondarySources") or ())):
                words = _WORD.findall(str(mapping(source).get("buildspec") or ""))
                ways += looking.ways([{"name": "its buildspec", "valueFrom": w} for w in words])
            for whose, how, by_store in dict.fromkeys(ways):
                said = _BUILT if by_store else then
                yield looking.use(whose, "CodeBuild project", row.get("name"), how, said)


def _tens(looking: Looking, operation: str, field: str, cluster: str) -> Iterator[list[str]]:
    arns = looking.pages("ecs", operation, field, "nextToken", cluster=cluster, maxResults=100)
    yield from chunks((str(arn) for arn in arns), 10)


def _rows(looking: Looking, operation: str, field: str, cluster: object, **given: Any) -> list[Any]:
    rows = looking.call("ecs", operation, cluster=cluster, **given).get(field)
    if not isinstance(rows, list):
        raise malformed(f"ecs:{operation}")
    return rows
