"""Secrets that GitHub gives to workflows, to Dependabot and to codespaces.

``github-actions:OWNER/REPO#NAME`` and ``…:OWNER/REPO@ENVIRONMENT#NAME``, ``…:ORGANISATION#NAME``; the same
without environments under ``github-dependabot`` and ``github-codespaces``. A value is sealed with the place's
public key before it leaves, and can't be read back by anybody: that it arrived is proven by its
``updated_at``. https://docs.github.com/rest/actions/secrets, …/rest/dependabot/secrets,
…/rest/codespaces/organization-secrets
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from remediate.errors import UsageError
from remediate.http import Answer, HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Facts, Outcome, Status
from remediate.plugins.reruns import Window, told
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.wording import bent, count
from remediate_providers.github import responder
from remediate_providers.github.reruns import NO_RUNS, Runs, of_organisation
from remediate_providers.github.secret_uses import Uses
from remediate_providers.github.server import Api

LARGEST = 48 * 1024
"""Bytes of a value that GitHub takes (https://docs.github.com/actions/reference/limits)."""
TICK = 1.1
"""Seconds until ``updated_at``, which counts whole seconds, must have moved."""

_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,38})")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
MOST_REPOSITORIES = 1000
"""Selected repositories of an organisation's secret that are kept; GitHub itself allows fewer."""


@dataclass(frozen=True)
class Place:
    """Where secrets lie: a repository, an environment of it, or an organisation."""

    owner: str
    repository: str | None
    environment: str | None = None
    app: str = "actions"
    """Whom they are for: actions, agents, dependabot, codespaces."""

    @property
    def path(self) -> str:
        """The address of its secrets, without a slash at the end."""
        if self.repository is None:
            return f"/orgs/{quote(self.owner, safe='')}/{self.app}/secrets"
        base = f"/repos/{quote(self.owner, safe='')}/{quote(self.repository, safe='')}"
        if self.environment is None:
            return f"{base}/{self.app}/secrets"
        return f"{base}/environments/{quote(self.environment, safe='')}/secrets"

    @property
    def permission(self) -> str:
        """What a token needs here."""
        whose = {
            "agents": "Agent secrets",
            "dependabot": "Dependabot secrets",
            "codespaces": "Codespaces secrets",
        }.get(self.app, "Secrets" if self.environment is None else "Environments")
        if self.repository is None:
            whose = f"Organization {whose[0].lower()}{whose[1:]}"
            return f"a fine-grained token with {whose}: write, or a classic one with the scope admin:org"
        return (
            f"a fine-grained token with {whose}: write on it, or a classic one with the scope repo"
        )

    def __str__(self) -> str:
        name = f"{self.owner}/{self.repository}" if self.repository else self.owner
        name = name if self.environment is None else f"{name}@{self.environment}"
        return name if self.app == "actions" else f"{name} ({self.app})"


class ActionsSecretsStore:
    """Puts values where workflows read them as ``secrets.NAME``."""

    scheme = "github-actions"
    app = "actions"

    def validate(self, target: Target) -> None:
        """Raises `UsageError` where the place or a name is none that GitHub takes."""
        _place(target, self.app)
        if not target.keys:
            form = _forms(target.scheme)
            raise UsageError(f"{target.spec} names no secret.", hint=f"Write it as {form}.")
        for name, _part in target.keys:
            if not _NAME.fullmatch(name) or name.upper().startswith("GITHUB_"):
                raise UsageError(
                    f"{target.spec}: GitHub takes no secret named {name}.",
                    hint="Letters, digits and underscores, no digit first, and no GITHUB_ in front.",
                )

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """Seal and write each value. Several names are written one after the other: it is not atomic.

        Who may read an organisation's secret stays as it was; one that is not there is not made, for nobody
        told who should read it.
        """
        place = _place(target, self.app)
        wanted = target.assign(values)
        large = [name for name, value in wanted.items() if len(value.reveal()) > LARGEST]
        if large:
            reason = f"{', '.join(large)}: GitHub takes {LARGEST // 1024} KB at most"
            return Outcome(Status.REFUSED, f"Nothing was written to {place}", reason=reason)
        with Api(vendor) as api:
            own = responder.token(vendor, api.server)
            if own is None:
                reason = f"{place} wants a token of yours: {responder.HOW} ({place.permission})"
                return Outcome(Status.REFUSED, f"Nothing was written to {place}", reason=reason)
            return _Writing(api, place, own, vendor).all(wanted)

    def uses(
        self,
        target: Target,
        leaked: Mapping[str, Secret],  # noqa: ARG002
        vendor: VendorContext,
    ) -> Facts:
        """See `remediate.plugins.store.FindsUses`: by name, for GitHub shows no value."""
        place = _place(target, self.app)
        if place.repository is None:
            reason = "which workflows of its repositories ask for it, no call tells"
            return Facts({"uses": []}, {"workflows": reason})
        with Api(vendor) as api:
            own = responder.token(vendor, api.server)
            if own is None:
                return Facts({"uses": []}, {"uses": f"a token of yours reads it: {responder.HOW}"})
            around = Uses(api, own, f"{place.owner}/{place.repository}", vendor)
            return around.facts([name for name, _part in target.keys], str(place))

    def reruns(self, target: Target, window: Window, vendor: VendorContext) -> Facts:
        """See `remediate.plugins.reruns.FindsReruns`: workflow runs that read them."""
        place = _place(target, self.app)
        if self.app in NO_RUNS:
            return told([], dict([NO_RUNS[self.app]]))
        names = [name for name, _part in target.keys]
        with Api(vendor) as api:
            own = responder.token(vendor, api.server)
            if own is None:
                why = f"a token of yours reads them: {responder.HOW}"
                return told([], {"workflow runs": why}, again=True)

            def look(repository: str) -> Facts:
                runs = Runs(api, own, repository, self.app, vendor)
                return runs.facts(names, place.environment, window)

            if place.repository is None:
                return of_organisation(look, api, own, place, names)
            return look(f"{place.owner}/{place.repository}")

    def holds(
        self,
        target: Target,  # noqa: ARG002
        values: Mapping[str, Secret],  # noqa: ARG002
        vendor: VendorContext,  # noqa: ARG002
    ) -> bool | None:
        """None: GitHub shows a secret's value to nobody."""
        return None


