"""Asking GitHub as an OAuth app, or a GitHub App, about the tokens that it was given for its users.

With its client id and secret an app may look at a token of its own, reset it and end it
(https://docs.github.com/rest/apps/oauth-applications), and trade a refresh token for the next pair
(https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens).
The id is public and stands in the policy; the secret is in the environment or in the OS keyring.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from remediate.errors import UsageError
from remediate.http import ATTEMPTS, Answer, HttpError, backoff
from remediate.keyrings import safe_keyring, why_not
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Status
from remediate.secret import Secret
from remediate_providers.github.pages import ENDED
from remediate_providers.github.server import Api
from remediate_providers.github.tokens import REFRESH, USER, kind_of
from remediate_providers.rest import TroubleError, mapping, text_of

VARIABLE = "GITHUB_CLIENT_SECRET"
OPTIONS = ("client_id", "client_secret", "end", "authorisation")
ENDS = ("token", "grant")
_CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_KEYRING = re.compile(r"keyring:([^#]+)#(.+)")


def check_options(options: Mapping[str, Json]) -> None:
    """What the policy's ``with`` says. Raises `UsageError`."""
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise UsageError(
            f"`{unknown[0]}` in `with` is not known.", hint=f"Known: {', '.join(OPTIONS)}."
        )
    said = options.get("authorisation")
    if said not in (None, ENDED):
        raise UsageError(
            f'`authorisation` in `with` is "{ENDED}", or is not there.',
            hint="It says that the app's user has ended what they let it do, on GitHub's page.",
        )
    if said == ENDED and "client_id" not in options:
        return
    if not _CLIENT_ID.fullmatch(str(options.get("client_id") or "")):
        raise UsageError(
            "`client_id` in `with` has to be the app's client id.",
            hint='As in client_id = "Ov23liABCDEFGHIJKLMN": it stands on the app\'s page.',
        )
    place = options.get("client_secret")
    if place is not None and not _KEYRING.fullmatch(str(place)):
        raise UsageError(
            "`client_secret` in `with` names a place in the keyring, never the secret itself.",
            hint=f'As in client_secret = "keyring:remediate#github-app", or set {VARIABLE}.',
        )
    if options.get("end", "token") not in ENDS:
        raise UsageError(
            "`end` in `with` is token or grant.",
            hint="grant ends every token that the app has of the same user.",
        )


@dataclass(frozen=True)
class Settings:
    """An app as the policy and the environment name it."""

    client_id: str
    secret: Secret | None
    why: str
    """Why there is no secret; empty where there is one."""
    whole_grant: bool
    """Whether the app's whole grant by the user ends, and not the one token."""
    ended: bool = False
    """Whether a person says that its user ended the app's authorisation."""

    @classmethod
    def of(cls, vendor: VendorContext) -> Settings:
        """Out of the policy's ``with``, and the environment or the keyring."""
        options = vendor.settings.get("with")
        named: Mapping[str, Any] = options if isinstance(options, Mapping) else {}
        secret, why = _secret(vendor, str(named.get("client_secret") or ""))
        client_id = str(named.get("client_id") or "")
        if not client_id:
            secret, why = None, "the policy names no app"
        ended = named.get("authorisation") == ENDED
        return cls(client_id, secret, why, named.get("end") == "grant", ended)


def _secret(vendor: VendorContext, place: str) -> tuple[Secret | None, str]:
    text = vendor.environment.get(VARIABLE, "").strip()
    if text:
        return Secret(text), ""
    named = _KEYRING.fullmatch(place)
    if named is None:
        return None, f"the app's client secret is not at hand: set {VARIABLE}"
    ring = safe_keyring()
    if ring is None:
        return None, why_not() or "there is no keyring here"
    try:
        found = ring.get_password(named[1], named[2])
    except Exception as error:  # each back end raises what its platform does
        return None, f"{place} can't be read ({type(error).__name__}): unlock the keyring"
    return (Secret(found), "") if found else (None, f"{place} holds nothing")


@dataclass(frozen=True)
class Pair:
    """What GitHub gives for a refresh token."""

    access: Secret
    refresh: Secret


