"""Passwords that IAM makes for one service (CodeCommit, Keyspaces), as a report shows them. Offline.

The user name tells user and account (``jane-at-123456789012``); the password is 32 bytes in base64, and has
no mark of its own, so it is one only beside such a name, or in a clone's URL
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_service-specific-creds.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from remediate.model import Credential
from remediate.plugins.provider import Found, Held, Identified, Kind
from remediate.secret import Secret
from remediate_providers.aws import keys
from remediate_providers.aws.identify import pairs

PROVIDER = "aws-service"
USER, PASSWORD, URL = "user", "password", "url"
CODECOMMIT = "codecommit.amazonaws.com"
USER_NAME = Kind(
    "aws-service-user-name",
    "AWS service-specific user name (NAME-at-ACCOUNT, beside its password)",
    revoke="api",
    reissue="api",
    page=keys.CONSOLE_USERS,
    check="api",
)
PASSWORD_KIND = Kind(
    "aws-service-password",
    "AWS service-specific password (CodeCommit, Keyspaces)",
    revoke="api",
    reissue="api",
    page=keys.CONSOLE_USERS,
    check="api",
)
CLONE_URL = Kind(
    "aws-codecommit-url",
    "AWS CodeCommit clone URL with its Git password",
    revoke="api",
    reissue="api",
    page=keys.CONSOLE_USERS,
    check="api",
)
KINDS = (PASSWORD_KIND, USER_NAME, CLONE_URL)

_NAME = re.compile(r"(?P<user>[\w+=,.@-]{1,64})-at-(?P<account>[0-9]{12})")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{43}=")
_URL = re.compile(
    r"(?P<head>https://)(?P<user>[^:@/?#\s]{1,300}):(?P<password>[^:@/?#\s]{1,300})"
    r"(?P<tail>@git-codecommit(?:-fips)?\.[a-z0-9-]{1,30}\.amazonaws\.com(?:\.cn)?(?:/[^\s#]{0,300})?)"
)


@dataclass(frozen=True)
class Login:
    """A user name and its password."""

    name: str
    user: str
    """The IAM user's name: a second credential for the same service is called USER+1."""
    account: str
    password: Secret


def login(name: str, password: Secret) -> Login | None:
    """The two as one, None where they have not the form."""
    named = _NAME.fullmatch(name)
    if named is None or not _PASSWORD.fullmatch(password.reveal_text()):
        return None
    return Login(name, re.sub(r"\+[0-9]+\Z", "", named["user"]), named["account"], password)


def of_url(value: Secret) -> Login | None:
    """What a clone's URL holds."""
    found = _URL.fullmatch(value.reveal_text())
    if found is None:
        return None
    return login(unquote(found["user"]), Secret(unquote(found["password"])))


def of_held(held: Held) -> Login | None:
    """What a credential's values hold, None where a part is missing."""
    if URL in held.values:
        return of_url(held.values[URL])
    if not {USER, PASSWORD} <= set(held.values):
        return None
    return login(held.values[USER].reveal_text(), held.values[PASSWORD])


def as_parts(old: Held, name: Secret, password: Secret) -> dict[str, Secret] | None:
    """Another name and password in the parts that *old* has; None where its URL is not there."""
    if set(old.credential.parts) != {URL}:
        return {USER: name, PASSWORD: password}
    found = _URL.fullmatch(old.values[URL].reveal_text()) if URL in old.values else None
    if found is None:
        return None
    quoted = ":".join(quote(one.reveal_text(), safe="") for one in (name, password))
    return {URL: Secret(found["head"] + quoted + found["tail"])}


def identify(found: Sequence[Found]) -> list[Identified]:
    """Names with the passwords that belong to them, and clones' URLs."""
    made = [
        _credential(value, {URL: one}, {one.fingerprint: CLONE_URL.name})
        for one in found
        if (value := of_url(one.value)) is not None
    ]
    names = [one for one in found if _NAME.fullmatch(one.value.reveal_text())]
    passwords = [one for one in found if _PASSWORD.fullmatch(one.value.reveal_text())]
    together = pairs(names, passwords)
    for name in names:
        other = together.get(name.fingerprint)
        value = login(name.value.reveal_text(), other.value) if other is not None else None
        if other is not None and value is not None:
            kinds = {name.fingerprint: USER_NAME.name, other.fingerprint: PASSWORD_KIND.name}
            made.append(_credential(value, {USER: name, PASSWORD: other}, kinds))
    return made


def _credential(value: Login, parts: Mapping[str, Found], kinds: Mapping[str, str]) -> Identified:
    labels = {"user": value.user}
    if keys.is_canary(value.account):
        labels["canary"] = (
            "this account's keys are laid out to be stolen; using one raises an alarm"
        )
    secret = parts.get(URL) or parts[PASSWORD]
    credential = Credential(
        id=f"{PROVIDER}:{secret.fingerprint[:12]}",
        provider=PROVIDER,
        kind=(CLONE_URL if URL in parts else PASSWORD_KIND).name,
        parts={part: one.fingerprint for part, one in parts.items()},
        public_id=value.name,
        account=value.account,
        labels=labels,
    )
    return Identified(credential, kinds)
