"""Workflow runs that failed while a secret's value was dead, with what runs each again.

Lists are read by when a run was created, and one may go on for 35 days, so that they begin as long before the death;
what it touched tells `Window`. Whether a run asks for the secret is read in its workflow's file as of its own commit.
A run that is repeated reads secrets anew, and can be for 30 days. ``created`` takes GitHub's search syntax.
https://docs.github.com/rest/actions/workflow-runs#list-workflow-runs-for-a-repository,
https://docs.github.com/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs,
https://docs.github.com/actions/reference/limits, https://cli.github.com/manual/gh_run_rerun
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

from remediate.http import Answer, HttpError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts
from remediate.plugins.reruns import FAILED, RUNNING, Job, Window, joined, told
from remediate.secret import Secret
from remediate.wording import count
from remediate_providers.github.secret_uses import asks_for
from remediate_providers.github.server import Api, Server
from remediate_providers.rest import mapping, number_of, objects, text_of

ENDS_AFTER = timedelta(days=35)
"""How long a run may go on, waiting for approvals included."""
PAGES = 10
"""GitHub lists 1,000 runs of a search at most."""
MOST_REPOSITORIES = 50
"""Repositories of an organisation that are looked into."""
MOST_FILES = 50
"""Workflow files, each at one commit, that are looked into."""
DEPENDABOT = "dependabot[bot]"

NO_RUNS = {
    "codespaces": (
        "open codespaces",
        "each keeps the old value until it is stopped and started, and no call lists everybody's",
    ),
    "agents": ("sessions of the coding agent", "which of them failed for it, no call tells"),
}
"""Whose secrets no workflow run reads: what does instead, and why it is not known."""

_STATUSES = (("failure", FAILED), ("timed_out", FAILED), ("in_progress", RUNNING))
_FILE = re.compile(r"(\.github/workflows/[^@]+\.ya?ml)(?:@.*)?")
_HANDED_ON = (
    (re.compile(r"(?m)^\s*secrets:\s*inherit\b"), "its workflow hands all secrets on"),
    # toJSON(secrets), secrets[format('…')]: which it is, only the run knows.
    (
        re.compile(r"\bsecrets\s*(?:\)|,|\[(?!\s*['\"]))"),
        "its workflow picks a secret while it runs",
    ),
)


class Shared(Protocol):
    """An organisation's secrets: `str` names them for people."""

    @property
    def path(self) -> str:
        """The address of their list."""
        ...


class Runs:
    """One look at one repository's runs. *app*: whose secret it is, ``actions`` or ``dependabot``."""

    def __init__(
        self, api: Api, own: Secret, repository: str, app: str, vendor: VendorContext
    ) -> None:
        owner, _, name = repository.partition("/")
        self._api, self._own, self._vendor = api, own, vendor
        self._repository, self._app = repository, app
        self._base = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"
        self._texts: dict[tuple[str, str], str | None] = {}
        self._unknown: dict[str, str] = {}
        self._evidence: list[Evidence] = []
        self._jobs: dict[int, Job] = {}
        self._failed = False
        self._forks = self._own_runs = 0

    def facts(self, names: Sequence[str], environment: str | None, window: Window) -> Facts:
        """The runs that *window* touches, whose workflows ask for one of *names*, or may."""
        for status, state in _STATUSES:
            try:
                self._listed(status, state, names, environment, window)
            except _UnreadError as error:
                self._failed = True
                self._unknown[f"runs of {self._repository}: {status}"] = str(error)
        if self._forks:
            self._unknown[f"{count(self._forks, 'failed run')} of forks"] = (
                "they are given secrets only where the repository's settings say so"
            )
        if self._own_runs:
            self._unknown[f"{count(self._own_runs, 'failed run')} of GitHub's own workflows"] = (
                "which secrets they are given, no call tells"
            )
        return told(list(self._jobs.values()), self._unknown, self._evidence, again=self._failed)

    def _listed(
        self,
        status: str,
        state: str,
        names: Sequence[str],
        environment: str | None,
        window: Window,
    ) -> None:
        created = f"{_second(window.start - ENDS_AFTER)}..{_second(window.end)}"
        read = 0
        for page in range(1, PAGES + 1):
            query = {"status": status, "created": created, "per_page": "100", "page": str(page)}
            answer = self._get("actions/runs", query)
            rows = mapping(answer).get("workflow_runs")
            if answer.status != 200 or not isinstance(rows, list):
                raise _UnreadError(self._api.refusal(answer))
            read += len(rows)
            for run in objects(rows):
                self._one(run, state, names, environment, window)
            if len(rows) < 100:
                break
        total = number_of(mapping(answer), "total_count") or 0
        if total > read:
            self._unknown[f"older runs of {self._repository}: {status}"] = (
                f"there are {total}, and GitHub lists {read}"
            )
        probe = f"GET {self._base}/actions/runs?status={status} at {self._api.server.host}"
        self._evidence.append(Evidence(probe, f"200, {read} read", self._vendor.now()))

    def _one(
        self,
        run: Mapping[str, Any],
        state: str,
        names: Sequence[str],
        environment: str | None,
        window: Window,
    ) -> None:
        number = number_of(run, "id")
        began, updated = text_of(run, "run_started_at"), text_of(run, "updated_at")
        ended = updated if state == FAILED else None
        if number is None or not window.touches(began or text_of(run, "created_at"), ended):
            return
        known = self._asked(run, names, environment)
        if known is None:
            return
        sure, why, by_hand = known
        title = text_of(run, "name") or text_of(run, "path") or "A workflow"
        branch = text_of(run, "head_branch")
        self._jobs[number] = Job(
            what=f"{title} on {branch}" if branch else title,
            id=number,
            state=state,
            began=began,
            ended=ended,
            page=f"{self._api.server.web}/{self._repository}/actions/runs/{number}",
            command=None if by_hand else command(self._api.server, self._repository, number),
            sure=sure,
            why=why,
        )

    def _asked(
        self, run: Mapping[str, Any], names: Sequence[str], environment: str | None
    ) -> tuple[bool, str, bool] | None:
        """(sure, why, only by its page) where *run* reads one of *names*, or may; None where it does not."""
        actor = run.get("actor")
        its_own = isinstance(actor, dict) and actor.get("login") == DEPENDABOT
        if its_own != (self._app == "dependabot"):
            return None  # Dependabot's runs read its secrets, and no others do
        path = text_of(run, "path") or ""
        if path.startswith("dynamic/"):
            if its_own:
                return False, "a run of Dependabot itself, which is given its secrets", True
            self._own_runs += 1
            return None
        head = run.get("head_repository")
        whose = head.get("full_name") if isinstance(head, dict) else None
        ours = whose is None or str(whose).lower() == self._repository.lower()
        if text_of(run, "event") == "pull_request" and not ours:
            self._forks += 1
            return None
        found = _FILE.fullmatch(path)
        text = self._text(found[1], text_of(run, "head_sha") or "") if found else None
        if text is None:
            return False, "its workflow's file could not be read", False
        asked = [name for name in names if asks_for(text, name)]
        if asked:
            sure = environment is None or environment.lower() in text.lower()
            why = f"its workflow asks for {', '.join(asked)}"
            return (
                (True, why, False)
                if sure
                else (False, f"{why}, by no name of {environment}", False)
            )
        return next(((False, why, False) for form, why in _HANDED_ON if form.search(text)), None)

    def _text(self, path: str, commit: str) -> str | None:
        """A workflow's file as of *commit*, else as it is now; None where it can't be had."""
        if (path, commit) not in self._texts:
            if len(self._texts) >= MOST_FILES:
                return None
            self._texts[path, commit] = None
            for query in ({"ref": commit}, None) if commit else (None,):
                try:
                    answer = self._get(f"contents/{quote(path)}", query)
                except _UnreadError:
                    break
                if answer.status != 404:
                    self._texts[path, commit] = _content(answer)
                    break
        return self._texts[path, commit]

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        try:
            return self._api.ask("GET", f"{self._base}/{path}", self._own, query=query)
        except HttpError as error:
            raise _UnreadError(self._api.refusal(error)) from None


