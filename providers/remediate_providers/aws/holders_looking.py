"""Looking for leaked values in one Region: what holds one, and what reads a store of policy's when it starts."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from remediate.http import Patience
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held
from remediate_providers.aws.failures import AwsError, malformed
from remediate_providers.aws.session import Aws

SHORTEST = 8
"""Characters below which a value is looked for as a whole alone: shorter ones stand in anything."""
MOST_PAGES = 200
"""Pages of one list: 10,000 versions of functions, 20,000 job definitions, 200,000 instances."""
_SCHEMES = ("aws-secrets-manager:", "aws-ssm:")
_PLACES = ("valueFrom", "credentialsParameter", "credential")
"""Fields that name a secret or a parameter: of variables, of a registry at ECS and Batch, and at CodeBuild."""
_REFERENCES = ("PARAMETER_STORE", "SECRETS_MANAGER")
"""Types of CodeBuild's variables whose value names where it is read from."""
_RANDOM = re.compile(r"-[A-Za-z0-9]{6}")
"""What Secrets Manager puts behind a name, in an ARN."""

Use = tuple[str, dict[str, Json]]
"""Whose value it is, and what uses it."""
Way = tuple[str, str, bool]
"""Whose value it is, how it is held, and whether that is by reading a store when it starts."""


class Looking:
    """One Region, and the credentials that are looked for in it."""

    def __init__(self, aws: Aws, region: str, batch: Sequence[Held], vendor: VendorContext) -> None:
        self._aws, self._region = aws, region
        self._all = [held.id for held in batch]
        self._texts = [
            (value.reveal_text(), _in_base64(value.reveal()), held.id)
            for held in batch
            for value in held.values.values()
        ]
        stores = vendor.settings.get("stores")
        named = stores if isinstance(stores, list | tuple) else ()
        self.stores = [
            str(spec).partition(":")[2].partition("#")[0]
            for spec in named
            if str(spec).startswith(_SCHEMES)
        ]
        self._stores = [_names(store) for store in self.stores]
        self.patience = Patience.of(vendor)

    def held_in(self, text: object) -> list[str]:
        """The credentials of which *text* is a value, or has one in it, as it is or in base64."""
        if not isinstance(text, str):
            return []
        joined = "".join(text.split())
        found = [
            whose
            for value, encoded, whose in self._texts
            if text == value
            or (len(value) >= SHORTEST and (value in text or any(e in joined for e in encoded)))
        ]
        return list(dict.fromkeys(found))

    def reads(self, place: object) -> bool:
        """Whether *place*, as AWS's services name a secret or a parameter, is a store of policy's."""
        named = _names(str(place))
        return any(not named.isdisjoint(store) for store in self._stores)

    def ways(self, node: object, field: str = "") -> Iterator[Way]:
        """What the definition of a container, a job or a build holds or reads, wherever it stands in it."""
        if isinstance(node, Mapping):
            name = node.get("name")
            read = node.get("type") in _REFERENCES
            for key, value in node.items():
                if key in _PLACES or (read and key == "value"):
                    if self.reads(value):
                        how = f"{name or key}, read from its store"
                        yield from ((whose, how, True) for whose in self._all)
                else:
                    yield from self.ways(value, f"variable {name}" if key == "value" else key)
        elif isinstance(node, list | tuple):
            # A command's words may hold it between them.
            words = " ".join(word for word in node if isinstance(word, str))
            for one in (words, *(one for one in node if not isinstance(one, str))):
                yield from self.ways(one, field)
        else:
            yield from ((whose, f"its {field}", False) for whose in self.held_in(node))

    def pages(
        self,
        service: str,
        operation: str,
        field: str,
        asks: str = "NextToken",
        tells: str = "",
        **given: Any,
    ) -> Iterator[Any]:
        """Every row of a list, and none silently left out. Raises `AwsError`."""
        token: Any = None
        for _ in range(MOST_PAGES):
            answer = self.call(service, operation, **given, **{asks: token})
            rows = answer.get(field)
            if not isinstance(rows, list):
                raise malformed(f"{service}:{operation}")
            yield from rows
            token = answer.get(tells or asks)
            if not token:
                return
        raise unread(f"{service}:{operation}", f"more than {MOST_PAGES} pages")

    def call(self, service: str, operation: str, **given: Any) -> dict[str, Any]:
        """One call in this Region; its answer. Raises `AwsError`, also where the time is over."""
        if self.patience.left <= 0:
            raise unread(f"{service}:{operation}", "time was up")
        return self._aws.call(service, operation, region=self._region, **given)

    def use(self, whose: str, what: str, name: object, how: str, then: str) -> Use:
        """What uses *whose* value: its kind, its name, how it does, and what gives it the new one."""
        use = {"what": what, "id": str(name), "region": self._region, "how": how, "then": then}
        return whose, dict(use)


def unread(action: str, why: str) -> AwsError:
    """The reason that not everything was seen."""
    return AwsError(action, f"{action} was not read to its end: {why}", status=Status.UNREACHABLE)


def chunks(names: Iterable[str], size: int) -> Iterator[list[str]]:
    """*names*, *size* at a time."""
    batch: list[str] = []
    for name in names:
        batch.append(name)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def last(arn: object) -> str:
    """What an ARN names."""
    return str(arn).rsplit("/", 1)[-1]


def mapping(value: object) -> Mapping[str, Any]:
    """*value* where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _names(place: str) -> set[str]:
    """What a secret or a parameter may be called, by its name or ARN, with a key after it or without.

    ``NAME:KEY:STAGE:VERSION``: https://docs.aws.amazon.com/codebuild/latest/APIReference/API_EnvironmentVariable.html
    """
    if not place.startswith("arn:"):
        return {place.split(":", 1)[0].lstrip("/")}
    kind, _, rest = place.split(":", 5)[-1].partition(":")
    if kind != "secret":
        # parameter/app is the ARN of /app and of app alike.
        return {kind.removeprefix("parameter").lstrip("/")}
    name = rest.split(":", 1)[0].lstrip("/")
    return {name, name[:-7]} if _RANDOM.fullmatch(name[-7:]) else {name}


def _in_base64(value: bytes) -> list[str]:
    """*value* in base64, by where in a group of three bytes it may begin: the characters that it alone makes."""
    found = []
    for before in range(3):
        text = base64.b64encode(b"\0" * before + value).decode().rstrip("=")
        whole = (before + len(value)) % 3 == 0
        found.append(text[(0, 2, 3)[before] : None if whole else -1])
    return found
