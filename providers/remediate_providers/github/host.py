"""GitHub as a git host: what a push meets and sets off there, and what only its support can remove."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from urllib.parse import urlsplit

from remediate.errors import UsageError, VendorError
from remediate.model import ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.host import Change, Copies, SupportCase
from remediate.plugins.outcome import Evidence, Facts, Outcome, Status
from remediate_providers.github import host_copies
from remediate_providers.github import host_guards as guards
from remediate_providers.github import host_merging as merging
from remediate_providers.github import host_secrets as scanning
from remediate_providers.github import host_triggers as triggers
from remediate_providers.github.host_look import look
from remediate_providers.github.host_talk import Talk, repository
from remediate_providers.github.server import Server
from remediate_providers.rest import mapping

SUPPORT = "https://support.github.com/request"
"""Where the documentation sends one ("contact us through the GitHub Support portal"):
https://docs.github.com/authentication/keeping-your-account-and-data-secure/removing-sensitive-data-from-a-repository"""

_ALERT = re.compile(
    r"https?://[^/]+/(?:(?:api/v3/)?repos/)?(?P<owner>[^/]+)/(?P<name>[^/]+)"
    r"/(?:security/secret-scanning|secret-scanning/alerts)/(?P<number>\d+)"
)

_Act = Callable[[Talk, Change], Outcome]
_LIFT: Mapping[str, _Act] = {
    "ruleset": guards.lift_ruleset,
    "protection": guards.lift_protection,
    "workflow": lambda talk, change: triggers.set_workflow(talk, change, paused=True),
    "hook": lambda talk, change: triggers.set_hook(talk, change, paused=True),
    "auto-merge": lambda talk, _change: triggers.set_auto_merge(talk, off=True),
    "merges-itself": lambda talk, change: merging.set_merging(talk, change, off=True),
    "queued": lambda talk, change: merging.set_merging(talk, change, off=True),
    "push-protection": lambda talk, _change: scanning.set_all(
        talk, dict.fromkeys(scanning.NAMES, "enabled")
    ),
}
_PUT_BACK: Mapping[str, _Act] = {
    "ruleset": guards.put_back_ruleset,
    "protection": guards.put_back_protection,
    "workflow": lambda talk, change: triggers.set_workflow(talk, change, paused=False),
    "hook": lambda talk, change: triggers.set_hook(talk, change, paused=False),
    "auto-merge": lambda talk, _change: triggers.set_auto_merge(talk, off=False),
    "merges-itself": lambda talk, change: merging.set_merging(talk, change, off=False),
    "queued": lambda talk, change: merging.set_merging(talk, change, off=False),
    "push-protection": lambda talk, change: scanning.set_all(talk, change.before),
}