class App:
    """One piece of work's conversation with GitHub as an app. A context manager."""

    def __init__(self, vendor: VendorContext) -> None:
        self.vendor = vendor
        self.settings = Settings.of(vendor)
        self.api = Api(vendor)
        self._base = f"/applications/{quote(self.settings.client_id, safe='')}"

    def __enter__(self) -> App:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.__exit__(None, None, None)

    @property
    def host(self) -> str:
        """The API's host."""
        return self.api.server.host

    def look(self, token: Secret) -> tuple[Check, Mapping[str, Any]]:
        """Whether the app has that *token*; dead where it has not, which proves nothing about another app's."""
        try:
            answer = self._ask("POST", "/token", token, repeat=True)
        except TroubleError as error:
            return Check(None, reason=str(error)), {}
        seen = self.seen("POST", "/token", answer)
        data = mapping(answer)
        if answer.status == 200 and text_of(data, "hashed_token"):
            return Check(True, (seen,)), data
        if answer.status == 404:
            return Check(False, (seen,)), {}
        return Check(None, (seen,), self.refusal(answer)), {}

    def reset(self, token: Secret) -> tuple[Secret, Mapping[str, Any], Evidence]:
        """A new token in place of *token*, which dies with it. Raises `TroubleError`; never repeated."""
        answer = self._ask("PATCH", "/token", token, repeat=False)
        data = mapping(answer)
        value = text_of(data, "token")
        if answer.status != 200:
            raise self.trouble(answer)
        if value is None or kind_of(Secret(value)) is None or Secret(value) == token:
            raise TroubleError(
                f"{self.host} answered with something that is not its own format",
                Status.UNREACHABLE,
                lost=True,
            )
        return Secret(value), data, self.seen("PATCH", "/token", answer)

    def end(self, token: Secret) -> tuple[bool, Evidence]:
        """End *token*, or the whole grant; False where the app has no such token. Raises `TroubleError`."""
        where = "/grant" if self.settings.whole_grant else "/token"
        answer = self._ask("DELETE", where, token, repeat=True)
        if answer.status not in (204, 404, 422):
            raise self.trouble(answer)
        return answer.status == 204, self.seen("DELETE", where, answer)

    def refresh(self, token: Secret) -> tuple[Pair | None, Evidence]:
        """The next pair; None where GitHub says that *token* is none, or is used up. Raises `TroubleError`.

        Asked again where the answer was lost: if it is used up then, it was with that, or before.
        """
        lost = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                pair, seen = self._trade(token)
            except TroubleError as error:
                lost = lost or str(error) if error.lost else lost
                again = error.lost and attempt < ATTEMPTS
                if not again or not self.api.patience.wait(backoff(attempt)):
                    raise TroubleError(str(error), error.status, lost=bool(lost)) from None
                continue
            if pair is None and lost:
                raise TroubleError(f"{lost}; then it was used up", Status.UNKNOWN, lost=True)
            break
        return pair, seen

    def _trade(self, token: Secret) -> tuple[Pair | None, Evidence]:
        """`refresh`, asked once."""
        assert self.settings.secret is not None
        try:
            answer = self.api.sign_in(
                {
                    "client_id": self.settings.client_id,
                    "client_secret": self.settings.secret.reveal_text(),
                    "grant_type": "refresh_token",
                    "refresh_token": token.reveal_text(),
                }
            )
        except HttpError as error:
            reason = self.api.refusal(error)
            raise TroubleError(reason, Status.UNREACHABLE, lost=error.sent) from None
        data = mapping(answer)
        said = text_of(data, "error") or ""
        seen = Evidence(
            f"POST /login/oauth/access_token at {self.api.server.web.partition('://')[2]}",
            f"{answer.status} {self.vendor.redact(said)[:60]}".strip(),
            self.vendor.now(),
        )
        access, refresh = text_of(data, "access_token"), text_of(data, "refresh_token")
        if answer.status == 200 and access and refresh:
            pair = Pair(Secret(access), Secret(refresh))
            if kind_of(pair.access) == USER and kind_of(pair.refresh) == REFRESH:
                return pair, seen
        if answer.status == 200 and said == "bad_refresh_token":
            return None, seen
        if answer.status == 200 and said:
            raise TroubleError(f"GitHub refused the app: {seen.saw[4:]}", Status.REFUSED)
        raise self.trouble(answer)

    def refusal(self, answer: Answer) -> str:
        """Why this is no good, in one sentence."""
        if answer.status == 401:
            client = self.settings.client_id
            return f"{self.host} does not take {VARIABLE} as the secret of the app {client}"
        return self.api.refusal(answer)

    def trouble(self, answer: Answer) -> TroubleError:
        """*answer* as what stops the work."""
        down = answer.status >= 500 or answer.limited or answer.status in (200, 201)
        return TroubleError(
            self.refusal(answer),
            Status.UNREACHABLE if down else Status.REFUSED,
            lost=answer.status >= 500 or answer.status in (200, 201),
        )

    def seen(self, method: str, where: str, answer: Answer) -> Evidence:
        """What was asked, and the status."""
        probe = f"{method} {self._base}{where} at {self.host}"
        return Evidence(probe, str(answer.status), self.vendor.now())

    def _ask(self, method: str, where: str, token: Secret, *, repeat: bool) -> Answer:
        assert self.settings.secret is not None
        try:
            return self.api.ask(
                method,
                self._base + where,
                None,
                repeat=repeat,
                json={"access_token": token.reveal_text()},
                app=(self.settings.client_id, self.settings.secret),
            )
        except HttpError as error:
            reason = self.api.refusal(error)
            raise TroubleError(reason, Status.UNREACHABLE, lost=error.sent) from None
