"""What a service account may do: its roles in its project, and what Google allows the key itself.

``projects.getIamPolicy`` and ``projects.testIamPermissions`` of the Resource Manager, v1
(https://cloud.google.com/resource-manager/reference/rest/v1/projects). The first is asked as the responder, and
shows the project's own bindings alone; the second with the leaked key, and counts what comes from above.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.outcome import Evidence, Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.wording import count
from remediate_providers.google.keys import FILE, Account, file_of
from remediate_providers.google.server import Api, signed_form
from remediate_providers.rest import (
    NOT_USED,
    TroubleError,
    mapping,
    objects,
    segment,
    text_of,
)

MANAGER = "https://cloudresourcemanager.googleapis.com"
TELLING = (
    "resourcemanager.projects.setIamPolicy",
    "iam.serviceAccounts.create",
    "iam.serviceAccountKeys.create",
    "iam.serviceAccounts.actAs",
    "iam.serviceAccounts.getAccessToken",
    "iam.roles.update",
    "secretmanager.versions.access",
    "storage.objects.get",
    "storage.objects.delete",
    "bigquery.tables.getData",
    "cloudsql.instances.export",
    "compute.instances.create",
    "compute.instances.setMetadata",
    "cloudfunctions.functions.create",
    "run.services.create",
    "container.clusters.getCredentials",
    "aiplatform.endpoints.predict",
    "logging.sinks.delete",
)
"""Permissions that tell what a thief could do: take over, read data, spend money, hide."""
NEEDED = "resourcemanager.projects.getIamPolicy on the project (Security Reviewer)"


def of(
    api: Api,
    account: Account,
    held: Held,
    known: dict[str, Json],
    unknown: dict[str, str],
    seen: list[Evidence],
) -> None:
    """Add ``roles`` and ``reach`` to *known*, or why not to *unknown*."""
    try:
        roles = _roles(api, account)
        known["roles"] = list(roles)
        seen.append(
            api.seen("POST projects:getIamPolicy", f"{count(len(roles), 'role')} in its project")
        )
        unknown["roles elsewhere"] = (
            "those of folders, the organisation, other projects and single resources are not in the "
            "project's policy; the console's Policy Analyzer lists them"
        )
    except TroubleError as error:
        unknown["roles"] = str(error)
    try:
        allowed = _allowed(api, account, held)
        known["reach"] = list(allowed)
        told = f"{len(allowed)} of {len(TELLING)} telling permissions on its project"
        seen.append(api.seen("POST projects:testIamPermissions", told))
    except TroubleError as error:
        unknown["reach"] = str(error)


def _roles(api: Api, account: Account) -> list[str]:
    """The roles that the project's policy gives it, a condition named. Raises `TroubleError`."""
    asked = {"options": {"requestedPolicyVersion": 3}}
    data = _ask(api, account, "getIamPolicy", asked, api.own(), NEEDED)
    member = f"serviceAccount:{account.email}"
    return sorted(
        (text_of(one, "role") or "?") + (" (with a condition)" if one.get("condition") else "")
        for one in objects(data.get("bindings", []))
        if member in (one.get("members") or ())
    )


def _allowed(api: Api, account: Account, held: Held) -> list[str]:
    """Which of `TELLING` Google allows the leaked key. Changes nothing. Raises `TroubleError`."""
    if not api.vendor.use_leaked:
        raise TroubleError(NOT_USED, Status.MANUAL)
    value = held.values.get(FILE)
    data = file_of(value) if value is not None else None
    pem = (text_of(data, "private_key") or "").encode() if data is not None else b""
    form = signed_form(pem, account.email, account.key_id)
    if form is None:
        raise TroubleError("the private key can't be read (is it whole?)", Status.MANUAL)
    answer = api.token(form)
    token = text_of(mapping(answer), "access_token")
    if answer.status != 200 or token is None:
        raise TroubleError(f"Google gives it no token: {api.refusal(answer)}", Status.REFUSED)
    asked = {"permissions": list(TELLING)}
    told = _ask(api, account, "testIamPermissions", asked, Secret(token), "")
    found = told.get("permissions", [])
    return sorted(str(one) for one in found) if isinstance(found, list) else []


def _ask(
    api: Api, account: Account, verb: str, asked: Mapping[str, Any], token: Secret, needed: str
) -> Mapping[str, Any]:
    path = f"/v1/projects/{segment(account.project)}:{verb}"
    try:
        answer = api.ask("POST", path, token, base=api.base(MANAGER), repeat=True, json=dict(asked))
    except HttpError as error:
        raise TroubleError(api.refusal(error), Status.UNREACHABLE) from None
    # Nothing is allowed: the answer is an empty object.
    if answer.status != 200 or not isinstance(answer.json(), dict):
        raise api.trouble(answer, needed)
    return mapping(answer)