class GitHubHost:
    """github.com, or the server that ``GITHUB_API_URL`` names."""

    name = "github"

    def matches(self, url: str, vendor: VendorContext) -> bool:
        """See `Host`."""
        try:
            return repository(url, Server.of(vendor.environment)) is not None
        except UsageError:
            return False

    def look(self, url: str, refs: Sequence[str], vendor: VendorContext) -> Facts:
        """See `Host`."""
        try:
            with Talk(url, vendor) as talk:
                return look(talk, refs)
        except VendorError as error:
            return Facts(unknown={"GitHub's view of the push": error.message})

    def changes(self, url: str, refs: Sequence[str], vendor: VendorContext) -> Sequence[Change]:
        """See `Lifts`. Guards last to be lifted and first to be put back."""
        found: list[Change] = []
        with Talk(url, vendor) as talk:
            about = talk.get("")
            with contextlib.suppress(VendorError):
                # Told by `look`; what can be done without GraphQL is done all the same.
                found += merging.merging_changes(talk, refs)
            found += triggers.auto_merge_changes(about)
            found += triggers.workflow_changes(talk)
            found += triggers.hook_changes(talk)
            found += guards.ruleset_changes(talk, refs, guards.default_branch(about))
            found += guards.protection_changes(talk, refs)
        return found

    def lift(self, url: str, change: Change, vendor: VendorContext) -> Outcome:
        """See `Lifts`."""
        return _act(_LIFT, "lifted", url, change, vendor)

    def put_back(self, url: str, change: Change, vendor: VendorContext) -> Outcome:
        """See `Lifts`."""
        return _act(_PUT_BACK, "put back", url, change, vendor)

    def unguarded(self, url: str, vendor: VendorContext) -> Change | None:
        """See `Guards`."""
        with Talk(url, vendor) as talk:
            return scanning.off(talk)

    def guard(self, url: str, change: Change, vendor: VendorContext) -> Outcome:
        """See `Guards`."""
        return _act(_LIFT, "switched on", url, change, vendor)

    def unguard(self, url: str, change: Change, vendor: VendorContext) -> Outcome:
        """See `Guards`."""
        return _act(_PUT_BACK, "put back", url, change, vendor)

    def still_served(
        self, url: str, ids: Sequence[str], vendor: VendorContext
    ) -> Mapping[str, bool | None]:
        """See `ServesById`: ``GET /commits/{id}`` shows what the pages show, pull requests' and forks' too."""
        shown: dict[str, bool | None] = {}
        with Talk(url, vendor) as talk:
            for oid in ids:
                answer = talk.ask("GET", f"/commits/{oid}")
                gone = answer.status in (404, 409, 422)
                shown[oid] = True if answer.status == 200 else False if gone else None
        return shown

    def copies(
        self, url: str, old: Collection[str], refs: Sequence[str], vendor: VendorContext
    ) -> Copies:
        """See `KeepsCopies`."""
        try:
            with Talk(url, vendor) as talk:
                return host_copies.copies(talk, old, refs)
        except VendorError as error:
            return Copies((), host_copies.HOW, {"copies beside git": error.message})

    def wiki(self, address: str) -> str:
        """See `KeepsCopies`: ``OWNER/NAME.wiki.git``."""
        return address.rstrip("/").removesuffix(".git") + ".wiki.git"

    def read_alert(self, alert: str, vendor: VendorContext) -> bytes | None:
        """See `ReadsAlerts`: the alert with all its locations, as the format ``github-alerts`` reads it."""
        found = _ALERT.match(alert)
        server = Server.of(vendor.environment)
        if found is None or urlsplit(alert).netloc.lower() not in (
            urlsplit(server.web).netloc.lower(),
            urlsplit(server.api).netloc.lower(),
        ):
            return None
        with Talk(f"{server.web}/{found['owner']}/{found['name']}", vendor) as talk:
            path = f"/secret-scanning/alerts/{found['number']}"
            report = {**talk.get(path), "locations": list(talk.every(f"{path}/locations"))}
        return json.dumps(report).encode()

    def close_alert(self, url: str, alert: str, why: str, vendor: VendorContext) -> Outcome | None:
        """See `ClosesAlerts`: resolved as revoked, which is what it is, and called inactive."""
        found = _ALERT.match(alert)
        if found is None:
            return None
        with Talk(url, vendor) as talk:
            if (found["owner"].lower(), found["name"].lower()) != (
                talk.owner.lower(),
                talk.name.lower(),
            ):
                return None
            path = f"/secret-scanning/alerts/{found['number']}"
            said = f"alert {found['number']} of {talk}"
            body = {"state": "resolved", "resolution": "revoked", "resolution_comment": why[:280]}
            # No GitHub Enterprise Server's description up to 3.19 has the validity.
            more = {} if talk.api.server.self_hosted else {"validity": "inactive"}
            summary = f"The {said} was not closed"
            try:
                answer = talk.ask("PATCH", path, {**body, **more})
                if answer.status == 422 and more:
                    # Where GitHub checks a kind itself, its own word on it may stand.
                    answer = talk.ask("PATCH", path, body)
            except VendorError as error:
                return Outcome(Status.UNREACHABLE, summary, reason=error.message)
            if answer.status != 200:
                return talk.refused(summary, answer)
            data = mapping(answer)
            saw = ", ".join(f"{name}={data.get(name)}" for name in ("state", "validity"))
            evidence = Evidence(f"PATCH {talk.root}{path}", saw, talk.vendor.now())
            return Outcome(Status.DONE, f"Closed {said} as revoked", evidence=(evidence,))

    def support(self, case: SupportCase) -> ManualStep:
        """See `HasSupport`. What they ask for is on the page that `SUPPORT` names."""
        name = "/".join(case.url.removesuffix(".git").replace(":", "/").split("/")[-2:])
        lines = [
            "Subject: Removal of sensitive data from a repository",
            f"Repository: {name}",
            f"Affected pull requests: {case.pulls}",
            f"First changed commit(s): {', '.join(case.first_changed) or 'none'}",
        ]
        if case.lfs_orphans:
            lines.append(f"Orphaned LFS objects: {', '.join(case.lfs_orphans)}")
        if case.served:
            lines.append(f"Still served by id: {', '.join(case.served)}")
        lines.append(
            "The history was rewritten and force-pushed; the credential is revoked. Please dereference "
            "or delete the pull requests' references to the commits above, run garbage collection on "
            "the server, and remove cached views."
        )
        return ManualStep(
            id="github-support",
            title="Ask GitHub's support to remove what no push can",
            why="GitHub keeps old commits for pull requests and in caches; nobody else can remove them.",
            url=SUPPORT,
            instructions=(
                *lines,
                "GitHub may decline where revoking the credential is remedy enough; it is revoked.",
                "When they have answered: remediate resume",
            ),
            check="remediate asks for the old commits by id once more.",
        )


def _act(
    table: Mapping[str, _Act], said: str, url: str, change: Change, vendor: VendorContext
) -> Outcome:
    act = table.get(change.id.partition("/")[0])
    summary = f"{change.id} was not {said}"
    if act is None:
        return Outcome(Status.UNKNOWN, summary, reason="this version knows no such thing")
    try:
        with Talk(url, vendor) as talk:
            return act(talk, change)
    except VendorError as error:
        return Outcome(Status.UNREACHABLE, summary, reason=error.message)
