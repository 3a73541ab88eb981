"""A repository's address, and talking to GitHub's API about it: what all parts of the host share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from remediate.errors import VendorError
from remediate.http import Answer, HttpError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Outcome, Status
from remediate_providers.github import responder
from remediate_providers.github.server import Api, Server

PAGE = 100
PAGES = 20
"""More than 2,000 of anything is counted, not listed."""

_SCP = re.compile(r"(?:[^@/]+@)?([^:/]+):(?!//)(.+)")


def repository(url: str, server: Server) -> tuple[str, str] | None:
    """(owner, name) of the repository at *url*, where it is on *server*; None where it is not.

    Takes what ``git remote`` shows: https, ssh, and the short form ``git@github.com:owner/name.git``
    (ssh.github.com is github.com's ssh over port 443,
    https://docs.github.com/authentication/troubleshooting-ssh/using-ssh-over-the-https-port).
    """
    web = urlsplit(server.web)
    if "://" in url:
        parts = urlsplit(url)
        host, path, port = parts.hostname or "", parts.path, parts.port
    elif (short := _SCP.fullmatch(url)) is not None:
        host, path, port = short[1], short[2], None
    else:
        return None
    if host.removeprefix("ssh.").lower() != (web.hostname or "").lower():
        return None
    if server.loopback and port != web.port:
        return None
    names = path.strip("/").removesuffix(".git").split("/")
    if len(names) != 2 or not all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names):
        return None
    return names[0], names[1]


class Talk:
    """One piece of work's conversation about one repository. A context manager.

    Raises `VendorError` where this is no repository of the server, or there is no token to ask with.
    """

    def __init__(self, url: str, vendor: VendorContext) -> None:
        server = Server.of(vendor.environment)
        found = repository(url, server)
        if found is None:
            raise VendorError(f"{url} is no repository on {server.host}.")
        token = responder.token(vendor, server)
        if token is None:
            raise VendorError(
                f"{server.host} can't be asked about {'/'.join(found)}: there is no token of yours.",
                hint=f"{responder.HOW} — then: remediate resume",
            )
        self.owner, self.name = found
        self.root = f"/repos/{quote(self.owner, safe='')}/{quote(self.name, safe='')}"
        self.vendor = vendor
        self._token = token
        self.api = Api(vendor)

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.__exit__(None, None, None)

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"

    def ask(self, method: str, path: str, json: object | None = None) -> Answer:
        """Ask about *path* below the repository. Every call here is harmless when made twice.

        Raises `VendorError` where there is no answer.
        """
        return self.ask_at(method, self.root + path, json)

    def ask_at(self, method: str, path: str, json: object | None = None) -> Answer:
        """`ask`, about any *path* of the API."""
        try:
            return self.api.ask(method, path, self._token, repeat=True, json=json)
        except HttpError as error:
            raise VendorError(self.api.refusal(error), hint="Then: remediate resume") from None

    def graph(self, query: str, variables: Mapping[str, object]) -> Answer:
        """`Api.graph`. Raises `VendorError` where there is no answer."""
        try:
            return self.api.graph(query, variables, self._token)
        except HttpError as error:
            raise VendorError(self.api.refusal(error), hint="Then: remediate resume") from None

    def get(self, path: str) -> dict[str, Any]:
        """One thing. Raises `VendorError` for anything but 200 and an object."""
        answer = self.ask("GET", path)
        data = answer.json()
        if answer.status != 200 or not isinstance(data, dict):
            raise VendorError(self.api.refusal(answer), hint="Then: remediate resume")
        return data

    def every(
        self, path: str, query: Mapping[str, str] | None = None, within: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Each entry of a list, page by page; *within*: the key of an object that holds the list.

        Raises `VendorError`.
        """
        yield from self.every_at(self.root + path, query, within)

    def every_at(
        self, path: str, query: Mapping[str, str] | None = None, within: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """`every`, about any *path* of the API."""
        for page in range(1, PAGES + 1):
            words = {**(query or {}), "per_page": str(PAGE), "page": str(page)}
            try:
                answer = self.api.ask("GET", path, self._token, query=words)
            except HttpError as error:
                raise VendorError(self.api.refusal(error), hint="Then: remediate resume") from None
            data = answer.json()
            rows = data.get(within) if within is not None and isinstance(data, dict) else data
            if answer.status != 200 or not isinstance(rows, list):
                raise VendorError(self.api.refusal(answer), hint="Then: remediate resume")
            yield from (row for row in rows if isinstance(row, dict))
            if len(rows) < PAGE:
                return

    def refused(self, summary: str, answer: Answer) -> Outcome:
        """The outcome for an answer that is no yes."""
        down = answer.status >= 500 or answer.limited
        status = Status.UNREACHABLE if down else Status.REFUSED
        return Outcome(status, summary, reason=self.api.refusal(answer))
