"""A local GitHub, a responder's surroundings, and tokens held for an effect."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from remediate.model import Credential, Json
from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Found, Held
from remediate.secret import InstallationKey, Secret
from remediate_providers.github.local import LocalGitHub, RunningGitHub
from remediate_providers.github.provider import GitHubProvider
from remediate_providers.loopback import Request

KEY = InstallationKey(b"k" * 32)


class Nobody:
    """Nobody to ask."""

    def confirm(
        self, question: str, *, option: str, default: bool, why: str = "", typed: str = ""
    ) -> bool:
        return default

    def secret(self, question: str, *, option: str, why: str = "") -> Secret | None:
        return None


Around = Callable[..., VendorContext]
Hold = Callable[..., Held]


@pytest.fixture
def bare() -> Iterator[RunningGitHub]:
    """A local GitHub that may be asked anything."""
    running = LocalGitHub(lag=0.05).start()
    yield running
    running.close()


@pytest.fixture
def github(bare: RunningGitHub) -> Iterator[RunningGitHub]:
    """A local GitHub; at the end, every request it got must be one that GitHub's own API has."""
    yield bare
    for request in bare.state.requests:
        # GitHub's pages, and where an app signs its users in, are no part of its API.
        if not request.path.startswith(("/settings/", "/login/oauth/", "/graphql")):
            assert problems(request) == [], f"{request.method} {request.path}"


@pytest.fixture
def around() -> Around:
    """Surroundings in which nobody sleeps for real longer than *longest* seconds."""

    def make(
        environment: Mapping[str, str],
        *,
        seconds: float = 30,
        use_leaked: bool = True,
        known: Mapping[str, Json] | None = None,
        longest: float = 0.02,
        settings: Mapping[str, Json] | None = None,
        remotes: Sequence[str] = (),
        now: str | None = None,
    ) -> VendorContext:
        end = time.monotonic() + seconds
        context = VendorContext(
            environment=environment,
            asks=Nobody(),
            use_leaked=use_leaked,
            settings=settings or {},
            sleep=lambda seconds: time.sleep(min(seconds, longest)),
            deadline=lambda: end,
        )
        context = replace(context, known=known or {}, remotes=lambda: remotes)
        return context if now is None else replace(context, now=lambda: now)

    return make


@pytest.fixture
def hold() -> Hold:
    """A value as the pipeline would hold it: identified by the provider."""

    def make(value: Secret, **labels: str) -> Held:
        found = Found(KEY.fingerprint(value), value)
        (one,) = GitHubProvider().identify([found])
        assert isinstance(one.credential, Credential)
        return Held(one.credential, {"value": value})

    return make


# -- the shape of requests ----------------------------------------------------------------------

_OPERATIONS: list[dict[str, Any]] = [
    operation
    for name in (
        "openapi.json",
        "openapi-host.json",
        "openapi-alerts.json",
        "openapi-stores.json",
        "openapi-keys.json",
        "openapi-apps.json",
        "openapi-copies.json",
        "openapi-footholds.json",
    )
    for operation in json.loads((Path(__file__).parent / name).read_text())["operations"]
]


def problems(request: Request) -> list[str]:
    """What is wrong with *request*; nothing for one that GitHub's description allows."""
    found = _operation(request)
    if found is None:
        return [f"GitHub has no {request.method} {request.path}"]
    operation, named = found
    wrong = []
    for name, parameter in operation["parameters"].items():
        if parameter["in"] == "path":
            value: object = named.get(name)
        elif parameter["in"] == "query":
            value = next(iter(request.query.get(name, [])), None)
            if parameter["schema"].get("type") == "array":
                value = request.query.get(f"{name}[]")
        else:
            continue
        if value is None and parameter["required"]:
            wrong.append(f"{name} is missing")
        elif value is not None:
            if parameter["schema"].get("type") == "integer":
                value = int(str(value))
            elif parameter["schema"].get("type") == "boolean":
                value = {"true": True, "false": False}.get(str(value), value)
            wrong += _invalid(value, parameter["schema"], name)
    wrong += [
        f"unknown parameter {name}"
        for name in request.query
        if name.removesuffix("[]") not in operation["parameters"]
    ]
    headers = {name.lower(): value for name, value in request.headers.items()}
    if headers.get("accept") != "application/vnd.github+json":
        wrong.append("no Accept header")
    if not headers.get("user-agent") or "x-github-api-version" not in headers:
        wrong.append("no User-Agent or no API version")
    if operation["body"] is None:
        wrong += ["a body where none belongs"] if request.body else []
    elif headers.get("content-type") != "application/json":
        wrong.append("the body is not declared as JSON")
    else:
        wrong += _invalid(json.loads(request.body), operation["body"], "body")
    if operation["id"] == "credentials/revoke":
        wrong += [
            f"{n} on a call that is anonymous" for n in ("authorization", "cookie") if n in headers
        ]
    elif operation["path"].startswith("/applications/"):
        wrong += [] if headers.get("authorization", "").startswith("Basic ") else ["not as the app"]
    elif not headers.get("authorization", "").startswith("Bearer "):
        wrong.append("no bearer token")
    return wrong


def _operation(request: Request) -> tuple[Mapping[str, Any], Mapping[str, str]] | None:
    for operation in _OPERATIONS:
        # A file's path is the one parameter that may have slashes in it.
        pattern = operation["path"].replace("{path}", "(?P<path>.+)")
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
        match = re.fullmatch(pattern, request.path)
        if match and operation["method"] == request.method:
            return operation, match.groupdict()
    return None


def _invalid(value: object, schema: Mapping[str, Any], name: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{name}: {error.message}" for error in validator.iter_errors(value)]
