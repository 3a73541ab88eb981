"""What an application did in Azure subscriptions: their activity logs.

https://learn.microsoft.com/azure/azure-monitor/essentials/rest-activity-log: changes alone, for 90 days. Of filters by caller the page
knows nothing, though Azure's own command line sends one; so who did it is looked at here too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from remediate.clock import parse, rfc3339
from remediate.model import Json
from remediate.plugins.outcome import Evidence
from remediate.wording import count
from remediate_providers.azure import roles
from remediate_providers.azure.server import Api
from remediate_providers.rest import TroubleError, text_of

VERSION = "2015-04-01"
NEEDED = "Microsoft.Insights/eventtypes/values/read (the role Reader)"
KEPT = timedelta(days=89)
"""How far back is asked: Azure keeps 90 days, and refuses an earlier beginning."""


def of(
    api: Api,
    who: frozenset[str],
    since: str | None,
    unknown: dict[str, str],
    seen: list[Evidence],
) -> list[dict[str, Json]]:
    """Changes by any of the ids in *who* (its service principal's, its own) since the leak.

    *unknown* tells what was not read; nothing is added to *seen* where nothing was.
    """
    now = api.vendor.now()
    earliest = parse(now) - KEPT
    out = _moment(since)
    begin = rfc3339(earliest if out is None else max(out, earliest))

    def ask(manager: roles.Manager, scope: str) -> list[Mapping[str, Any]]:
        path = f"{scope}/providers/Microsoft.Insights/eventtypes/management/values"
        found: list[Mapping[str, Any]] = []
        for caller in sorted(who):
            asked = f"eventTimestamp ge '{begin}' and eventTimestamp le '{now}'"
            asked += f" and caller eq '{caller}'"
            rows = manager.pages(path, VERSION, NEEDED, **{"$filter": asked})
            api.vendor.keep(f"GET {path}", rows)
            found += rows
        # What has begun is told again when it is over.
        return [
            one
            for one in found
            if text_of(one, "caller") in who and _value(one, "status") != "Started"
        ]

    try:
        token, scopes, beside = roles.visible(api, groups=False)
    except TroubleError as error:
        unknown["azure_changes"] = f"no evidence to be had: {error} (needed: {NEEDED})"
        return []
    told, troubles = roles.each(api.vendor, token, scopes, ask)
    left = "; ".join([*beside, *troubles, "reading, which no activity log has"])
    if not told:
        unknown["azure_changes"] = f"no evidence to be had: {left} (needed: {NEEDED})"
        return []
    unknown["azure_changes_elsewhere"] = f"not looked at: {left}"
    if out is None or out < earliest:
        unknown["azure_changes_before"] = f"no evidence kept before {begin[:10]}"
    events = {
        text_of(one, "eventDataId") or json.dumps(one, sort_keys=True): _event(one)
        for found in told.values()
        for one in found
    }
    looked = f"{count(len(events), 'event')} in {count(len(told), 'subscription')}"
    seen.append(api.seen("GET …/eventtypes/management/values of Azure Resource Manager", looked))
    return list(events.values())


def _event(one: Mapping[str, Any]) -> dict[str, Json]:
    request, status = one.get("httpRequest"), _value(one, "status")
    failed = status == "Failed"
    told: dict[str, Json] = {
        "at": text_of(one, "eventTimestamp"),
        "what": " ".join(
            part
            for part in (_value(one, "operationName") or "?", "refused" if failed else "")
            if part
        ),
        "who": "the application",
        "from": text_of(request, "clientIpAddress") if isinstance(request, dict) else None,
        "suspicious": not failed,
        "on": text_of(one, "resourceId"),
        "id": text_of(one, "eventDataId"),
    }
    return told | ({"why": "it changed something in Azure"} if not failed else {})


def _moment(text: str | None) -> datetime | None:
    """A time; None where it is not known."""
    try:
        return None if text is None else parse(text)
    except (ValueError, TypeError):
        return None


def _value(one: Mapping[str, Any], name: str) -> str | None:
    inner = one.get(name)
    return text_of(inner, "value") if isinstance(inner, dict) else None
