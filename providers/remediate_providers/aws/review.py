"""Every access key of the account: whose, how old, last used. Read-only.

Needs ``iam:ListUsers``, ``iam:ListAccessKeys`` and ``iam:GetAccessKeyLastUsed``.
"""

from __future__ import annotations

from remediate.plugins.context import VendorContext
from remediate.plugins.lists import Inventory, Listed
from remediate_providers.aws import iam
from remediate_providers.aws.failures import AwsError
from remediate_providers.aws.session import Aws

_CONSOLE = "https://console.aws.amazon.com/iam/home#/users/details/{}?section=security_credentials"


def listed(vendor: VendorContext) -> Inventory:
    """The keys of all users; where they can't be listed, the caller's own."""
    aws = Aws.responder(vendor)
    unknown: dict[str, str] = {}
    users: list[str | None] = []
    try:
        rows = iam.pages(aws, "ListUsers", "Users", MaxItems=1000)
        users.extend(str(row["UserName"]) for row in rows)
    except AwsError as error:
        unknown["AWS: the account's users"] = error.reason
        users += [] if users else [None]
    found = []
    for user in users:
        try:
            keys = iam.keys_of(aws, user)
        except AwsError as error:
            unknown[f"AWS: access keys of {user or 'your own user'}"] = error.reason
            continue
        for key in keys:
            owner, used, known = user or "", None, True
            try:
                use = iam.last_use(aws, key.id)
                owner, used = use.user, use.at
            except AwsError as error:
                known = False
                unknown[f"AWS: last use of {key.id}"] = error.reason
            found.append(
                Listed(
                    provider="aws",
                    kind="aws-access-key-id",
                    id=key.id,
                    owner=owner,
                    created=key.created or None,
                    last_used=used,
                    use_known=known,
                    status=key.status.lower(),
                    where=_CONSOLE.format(owner),
                )
            )
    return Inventory(tuple(found), unknown)
