"""Who uses a value: functions, containers and, where policy asks for it, secrets and parameters that hold it.

Read-only, over all enabled Regions, compared here; what is told is names. A container reads its environment when it
starts, and a function keeps its own until it is configured anew: each named here goes on with the old value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from remediate.http import Patience
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import Held
from remediate_providers.aws.check import CANARY
from remediate_providers.aws.facts import Notes
from remediate_providers.aws.failures import AwsError, malformed
from remediate_providers.aws.session import Aws
from remediate_providers.aws.trail import REGIONS_AT_A_TIME, enabled

SHORTEST = 8
"""Characters below which a value is looked for as a whole alone: shorter ones stand in anything."""
MOST_PAGES = 40
_SCHEMES = ("aws-secrets-manager:", "aws-ssm:")

RESTART = "start it again once the store has the new value (aws ecs update-service --force-new-deployment)"
Use = tuple[str, dict[str, Json]]
"""Whose value it is, and what uses it."""


class Looking:
    """One Region, and the credentials that are looked for in it."""

    def __init__(self, aws: Aws, region: str, batch: Sequence[Held], vendor: VendorContext) -> None:
        self._aws, self._region = aws, region
        self._all = [held.id for held in batch]
        self._texts = [
            (value.reveal_text(), held.id) for held in batch for value in held.values.values()
        ]
        stores = vendor.settings.get("stores")
        named = stores if isinstance(stores, list | tuple) else ()
        self._stores = [
            str(spec).partition(":")[2].partition("#")[0]
            for spec in named
            if str(spec).startswith(_SCHEMES)
        ]
        self._patience = Patience.of(vendor)

    def held_in(self, text: object) -> list[str]:
        """The credentials of which *text* is a value, or has one in it."""
        if not isinstance(text, str):
            return []
        found = [
            whose
            for value, whose in self._texts
            if text == value or (len(value) >= SHORTEST and value in text)
        ]
        return list(dict.fromkeys(found))

    def functions(self) -> list[Use]:
        """Lambda functions with one in their environment. Raises `AwsError`."""
        then = "give it the new value: that makes a new configuration, and new instances"
        return [
            self._use(
                whose, "Lambda function", row.get("FunctionName"), f"its variable {name}", then
            )
            for row in self._pages("lambda", "ListFunctions", "Functions", "Marker", "NextMarker")
            for name, text in _mapping(_mapping(row.get("Environment")).get("Variables")).items()
            for whose in self.held_in(text)
        ]

    def containers(self) -> list[Use]:
        """ECS services and running tasks with one, or with a store of ours, in their definition.

        Raises `AwsError`.
        """
        users: dict[str, list[tuple[str, str]]] = {}
        for cluster in self._pages("ecs", "ListClusters", "clusterArns"):
            for batch in self._tens("ListServices", "serviceArns", str(cluster)):
                rows = self._rows("DescribeServices", "services", cluster=cluster, services=batch)
                for row in rows:
                    user = ("ECS service", f"{_last(cluster)}/{row.get('serviceName')}")
                    users.setdefault(str(row.get("taskDefinition")), []).append(user)
            for batch in self._tens("ListTasks", "taskArns", str(cluster)):
                rows = self._rows("DescribeTasks", "tasks", cluster=cluster, tasks=batch)
                for row in rows:
                    if str(row.get("group", "")).startswith("service:"):
                        continue
                    user = ("ECS task", f"{_last(cluster)}/{_last(row.get('taskArn'))}")
                    users.setdefault(str(row.get("taskDefinitionArn")), []).append(user)
        return [
            self._use(whose, what, name, how, then)
            for definition, named in sorted(users.items())
            for whose, how, then in self._in_definition(definition)
            for what, name in named
        ]

    def copies(self) -> list[Use]:
        """Secrets and parameters beside the stores of policy that hold one. Raises `AwsError`."""
        then = "put the new value in, or delete it"
        found = []
        for row in self._pages("secretsmanager", "ListSecrets", "SecretList"):
            name = str(row.get("Name"))
            if name in self._stores or row.get("ARN") in self._stores:
                continue
            answer = self._call("secretsmanager", "GetSecretValue", SecretId=row.get("ARN"))
            for whose in self.held_in(answer.get("SecretString")):
                what = "secret of Secrets Manager"
                found.append(self._use(whose, what, name, "its current value", then))
        names = [
            str(row.get("Name"))
            for row in self._pages("ssm", "DescribeParameters", "Parameters")
            if row.get("Name") not in self._stores
        ]
        for first in range(0, len(names), 10):
            answer = self._call(
                "ssm", "GetParameters", Names=names[first : first + 10], WithDecryption=True
            )
            found += [
                self._use(whose, "parameter of SSM", row.get("Name"), "its value", then)
                for row in answer.get("Parameters") or ()
                for whose in self.held_in(row.get("Value"))
            ]
        return found

    def _in_definition(self, definition: str) -> Iterator[tuple[str, str, str]]:
        """Whose value a task definition leads to, how, and what follows."""
        answer = self._call("ecs", "DescribeTaskDefinition", taskDefinition=definition)
        for container in _mapping(answer.get("taskDefinition")).get("containerDefinitions") or ():
            for pair in container.get("environment") or ():
                for whose in self.held_in(pair.get("value")):
                    how = f"the variable {pair.get('name')} of {_last(definition)}"
                    yield whose, how, "register the definition with the new value, and deploy it"
            for pair in container.get("secrets") or ():
                if any(_names(str(pair.get("valueFrom")), store) for store in self._stores):
                    how = f"{pair.get('name')}, read from its store when it starts"
                    for whose in self._all:
                        yield whose, how, RESTART

    def _tens(self, operation: str, field: str, cluster: str) -> Iterator[list[str]]:
        names = [str(arn) for arn in self._pages("ecs", operation, field, cluster=cluster)]
        for first in range(0, len(names), 10):
            yield names[first : first + 10]

    def _rows(self, operation: str, field: str, **given: Any) -> list[Any]:
        rows = self._call("ecs", operation, **given).get(field)
        if not isinstance(rows, list):
            raise malformed(f"ecs:{operation}")
        return rows

    def _pages(
        self,
        service: str,
        operation: str,
        field: str,
        asks: str = "",
        tells: str = "",
        **given: Any,
    ) -> Iterator[Any]:
        """Every row of a list, and none silently left out. Raises `AwsError`."""
        asks = asks or ("nextToken" if service == "ecs" else "NextToken")
        tells = tells or asks
        token: Any = None
        for _ in range(MOST_PAGES):
            answer = self._call(service, operation, **given, **{asks: token})
            rows = answer.get(field)
            if not isinstance(rows, list):
                raise malformed(f"{service}:{operation}")
            yield from rows
            token = answer.get(tells)
            if not token:
                return
        raise _unread(f"{service}:{operation}", f"more than {MOST_PAGES} pages")

    def _call(self, service: str, operation: str, **given: Any) -> dict[str, Any]:
        if self._patience.left <= 0:
            raise _unread(f"{service}:{operation}", "time was up")
        return self._aws.call(service, operation, region=self._region, **given)

    def _use(self, whose: str, what: str, name: object, how: str, then: str) -> Use:
        use = {"what": what, "id": str(name), "region": self._region, "how": how, "then": then}
        return whose, dict(use)


Look = tuple[str, Callable[[Looking], list[Use]]]


def holders(batch: Sequence[Held], vendor: VendorContext) -> dict[str, Facts]:
    """What at AWS holds a value of each in *batch*, or reads a store of it when it starts: read once."""
    asked = [held for held in batch if not held.credential.labels.get("canary")]
    answers = {held.id: Facts(unknown={"holders": CANARY}) for held in batch}
    if not asked:
        return answers
    notes = Notes(vendor)
    aws = Aws.responder(vendor)
    regions = enabled(aws, notes.unknown)
    looks: list[Look] = [("functions", Looking.functions), ("containers", Looking.containers)]
    if vendor.settings.get("copies") is True:
        looks.append(("secrets and parameters", Looking.copies))
    else:
        notes.unknown["other secrets and parameters"] = (
            "not read: copies = true in its [[credential]] table has every one read and compared here"
        )
    vendor.progress("looking who uses what leaked")
    found: list[Use] = []
    unread: dict[str, dict[str, list[str]]] = {}
    with ThreadPoolExecutor(min(REGIONS_AT_A_TIME, len(regions))) as pool:
        told = pool.map(lambda region: _region(Looking(aws, region, asked, vendor), looks), regions)
        for region, (rows, problems) in zip(regions, told, strict=True):
            found += rows
            for topic, problem in problems.items():
                unread.setdefault(topic, {}).setdefault(problem, []).append(region)
    for topic, reasons in unread.items():
        said = (f"{problem} ({', '.join(where)})" for problem, where in reasons.items())
        notes.unknown[topic] = "; ".join(said)
    for held in asked:
        mine: list[Json] = [use for whose, use in found if whose == held.id]
        answers[held.id] = Facts({"holders": mine}, notes.unknown)
    return answers


def _region(looking: Looking, looks: Sequence[Look]) -> tuple[list[Use], dict[str, str]]:
    """What was found there, and why that is not all, by topic."""
    found: list[Use] = []
    problems: dict[str, str] = {}
    for topic, look in looks:
        try:
            found += look(looking)
        except AwsError as error:
            problems[topic] = error.reason
    return found, problems


def _unread(action: str, why: str) -> AwsError:
    from remediate.plugins.outcome import Status

    return AwsError(action, f"{action} was not read to its end: {why}", status=Status.UNREACHABLE)


def _names(value_from: str, store: str) -> bool:
    """Whether a container's ``valueFrom`` is *store*: its name, its ARN, or that with a key after it."""
    if value_from.startswith("arn:"):
        resource = value_from.split(":", 5)[-1]
        name = resource.removeprefix("secret:").removeprefix("parameter").split(":", 1)[0]
        # Secrets Manager puts six characters of its own behind a name.
        return store in (value_from, name, name[:-7]) or value_from.startswith(f"{store}:")
    return value_from == store


def _last(arn: object) -> str:
    return str(arn).rsplit("/", 1)[-1]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
