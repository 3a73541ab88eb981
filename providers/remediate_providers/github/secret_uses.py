"""Who uses an Actions secret: workflows that ask for its name, and secrets of the same name beside it.

GitHub shows a secret's value to nobody, so one of the same name in an environment, for Dependabot or of the
organisation *may* hold the old value. Workflows are read on the default branch.
https://docs.github.com/rest/repos/contents, https://docs.github.com/rest/deployments/environments
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from remediate.http import Answer, HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.secret import Secret
from remediate_providers.github.server import Api
from remediate_providers.rest import mapping, objects, text_of

WORKFLOWS = ".github/workflows"
MOST = 50
"""Workflows, and environments, that are looked into."""
PAGES = 10


class Uses:
    """One look around one repository."""

    def __init__(self, api: Api, own: Secret, repository: str, vendor: VendorContext) -> None:
        owner, _, name = repository.partition("/")
        self._api, self._own, self._vendor = api, own, vendor
        self._repository = repository
        self._base = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"
        self._found: list[Json] = []
        self._unknown: dict[str, str] = {}
        self._evidence: list[Evidence] = []

    def facts(self, names: Sequence[str], here: str) -> Facts:
        """Who uses secrets of those *names*, beside *here*: ``OWNER/REPO``, with ``@ENVIRONMENT`` for one's."""
        self._try("workflows", lambda: self._workflows(names))
        for where, path, spec in (
            (self._repository, "actions/secrets", f"github-actions:{self._repository}"),
            (f"{self._repository} (dependabot)", "dependabot/secrets", f"github-dependabot:{self._repository}"),
            (f"{self._repository} (agents)", "agents/secrets", f"github-agents:{self._repository}"),
            (f"{self._repository} (codespaces)", "codespaces/secrets", f"github-codespaces:{self._repository}"),
            (
                f"the organisation {self._repository.partition('/')[0]}",
                "actions/organization-secrets",
                f"github-actions:{self._repository.partition('/')[0]}",
            ),
        ):  # fmt: skip
            if where != here:
                self._try(path, lambda w=where, p=path, s=spec: self._named(names, w, p, s))
        self._try("environments", lambda: self._environments(names, here))
        return Facts({"uses": self._found}, self._unknown, tuple(self._evidence))

    def _try(self, what: str, look: Any) -> None:
        try:
            look()
        except _UnreadError as error:
            self._unknown[what] = str(error)

    def _workflows(self, names: Sequence[str]) -> None:
        answer = self._get(f"contents/{WORKFLOWS}")
        if answer.status == 404:
            return  # there are none, or no such directory
        files = [
            path
            for one in objects(answer.json())
            if (path := text_of(one, "path") or "").endswith((".yml", ".yaml"))
        ]
        if answer.status != 200 or not isinstance(answer.json(), list):
            raise _UnreadError(self._api.refusal(answer))
        for path in files[:MOST]:
            content = self._get(f"contents/{quote(path)}")
            try:
                text = base64.b64decode(text_of(mapping(content), "content") or "").decode()
            except (binascii.Error, UnicodeDecodeError):
                text = ""
            if content.status != 200 or not text:
                self._unknown[path] = self._api.refusal(content)
                continue
            asked = [name for name in names if asks_for(text, name)]
            inherits = re.search(r"(?m)^\s*secrets:\s*inherit\b", text) is not None
            if asked or inherits:
                what = (
                    f"a workflow that asks for {', '.join(asked)}"
                    if asked
                    else "a workflow that hands all secrets on"
                )
                self._add(f"{self._repository}: {path}", what, sure=bool(asked), workflow=True)
        if len(files) > MOST:
            self._unknown["other workflows"] = f"there are {len(files)}; {MOST} were read"
        self._saw(f"contents/{WORKFLOWS}", f"{len(files)} read")

    def _named(self, names: Sequence[str], where: str, path: str, spec: str) -> None:
        listed = {str(text_of(one, "name")).upper() for one in self._pages(path, "secrets")}
        for name in names:
            if name.upper() in listed:
                self._add(where, f"a secret named {name}", sure=False, spec=f"{spec}#{name}")

    def _environments(self, names: Sequence[str], here: str) -> None:
        environments = [
            str(text_of(one, "name")) for one in self._pages("environments", "environments")
        ]
        for name in environments[:MOST]:
            where = f"{self._repository}@{name}"
            if where != here:
                path = f"environments/{quote(name, safe='')}/secrets"
                self._named(names, where, path, f"github-actions:{where}")
        if len(environments) > MOST:
            more = f"there are {len(environments)}; {MOST} were looked into"
            self._unknown["other environments"] = more

    # -- asking ----------------------------------------------------------------------------------

    def _pages(self, path: str, within: str) -> Iterator[Any]:
        for page in range(1, PAGES + 1):
            answer = self._get(path, {"per_page": "100", "page": str(page)})
            rows = mapping(answer).get(within)
            if answer.status != 200 or not isinstance(rows, list):
                raise _UnreadError(self._api.refusal(answer))
            yield from objects(rows)
            if len(rows) < 100:
                self._saw(path, str(answer.status))
                return
        raise _UnreadError(f"there are more than {PAGES * 100}")

    def _get(self, path: str, query: dict[str, str] | None = None) -> Answer:
        try:
            return self._api.ask("GET", f"{self._base}/{path}", self._own, query=query)
        except HttpError as error:
            raise _UnreadError(self._api.refusal(error)) from None

    def _add(
        self, where: str, what: str, *, sure: bool, spec: str = "", workflow: bool = False
    ) -> None:
        row: dict[str, Json] = {"where": where, "what": what, "sure": sure}
        # A workflow gets the new value with the next run: nothing is to be done about it.
        self._found.append(
            {**row, **({"spec": spec} if spec else {}), **({"workflow": True} if workflow else {})}
        )

    def _saw(self, path: str, saw: str) -> None:
        probe = f"GET {self._base}/{path} at {self._api.server.host}"
        self._evidence.append(Evidence(probe, saw, self._vendor.now()))


class _UnreadError(Exception):
    """A list that could not be had, in one sentence."""


def asks_for(text: str, name: str) -> bool:
    """Whether a workflow asks for the secret: ``secrets.NAME`` or ``secrets['NAME']``, in any case."""
    word = re.escape(name)
    pattern = rf"\bsecrets\s*(?:\.\s*{word}(?![A-Za-z0-9_-])|\[\s*['\"]{word}['\"]\s*\])"
    return re.search(pattern, text, re.IGNORECASE) is not None