class DependabotSecretsStore(ActionsSecretsStore):
    """Puts values where Dependabot reads them, for registries and for the workflows that it starts."""

    scheme = "github-dependabot"
    app = "dependabot"


class CodespacesSecretsStore(ActionsSecretsStore):
    """Puts values where codespaces get them as environment variables."""

    scheme = "github-codespaces"
    app = "codespaces"


class AgentsSecretsStore(ActionsSecretsStore):
    """Puts values where Copilot's coding agent gets them as environment variables."""

    scheme = "github-agents"
    app = "agents"


class _StopError(Exception):
    """A call that ends the writing."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class _Writing:
    """One `put`: what was written so far, and what was seen."""

    def __init__(self, api: Api, place: Place, own: Secret, vendor: VendorContext) -> None:
        self._api = api
        self._place = place
        self._own = own
        self._vendor = vendor
        self._evidence: list[Evidence] = []
        self._written: dict[str, Json] = {}

    def all(self, wanted: Mapping[str, Secret]) -> Outcome:
        """Write each, and say what came of it."""
        try:
            key_id, key = self._public_key()
            for name, value in wanted.items():
                self._one(name, _seal(value, key), key_id)
        except _StopError as stop:
            done = ", ".join(self._written) or "Nothing"
            return Outcome(
                stop.status,
                f"{done} was written to {self._place}, and no more",
                reason=stop.reason,
                evidence=tuple(self._evidence),
                data={"updated_at": self._written},
            )
        names = ", ".join(self._written)
        going_on = self._going_on()
        also = (
            f"; {count(len(going_on), 'run')} {bent(len(going_on), 'goes', 'go')} on with the old value"
            if going_on
            else ""
        )
        return Outcome(
            Status.DONE,
            f"Wrote {names} to {self._place}. GitHub shows no value; it says when each was "
            f"updated{also}",
            evidence=tuple(self._evidence),
            data={"updated_at": self._written, **({"running": going_on} if going_on else {})},
        )

    def _going_on(self) -> list[Json]:
        """Workflow runs that began before, and so hold the old value; none where GitHub does not tell.

        https://docs.github.com/rest/actions/workflow-runs (Actions: read)
        """
        if self._place.repository is None or self._place.app != "actions":
            return []
        base = f"/repos/{_quoted(self._place.owner)}/{_quoted(self._place.repository)}"
        query = {"status": "in_progress", "per_page": "100"}
        try:
            answer = self._api.ask("GET", f"{base}/actions/runs", self._own, query=query)
        except HttpError:
            return []
        data = answer.json()
        rows = data.get("workflow_runs") if isinstance(data, dict) else None
        if answer.status != 200 or not isinstance(rows, list):
            return []
        return [
            {"run": row.get("id"), "workflow": row.get("name"), "page": row.get("html_url")}
            for row in rows
            if isinstance(row, dict)
        ]

    def _public_key(self) -> tuple[str, bytes]:
        answer = self._call("GET", "public-key")
        data = answer.json()
        if answer.status == 200 and isinstance(data, dict):
            try:
                key = base64.b64decode(str(data["key"]), validate=True)
            except (KeyError, ValueError, binascii.Error):
                key = b""
            if len(key) == 32 and data.get("key_id"):
                return str(data["key_id"]), key
        if answer.status == 200:
            raise _StopError(
                Status.UNREACHABLE, f"{self._api.server.host} gave no usable public key"
            )
        raise self._stop(answer)

    def _one(self, name: str, sealed: str, key_id: str) -> None:
        before = self._updated(name)
        sharing = self._sharing(name)
        body: dict[str, object] = {"encrypted_value": sealed, "key_id": key_id, **sharing}
        after = self._write(name, body)
        if (
            before is not None
            and after is not None
            and after <= before
            and self._api.patience.wait(TICK)
        ):
            # Within the same second of GitHub's clock nothing is proven. Writing again is harmless.
            after = self._write(name, body)
        if after is None or (before is not None and after <= before):
            raise _StopError(
                Status.UNKNOWN,
                f"GitHub took {name}, but its updated_at did not move: "
                "look whether something else holds it",
            )
        if self._sharing(name) != sharing:
            raise _StopError(
                Status.UNKNOWN,
                f"GitHub took {name}, but who may read it is not what it was: look at {self._place}",
            )
        self._written[name] = after
        self._evidence.append(
            Evidence(
                f"GET {self._place.path}/{name} at {self._api.server.host}",
                f"updated_at {after}, before {before or 'there was none'}",
                self._vendor.now(),
            )
        )

    def _write(self, name: str, body: Mapping[str, object]) -> str | None:
        answer = self._call("PUT", _quoted(name), body)
        if answer.status not in (201, 204):
            raise self._stop(answer)
        return self._updated(name)

    def _updated(self, name: str) -> str | None:
        """When the secret was last written (RFC 3339, whole seconds); None where there is none."""
        data = self._known(name)
        return None if data is None else str(data.get("updated_at", ""))

    def _sharing(self, name: str) -> dict[str, object]:
        """Who may read an organisation's secret, as a PUT takes it; nothing for a repository's own."""
        if self._place.repository is not None:
            return {}
        data = self._known(name)
        if data is None:
            raise _StopError(
                Status.REFUSED,
                f"{self._place} has no secret {name}, and who should read a new one is not known: "
                "create it once by hand with the repositories that need it, then: remediate resume",
            )
        visibility = data.get("visibility")
        if visibility not in ("all", "private", "selected"):
            raise _StopError(Status.UNREACHABLE, f"GitHub did not say who may read {name}")
        if visibility != "selected":
            return {"visibility": visibility}
        return {"visibility": visibility, "selected_repository_ids": self._selected(name)}

    def _selected(self, name: str) -> list[int]:
        """The ids of the repositories that an organisation's secret is for."""
        ids: list[int] = []
        page = 1
        while True:
            query = {"per_page": "100", "page": str(page)}
            answer = self._call("GET", f"{_quoted(name)}/repositories", query=query)
            data = answer.json()
            if answer.status != 200 or not isinstance(data, dict):
                raise self._stop(answer)
            found, total = data.get("repositories"), data.get("total_count")
            if not isinstance(found, list) or not isinstance(total, int):
                raise _StopError(Status.UNREACHABLE, f"GitHub did not say who may read {name}")
            ids += [one["id"] for one in found if isinstance(one, dict)]
            if len(ids) >= total or not found:
                return sorted(ids)
            if len(ids) > MOST_REPOSITORIES:
                raise _StopError(
                    Status.REFUSED, f"{name} is for more than {MOST_REPOSITORIES} repositories"
                )
            page += 1

    def _known(self, name: str) -> Mapping[str, object] | None:
        """All that GitHub tells of a secret; None where there is none."""
        answer = self._call("GET", _quoted(name))
        if answer.status == 404:
            return None
        data = answer.json()
        if answer.status != 200 or not isinstance(data, dict):
            raise self._stop(answer)
        return data

    def _call(
        self,
        method: str,
        name: str,
        json: Mapping[str, object] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        path = f"{self._place.path}/{name}"
        try:
            # Writing the same value twice is harmless.
            return self._api.ask(method, path, self._own, repeat=True, json=json, query=query)
        except HttpError as error:
            raise _StopError(Status.UNREACHABLE, self._api.refusal(error)) from None

    def _stop(self, answer: Answer) -> _StopError:
        reason = self._api.refusal(answer)
        if answer.status == 401:
            reason += ". Your own token may be the one that was just revoked: " + responder.HOW
        elif answer.status in (403, 404) and not answer.limited:
            reason += f". Needed on {self._place}: {self._place.permission}"
        down = answer.status >= 500 or answer.limited or answer.status == 200
        return _StopError(Status.UNREACHABLE if down else Status.REFUSED, reason)


def _seal(value: Secret, key: bytes) -> str:
    """The value as a libsodium sealed box for *key*, base64."""
    from nacl.public import PublicKey, SealedBox

    return base64.b64encode(SealedBox(PublicKey(key)).encrypt(value.reveal())).decode()


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _forms(scheme: str) -> str:
    return (
        f"{scheme}:OWNER/REPO#NAME, "
        + (f"{scheme}:OWNER/REPO@ENVIRONMENT#NAME " if scheme == "github-actions" else "")
        + f"or {scheme}:ORGANISATION#NAME"
    )


def _place(target: Target, app: str) -> Place:
    name, at, environment = target.place.partition("@")
    owner, slash, repository = name.partition("/")
    whole = _OWNER.fullmatch(owner) and (not slash or _REPOSITORY.fullmatch(repository))
    no_environment = at and (not environment or not slash or app != "actions")
    if not whole or repository in (".", "..") or no_environment:
        raise UsageError(
            f"{target.spec} names no repository that can be on GitHub.",
            hint=f"Write it as {_forms(target.scheme)}.",
        )
    return Place(owner, repository if slash else None, environment if at else None, app)
