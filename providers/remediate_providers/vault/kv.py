"""``vault:MOUNT/PATH#KEY``: a secret of the KV version 2 engine, of Vault or OpenBao.

Written with check-and-set, its other keys kept, and read back. Older versions in which one of the keys has
another value are destroyed then, so that the leaked one can't be read from there any more.
https://openbao.org/api-docs/secret/kv/kv-v2/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediate.errors import Error, UsageError
from remediate.http import Answer, HttpError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate_providers.vault.server import HOW, Api, NoServerError, data_of, down, path_of, said

TRIES = 4
"""How often a write is begun anew where somebody else wrote in between."""
MOST_VERSIONS = 100
"""Older versions that are read at most; an engine keeps 10 unless told otherwise."""
_FORM = "vault:MOUNT/PATH#KEY, as in vault:secret/prod/app#API_KEY"


class _StopError(Exception):
    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class VaultKvStore:
    """Several keys of one secret are written together or not at all."""

    scheme = "vault"

    def validate(self, target: Target) -> None:
        """See `remediate.plugins.store.Store.validate`."""
        parts = target.place.split("/")
        if len(parts) < 2 or not all(part and part not in (".", "..") for part in parts):
            raise UsageError(
                f"{target.spec} names no secret of a KV engine.", hint=f"Write {_FORM}."
            )
        if not target.keys:
            raise UsageError(f"{target.spec} names no key of the secret.", hint=f"Write {_FORM}.")

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """See `remediate.plugins.store.Store.put`."""
        try:
            wanted = _texts(target, values)
            with Api(vendor) as api:
                own = api.responder.token
                if own is None:
                    raise _StopError(Status.REFUSED, f"it wants a token of yours: {HOW}")
                return _Writing(api, own, target).put(wanted)
        except _StopError as stop:
            return _refused(target, stop.status, stop.reason)
        except NoServerError as error:
            return _refused(target, Status.REFUSED, str(error))
        except Error as error:
            return _refused(target, Status.REFUSED, f"{error.message} {error.hint}".strip())

    def holds(
        self, target: Target, values: Mapping[str, Secret], vendor: VendorContext
    ) -> bool | None:
        """See `remediate.plugins.store.Store.holds`."""
        try:
            wanted = _texts(target, values)
            with Api(vendor) as api:
                if api.responder.token is None:
                    return None
                found, _version = _Writing(api, api.responder.token, target).read()
        except (_StopError, NoServerError, Error):
            return None
        return all(found.get(name) == text for name, text in wanted.items())


class _Writing:
    """One secret of one engine."""

    def __init__(self, api: Api, own: Secret, target: Target) -> None:
        self._api = api
        self._own = own
        self._target = target
        self._mount, self._path = self._split()

    def put(self, wanted: Mapping[str, str]) -> Outcome:
        """Write, read back, and destroy what is older."""
        written = False
        for _try in range(TRIES):
            found, version = self.read()
            if all(found.get(name) == text for name, text in wanted.items()):
                return self._ended(wanted, version, written=written)
            written = self._write({**found, **wanted}, version) or written
        raise _StopError(
            Status.UNKNOWN, "another program writes it at the same time, again and again"
        )

    def read(self, version: int | None = None) -> tuple[dict[str, Any], int]:
        """The data and the number of a version (the newest by default); empty where it has none."""
        query = None if version is None else {"version": str(version)}
        answer = self._ask("GET", "data", query=query)
        data = data_of(answer)
        metadata = data.get("metadata")
        if answer.status == 404 and not answer.limited:
            # Deleted or destroyed: its metadata is still told, and check-and-set counts from there.
            number = metadata.get("version") if isinstance(metadata, dict) else 0
            return {}, number if isinstance(number, int) else 0
        found = data.get("data")
        number = metadata.get("version") if isinstance(metadata, dict) else None
        if answer.status != 200 or not isinstance(found, dict) or not isinstance(number, int):
            raise self._stop(answer, "read")
        return found, number

    def _write(self, data: Mapping[str, Any], version: int) -> bool:
        """Whether it was written; False where somebody else was faster."""
        body = {"data": data, "options": {"cas": version}}
        try:
            # Check-and-set makes repeating harmless: a second one finds another version, and is refused.
            answer = self._ask("POST", "data", json=body, repeat=True)
        except _StopError as stop:
            if stop.status is not Status.UNKNOWN:
                raise
            return True  # lost on the way back: reading again will tell
        if answer.status == 200 and isinstance(data_of(answer).get("version"), int):
            return True
        if answer.status == 400 and "check-and-set" in said(answer):
            return False
        if answer.status == 200:
            return True
        raise self._stop(answer, "create and update")

    def _ended(self, wanted: Mapping[str, str], version: int, *, written: bool) -> Outcome:
        data: dict[str, Json] = {"version": version, "keys": list(wanted)}
        warnings: list[Json] = []
        destroyed = self._destroy_older(wanted, version, warnings)
        if destroyed:
            data["destroyed"] = list(destroyed)
        data["warnings"] = warnings
        spec, host = self._target.spec, self._api.host
        text = f"Wrote {spec} as version {version} and read it back"
        if not written:
            text = f"{spec} already holds the new value, as version {version}"
        if destroyed:
            text += f"; destroyed {len(destroyed)} older versions that held another one"
        probe = f"GET {self._mount}data/{self._path} at {host}"
        seen = Evidence(probe, f"version {version}, equal", self._api.vendor.now())
        status = Status.DONE if written or destroyed else Status.UNCHANGED
        return Outcome(status, text, evidence=(seen,), data=data)

    def _destroy_older(
        self, wanted: Mapping[str, str], version: int, warnings: list[Json]
    ) -> list[int]:
        """Destroy the older versions in which one of the keys has another value. A failure is a warning."""
        try:
            old = self._older(wanted, version)
            if not old:
                return []
            answer = self._ask("PUT", "destroy", json={"versions": old}, repeat=True)
            if answer.status not in (200, 204):
                raise self._stop(answer, "update (destroy)")
            # Read again: a gateway's answer is no proof.
            left = self._older(wanted, version)
        except _StopError as stop:
            warnings.append(
                "older versions may still hold the leaked value; destroy them: "
                f"vault kv destroy -versions=… ({stop.reason})"
            )
            return []
        if left:
            warnings.append(f"versions {', '.join(map(str, left))} still hold another value")
        return [number for number in old if number not in left]

    def _older(self, wanted: Mapping[str, str], version: int) -> list[int]:
        answer = self._ask("GET", "metadata")
        versions = data_of(answer).get("versions")
        if answer.status != 200 or not isinstance(versions, dict):
            raise self._stop(answer, "read (metadata)")
        found = []
        numbers = sorted((int(n) for n in versions if str(n).isdigit()), reverse=True)
        for number in [n for n in numbers if n < version][:MOST_VERSIONS]:
            told = versions[str(number)]
            if isinstance(told, dict) and told.get("destroyed") is True:
                continue
            if isinstance(told, dict) and told.get("deletion_time"):
                found.append(number)  # deleted, and a call away from being undeleted and read
                continue
            data, _number = self.read(number)
            if any(name in data and data[name] != text for name, text in wanted.items()):
                found.append(number)
        return sorted(found)

    def _split(self) -> tuple[str, str]:
        """The engine's mount, with its slash, and the path in it, as the server knows them."""
        place = self._target.place
        try:
            answer = self._api.ask("GET", f"sys/internal/ui/mounts/{path_of(place)}", self._own)
        except HttpError as error:
            raise _StopError(Status.UNREACHABLE, self._api.refusal(error)) from None
        if down(answer) and answer.status != 200:
            raise _StopError(Status.UNREACHABLE, self._api.refusal(answer))
        data = data_of(answer)
        mount, options = data.get("path"), data.get("options")
        if answer.status == 200 and not isinstance(mount, str):
            raise _StopError(Status.UNREACHABLE, self._api.refusal(answer))
        if answer.status != 200 or not isinstance(mount, str):
            # Not allowed to ask, or an old server: then the mount is what stands before the first slash.
            first, _, rest = place.partition("/")
            return f"{first}/", rest
        version = options.get("version") if isinstance(options, dict) else None
        if data.get("type") != "kv" or version != "2":
            raise _StopError(
                Status.REFUSED,
                f"{mount} is no KV engine of version 2, and without its check-and-set a write of "
                f"somebody else could be lost (vault kv enable-versioning {mount})",
            )
        return mount, place.removeprefix(mount)

    def _ask(
        self,
        method: str,
        kind: str,
        *,
        json: object | None = None,
        repeat: bool | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        path = f"{path_of(self._mount.rstrip('/'), kind, self._path)}"
        try:
            return self._api.ask(method, path, self._own, json=json, repeat=repeat, query=query)
        except HttpError as error:
            lost = error.sent and method == "POST"
            status = Status.UNKNOWN if lost else Status.UNREACHABLE
            raise _StopError(status, self._api.refusal(error)) from None

    def _stop(self, answer: Answer, needs: str) -> _StopError:
        reason = self._api.refusal(answer)
        if answer.status == 403 and not answer.limited:
            reason += f". Needed on {self._mount}data/{self._path}: {needs}"
        return _StopError(Status.UNREACHABLE if down(answer) else Status.REFUSED, reason)


def _texts(target: Target, values: Mapping[str, Secret]) -> dict[str, str]:
    try:
        assigned = target.assign(values)
    except KeyError as error:
        raise _StopError(
            Status.REFUSED,
            f"the credential has no part named {error.args[0]!r}; "
            f"its parts are: {', '.join(sorted(values))}",
        ) from None
    try:
        return {name: secret.reveal().decode() for name, secret in assigned.items()}
    except UnicodeDecodeError:
        raise _StopError(
            Status.REFUSED, "a KV engine holds text, and the new value is not UTF-8"
        ) from None


def _refused(target: Target, status: Status, reason: str) -> Outcome:
    return Outcome(status, f"{target.spec} was not written", reason=reason)