def of_organisation(
    look: Callable[[str], Facts], api: Api, own: Secret, place: Shared, names: Sequence[str]
) -> Facts:
    """What *look* tells of each repository that is selected for a secret; of other sharing nothing is known."""
    selected: dict[str, None] = {}
    unknown: dict[str, str] = {}
    failed = False
    for name in names:
        try:
            given = _selected(api, own, f"{place.path}/{quote(name, safe='')}")
        except _UnreadError as error:
            failed = True
            unknown[f"who is given {name} of {place}"] = str(error)
            continue
        if given is None:
            why = "all of its repositories may be, and which ask for it, no call tells"
            unknown[f"who is given {name} of {place}"] = why
        else:
            selected |= dict.fromkeys(given)
    looks = [look(repository) for repository in list(selected)[:MOST_REPOSITORIES]]
    if len(selected) > MOST_REPOSITORIES:
        more = f"there are {len(selected)}; {MOST_REPOSITORIES} were looked into"
        unknown[f"other repositories of {place}"] = more
    return joined([told([], unknown, again=failed), *looks])


def _selected(api: Api, own: Secret, path: str) -> list[str] | None:
    """The repositories that are given the secret at *path*; None where they are not selected one by one."""

    def get(below: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        try:
            answer = api.ask("GET", path + below, own, query=query)
        except HttpError as error:
            raise _UnreadError(api.refusal(error)) from None
        if answer.status != 200:
            raise _UnreadError(api.refusal(answer))
        return mapping(answer)

    visibility = text_of(get(""), "visibility")
    if visibility not in ("all", "private", "selected"):
        raise _UnreadError(f"{api.server.host} did not say who may read it")
    if visibility != "selected":
        return None
    found: list[str] = []
    for page in range(1, PAGES + 1):
        rows = get("/repositories", {"per_page": "100", "page": str(page)}).get("repositories")
        if not isinstance(rows, list):
            raise _UnreadError(f"{api.server.host} did not list the repositories")
        found += [name for row in objects(rows) if (name := text_of(row, "full_name"))]
        if len(rows) < 100:
            break
    return found


def command(server: Server, repository: str, number: int) -> str:
    """What runs the failed jobs of a run again; with the host, where `gh` would not ask there by itself."""
    host = "" if server.public or server.loopback else f"{server.web.partition('://')[2]}/"
    return f"gh run rerun {number} --failed --repo {host}{repository}"


class _UnreadError(Exception):
    """A list that could not be had, in one sentence."""


def _content(answer: Answer) -> str | None:
    if answer.status != 200:
        return None
    try:
        text = base64.b64decode(text_of(mapping(answer), "content") or "").decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text or None


def _second(moment: datetime) -> str:
    """A moment as GitHub's search syntax has it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
