"""Google's APIs, and how the responder signs in to them.

As Google's own tools do: a token in ``CLOUDSDK_AUTH_ACCESS_TOKEN`` or ``GOOGLE_OAUTH_ACCESS_TOKEN``, else the file that
``GOOGLE_APPLICATION_CREDENTIALS`` names, else what ``gcloud auth application-default login`` has written
(https://cloud.google.com/docs/authentication/application-default-credentials).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remediate.http import Answer, HttpError, base_url
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Status
from remediate.secret import Secret
from remediate_providers.google.keys import CONSOLE, PAGE, Account
from remediate_providers.rest import (
    Rest,
    Site,
    TroubleError,
    mapping,
    own_page,
    own_token,
    segment,
    text_of,
)

IAM = "https://iam.googleapis.com"
OAUTH = "https://oauth2.googleapis.com"
ANALYZER = "https://policyanalyzer.googleapis.com"
LOGGING = "https://logging.googleapis.com"
TOKEN = "/token"  # noqa: S105 - a path
NEEDED = "the role Service Account Key Admin on the account"
HOW = "sign in: gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LARGEST = 64 * 1024


class Api(Rest):
    """A conversation with Google. ``GOOGLE_API_URL`` replaces all its hosts by one, for tests."""

    def __init__(self, vendor: VendorContext) -> None:
        one = base_url(vendor.environment, "GOOGLE_API_URL", IAM)
        super().__init__(vendor, Site(one))
        self._one = one if one != IAM else None
        self._token: Secret | None = None

    def base(self, host: str) -> str:
        """Where *host* is."""
        return self._one or host

    @property
    def page(self) -> str:
        """The page that lists service accounts."""
        return own_page(self.site, CONSOLE, PAGE)

    def own(self) -> Secret:
        """The responder's token, signed in for once. Raises `TroubleError`."""
        if self._token is None:
            environment = self.vendor.environment
            given = own_token(
                environment, "CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN"
            )
            self._token = given or self._signed_in(environment)
        return self._token

    def _signed_in(self, environment: Mapping[str, str]) -> Secret:
        data = own_file(environment)
        if data is None:
            raise TroubleError(f"you are not signed in to Google: {HOW}", Status.MANUAL)
        if data.get("type") == "service_account":
            email, key = text_of(data, "client_email") or "", text_of(data, "private_key") or ""
            form = signed_form(key.encode(), email, text_of(data, "private_key_id") or "")
        elif data.get("type") == "authorized_user":
            names = ("client_id", "client_secret", "refresh_token")
            form = {"grant_type": "refresh_token", **{n: text_of(data, n) or "" for n in names}}
        else:
            form = None
        if form is None:
            raise TroubleError(
                f"your credentials for Google are of a kind that is not read here: {HOW}",
                Status.MANUAL,
            )
        answer = self.token(form)
        token = text_of(mapping(answer), "access_token")
        if answer.status != 200 or token is None:
            down = answer.status >= 500 or answer.limited or answer.status == 200
            status = Status.UNREACHABLE if down else Status.REFUSED
            raise TroubleError(f"signing in to Google failed: {self.refusal(answer)}", status)
        return Secret(token)

    def token(self, form: Mapping[str, str], *, patient: bool = True) -> Answer:
        """Ask for a token; that has no effect. Raises `TroubleError`."""
        try:
            return self.ask(
                "POST", TOKEN, None, base=self.base(OAUTH), repeat=True, patient=patient, form=form
            )
        except HttpError as error:
            raise TroubleError(self.refusal(error), Status.UNREACHABLE) from None

    def accepts(self, pem: bytes, account: Account, *, patient: bool = True) -> Check:
        """Whether Google takes a key: it is asked for a token with it, which is dropped.

        ``invalid_grant`` with "Invalid JWT Signature" is the answer for a key that is disabled or deleted; with
        another text it may be this machine's clock.
        """
        form = signed_form(pem, account.email, account.key_id)
        if form is None:
            return Check(None, reason="the private key can't be read (is it whole?)")
        try:
            answer = self.token(form, patient=patient)
        except TroubleError as error:
            return Check(None, reason=str(error))
        data = mapping(answer)
        code, said = text_of(data, "error") or "", text_of(data, "error_description") or ""
        seen = (self.seen("POST oauth2 token", f"{answer.status} {code} {said[:60]}".strip()),)
        if answer.status == 200 and text_of(data, "access_token"):
            return Check(True, seen)
        dead = "invalid jwt signature" in said.lower() or "account not found" in said.lower()
        if answer.status in (400, 401) and code == "invalid_grant" and dead:
            return Check(False, seen)
        return Check(None, seen, self.refusal(answer))

    def get(
        self, path: str, query: Mapping[str, str] | None = None, host: str = IAM
    ) -> Mapping[str, Any]:
        """A JSON object. Raises `TroubleError`."""
        try:
            answer = self.ask("GET", path, self.own(), base=self.base(host), query=query)
        except HttpError as error:
            raise TroubleError(self.refusal(error), Status.UNREACHABLE) from None
        if answer.status != 200 or not isinstance(answer.json(), dict):
            raise self.trouble(answer, NEEDED)
        return mapping(answer)


def signed_form(pem: bytes, email: str, key_id: str) -> dict[str, str] | None:
    """A request for a token, signed with a key; None where the key can't be read."""
    from remediate_providers.google.signing import assertion

    signed = assertion(pem, email, key_id)
    return None if signed is None else {"grant_type": GRANT, "assertion": signed.reveal_text()}


def own_file(environment: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The responder's application default credentials, read; None where there are none."""
    named = environment.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip()
    folder = environment.get("CLOUDSDK_CONFIG", "").strip()
    home = environment.get("HOME", "").strip()
    usual = Path(folder) if folder else Path(home) / ".config" / "gcloud" if home else None
    path = (
        Path(named) if named else usual / "application_default_credentials.json" if usual else None
    )
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def own_values(environment: Mapping[str, str]) -> list[Secret]:
    """What the responder would sign in with: the key's file as text, its key, or a token."""
    given = own_token(environment, "CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN")
    found = [given] if given is not None else []
    data = own_file(environment) or {}
    found += [Secret(v) for n in ("private_key", "refresh_token") if (v := text_of(data, n))]
    named = environment.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip()
    if named and data.get("type") == "service_account":
        try:
            text = Path(named).read_bytes()[:_LARGEST]
        except OSError:
            return found
        found += [Secret(text), Secret(text.strip())]
    return found


def account_path(account: Account) -> str:
    """The account's path in the IAM API."""
    return f"/v1/projects/{segment(account.project)}/serviceAccounts/{segment(account.email)}"


def key_path(account: Account) -> str:
    """The key's path in the IAM API."""
    return f"{account_path(account)}/keys/{segment(account.key_id)}"
