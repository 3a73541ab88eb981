"""Who else uses a value that lies in a CI/CD variable: other scopes of the project, its groups, the server.

GitLab shows a variable's value to who may write it, so it is compared with the leaked one, in memory. A hidden one
is shown to nobody: there the name alone tells, and it *may* be the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from remediate.http import HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.gitlab.server import HOW, Api
from remediate_providers.gitlab.variables import ANY, Home, listed, value_of
from remediate_providers.rest import TroubleError, mapping, segment, text_of


def around(
    target: Target,
    home: Home,
    leaked: Mapping[str, Secret],
    vendor: VendorContext,
    *,
    project: bool,
) -> Facts:
    """The variables that hold one of *leaked*, or may, beside those that *target* names."""
    found: list[Json] = []
    unknown: dict[str, str] = {}
    seen: list[Evidence] = []
    mine = {(home.path, name, home.scope) for name, _part in target.keys}
    names = {name for name, _part in target.keys}
    with Api(vendor) as api:
        own = api.own
        if own is None:
            return Facts({"uses": []}, {"uses": HOW})
        places = [(target.scheme, target.place.partition("@")[0], home)]
        if project:
            groups, why = _groups(api, own, target)
            places += groups
            if why:
                unknown["groups"] = why
        places.append(
            ("gitlab-instance", "all", Home("/admin/ci/variables", None, "", scoped=False))
        )
        for scheme, place, one in places:
            try:
                rows = list(listed(api, own, one))
            except TroubleError as error:
                unknown[f"{scheme}:{place}"] = str(error)
                continue
            seen.append(api.seen(f"GET {one.path}", f"200, {len(rows)} read"))
            for row in rows:
                name, scope = text_of(row, "key") or "?", text_of(row, "environment_scope") or ANY
                sure = value_of(row) in leaked.values()
                maybe = row.get("hidden") is True and name in names
                if (one.path, name, scope) in mine or not (sure or maybe):
                    continue
                spec = f"{scheme}:{place}" + ("" if scope == ANY else f"@{scope}") + f"#{name}"
                what = "a variable with its value" if sure else "a hidden variable of that name"
                found.append({"where": spec, "what": what, "sure": sure, "spec": spec})
    return Facts({"uses": found}, unknown, tuple(seen))


def _groups(api: Api, own: Secret, target: Target) -> tuple[list[tuple[str, str, Home]], str]:
    """The groups that the project lies in, the nearest first; why they are not known, else empty."""
    place = target.place.partition("@")[0]
    try:
        answer = api.ask("GET", f"/projects/{segment(place)}", own)
    except HttpError as error:
        return [], api.refusal(error)
    namespace = mapping(answer).get("namespace")
    if answer.status != 200 or not isinstance(namespace, dict):
        return [], api.refusal(answer)
    if namespace.get("kind") != "group":
        return [], ""
    parts = (text_of(namespace, "full_path") or "").split("/")
    paths = ["/".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return [
        ("gitlab-group", path, Home(f"/groups/{segment(path)}/variables", None, ""))
        for path in paths
    ], ""
