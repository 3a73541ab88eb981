"""Which GitLab is meant, and with which token of the responder's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from remediate.http import Answer, base_url
from remediate.plugins.context import VendorContext
from remediate.secret import Secret
from remediate_providers.rest import Rest, Site, mapping, own_token

PUBLIC = "https://gitlab.com"
API = "/api/v4"
HOW = "set GITLAB_TOKEN to a personal access token of yours with the scope api"


@dataclass(frozen=True)
class Server(Site):
    """One GitLab."""

    assumed: bool = False
    """Whether nobody said which: GitLab.com then, though the token may be of a server of their own."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Server:
        """The one that ``GITLAB_API_URL`` names, with or without ``/api/v4``; gitlab.com by default.

        Raises `UsageError`.
        """
        api = base_url(environment, "GITLAB_API_URL", PUBLIC)
        named = environment.get("GITLAB_API_URL", "").strip()
        return cls(api if api.endswith(API) else api + API, words, assumed=not named)

    @property
    def web(self) -> str:
        """Base address of its pages."""
        return self.api.removesuffix(API)


class Api(Rest):
    """A conversation with one GitLab."""

    def __init__(self, vendor: VendorContext) -> None:
        server = Server.of(vendor.environment)
        super().__init__(vendor, server)
        self.server = server
        self.own = responder(vendor.environment)


def responder(environment: Mapping[str, str]) -> Secret | None:
    """The responder's own token, from where `glab` looks too (https://docs.gitlab.com/cli/#environment-variables)."""
    return own_token(environment, "GITLAB_TOKEN", "GITLAB_ACCESS_TOKEN")


def words(answer: Answer) -> str:
    """GitLab's own words: ``message`` is text, or a field's errors; OAuth's are ``error`` and more."""
    data = mapping(answer)
    message = data.get("message")
    if isinstance(message, dict):
        message = "; ".join(
            f"{name} {', '.join(map(str, each)) if isinstance(each, list) else each}"
            for name, each in message.items()
        )
    for value in (message, data.get("error_description"), data.get("error")):
        if isinstance(value, str) and value:
            return value
    return ""
