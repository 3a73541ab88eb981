"""Who a request of the local AWS comes from: signature, key status, sessions. moto checks none of it so.

moto lets inactive keys through, and knows no sessions of users. Here, as at AWS, an inactive or unknown
key is refused, after the short lag in which AWS spreads a change.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from remediate.clock import rfc3339


@dataclass(frozen=True)
class Principal:
    """Who signed."""

    key_id: str
    secret: str = field(repr=False)
    arn: str
    account: str
    user: str | None
    """None for root."""
    token: str | None = field(default=None, repr=False)
    issued: str | None = None
    """When the session began; None for a long-term key."""

    @property
    def identity(self) -> dict[str, str]:
        """CloudTrail's ``userIdentity``."""
        return {
            "type": "IAMUser" if self.user else "Root",
            "arn": self.arn,
            "accountId": self.account,
            "accessKeyId": self.key_id,
            "userName": self.user or "root",
        }


class Keys:
    """The keys of one account: moto's, the root user's, and sessions."""

    def __init__(self, account: str, lag: float) -> None:
        self.account = account
        self.lag = lag
        self.root = Principal(
            key_id("AKIA", account),
            secrets.token_urlsafe(30).replace("-", "/").replace("_", "+"),
            f"arn:aws:iam::{account}:root",
            account,
            None,
        )
        self._sessions: dict[str, Principal] = {}
        self._changed: dict[str, tuple[float, bool]] = {}

    def find(self, wanted: str, token: str | None) -> Principal | None:
        """Whose key it is, None where AWS would refuse it."""
        if wanted == self.root.key_id:
            return self.root
        if wanted in self._sessions:
            session = self._sessions[wanted]
            return session if session.token == token else None
        for user in self._users():
            for key in user.access_keys:
                if key.access_key_id == wanted:
                    if not self._usable(wanted, key.status == "Active"):
                        return None
                    secret = key.secret_access_key
                    return Principal(wanted, secret, user.arn, self.account, user.name)
        return None

    def status(self, wanted: str) -> str | None:
        """``Active``, ``Inactive``; None for a key that is no more."""
        for user in self._users():
            for key in user.access_keys:
                if key.access_key_id == wanted:
                    return str(key.status)
        return None

    def change(self, wanted: str, usable_before: bool) -> None:
        """A key was just made, or changed: for `lag` seconds it is as it was before."""
        self._changed[wanted] = (time.monotonic() + self.lag, usable_before)

    def session(self, parent: Principal, seconds: int) -> tuple[Principal, str]:
        """``GetSessionToken``: a session that outlives its key; and when it ends."""
        now = datetime.now(UTC)
        session = Principal(
            key_id("ASIA", self.account),
            secrets.token_urlsafe(30).replace("-", "/").replace("_", "+"),
            parent.arn,
            self.account,
            parent.user,
            secrets.token_urlsafe(96),
            rfc3339(now),
        )
        self._sessions[session.key_id] = session
        return session, rfc3339(now + timedelta(seconds=seconds))

    def policies(self, who: Principal) -> list[str]:
        """Every policy document that gives *who* rights, or takes them."""
        user = next((u for u in self._users() if u.name == who.user), None)
        if user is None:
            return []
        holders = [user, *self._backend().get_groups_for_user(user.name)]
        return [document for holder in holders for document in _documents(holder)]

    def _usable(self, wanted: str, now: bool) -> bool:
        until, before = self._changed.get(wanted, (0.0, now))
        return before if time.monotonic() < until else now

    def _users(self) -> Iterable[Any]:
        return list(self._backend().users.values())

    def _backend(self) -> Any:
        from moto.iam.models import iam_backends

        return iam_backends[self.account]["aws"]


def _documents(holder: Any) -> Iterable[str]:
    yield from holder.policies.values()
    for policy in holder.managed_policies.values():
        yield from (str(v.document) for v in policy.versions if v.is_default)


def key_id(prefix: str, account: str) -> str:
    """A new access key id of *account*, which `remediate_providers.aws.keys.account_of` reads again."""
    number = (1 << 47) | (int(account) << 7) | secrets.randbelow(1 << 7)
    return prefix + base64.b32encode(number.to_bytes(6, "big") + secrets.token_bytes(4)).decode()


def refused_by(
    who: Principal, method: str, path: str, body: bytes, headers: Mapping[str, str]
) -> bool:
    """Whether the request was not signed with *who*'s secret (Signature Version 4)."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    given = dict(
        part.strip().split("=", 1)
        for part in headers["Authorization"].partition(" ")[2].split(",")
        if "=" in part
    )
    _, _, region, service, _ = given["Credential"].split("/")
    signed = {
        name: value for name, value in headers.items() if name.lower() in given["SignedHeaders"]
    }
    request = AWSRequest(method, f"http://{headers['Host']}{path}", headers=signed, data=body)
    request.context["timestamp"] = headers["X-Amz-Date"]
    auth = SigV4Auth(Credentials(who.key_id, who.secret, who.token), service, region)
    wanted = auth.string_to_sign(request, auth.canonical_request(request))
    signature = str(auth.signature(wanted, request))
    return not secrets.compare_digest(signature, given.get("Signature", ""))
