"""The table's local vendor: one server that plays every row's vendor, with that row's own statuses.

It knows credentials that were issued here, and ends them as the real ones do: by the call that the row names,
asked with a credential that may. How it answers is its own; what it is asked is the row's.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from remediate.model import ManualStep
from remediate.plugins.local import Planted
from remediate.secret import Secret
from remediate_providers.loopback import Fault, Loopback, Reply, Request
from remediate_providers.table.calls import Ask, Calls
from remediate_providers.table.rows import BY_KIND, CALLS

LEAKED = "buildkite-token"
"""What the demo and the end-to-end tests leak."""
_HOLE = re.compile(r"\\?\{(\w+)\\?\}")


@dataclass
class Issued:
    """A credential that was issued here."""

    kind: str
    value: Secret
    id: str
    facts: Mapping[str, object] = field(default_factory=dict)
    dies: float | None = None
    """When it stops working, on `time.monotonic`."""

    @property
    def dead(self) -> bool:
        """Whether it is refused now."""
        return self.dies is not None and self.dies <= time.monotonic()


class LocalTable:
    """Starts one. *lag*: seconds for which an ended credential still works."""

    name = "table"

    def __init__(self, lag: float = 0.1) -> None:
        self._lag = lag

    def start(self) -> RunningTable:
        """Up and answering when this returns."""
        return RunningTable(self._lag)


class RunningTable:
    """A local vendor that is up. `issued` is its truth."""

    name = "table"

    def __init__(self, lag: float) -> None:
        self.issued: list[Issued] = []
        self._lag = lag
        self._lock = threading.RLock()
        self._own = {name: secrets.token_urlsafe(20) for c in CALLS.values() for name in c.own}
        self._needs = {name: secrets.token_hex(8) for c in CALLS.values() for name in c.needs}
        self._server = Loopback(self._answer, "table")
        self.requests = self._server.requests
        """Every request so far, in order."""

    # -- what a test and the demo do with it -----------------------------------------------------

    def environment(self) -> Mapping[str, str]:
        """Every vendor's address here, and the responder's own credentials."""
        addresses = {c.address: f"{self._server.url}/{_vendor(c)}" for c in CALLS.values()}
        return {**addresses, **self._own, **self._needs}

    def issue(self, kind: str, value: Secret, **facts: object) -> Issued:
        """Issue *value*."""
        calls = CALLS[kind]
        told = calls.parts(value) if calls.parts is not None else {}
        made = Issued(kind, value, told.get("id") or secrets.token_hex(12), facts)
        with self._lock:
            self.issued.append(made)
        return made

    def plant(self) -> Planted:
        """A token of a build service in a script."""
        value = Secret("bkua_" + secrets.token_hex(20))
        self.issue(LEAKED, value, scopes=["read_builds"], owner="ci@acme.example")
        return Planted(
            files={"ci/trigger.sh": f"#!/bin/sh\nTOKEN={value.reveal_text()}\n"},
            values={"value": value},
            policy='[[credential]]\nmatch = "table"\nstores = ["dotenv:.env.ci#BUILDKITE_TOKEN"]\n',
        )

    def is_dead(self, values: Mapping[str, Secret]) -> bool:
        """Whether every one of *values* is refused now."""
        return all(one is None or one.dead for one in map(self._of, values.values()))

    def person(self, step: ManualStep) -> Secret | None:
        """A person at the vendor's page: makes a new token of the same service."""
        if not step.takes_value or not step.id.startswith("replace-buildkite-"):
            return None
        value = Secret("bkua_" + secrets.token_hex(20))
        self.issue(LEAKED, value)
        return value

    def fail(self, method: str, path: str, *faults: Fault) -> None:
        """Let the next requests of that method and path go wrong, in order."""
        self._server.fail(method, path, *faults)

    def end(self, value: Secret) -> None:
        """A person ends it at the vendor's page."""
        one = self._of(value)
        if one is not None and one.dies is None:
            one.dies = time.monotonic() + self._lag

    def close(self) -> None:
        """Stop."""
        self._server.close()

    def _of(self, value: Secret) -> Issued | None:
        with self._lock:
            return next((one for one in self.issued if one.value == value), None)

    # -- answering -------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Reply:
        vendor, _, rest = request.path.removeprefix("/").partition("/")
        path = f"/{rest}"
        wrong: Reply | None = None
        for kind, calls in CALLS.items():
            if _vendor(calls) != vendor:
                continue
            for name, ask in _asks(calls):
                found = _match(ask, path, request)
                if found is None:
                    continue
                reply = self._serve(kind, calls, name, ask, found, request)
                if reply is not None and reply.status != 404:
                    return reply
                # Another kind of the same vendor may have the same call.
                wrong = wrong or reply or _refused(calls)
        return wrong or Reply(404, {"message": "Not Found"})

    def _serve(
        self,
        kind: str,
        calls: Calls,
        name: str,
        ask: Ask,
        found: Mapping[str, str],
        request: Request,
    ) -> Reply | None:
        """The answer to one call; None where whoever asks may not."""
        asking = self._asking(kind, calls, ask, request)
        if asking is None:
            return None
        if name == "check":
            one = self._meant(kind, found, request) if ask.who == "own" else asking
            if not isinstance(one, Issued) or one.dead:
                return _refused(calls)
            return Reply(min(calls.check.alive), _told(calls, one))
        if name == "lookup":
            return Reply(200, self._listed(kind, calls, asking))
        if name == "revoke":
            one = self._meant(kind, found, request)
            if one is None and isinstance(asking, Issued) and "{" not in ask.path:
                one = asking
            if one is None:
                return Reply(404, {"message": "Not Found"})
            one.dies = one.dies or time.monotonic() + self._lag
            return Reply(min(ask.good), {})
        return self._renewed(kind, calls, name, found, request)

    def _asking(self, kind: str, calls: Calls, ask: Ask, request: Request) -> Issued | bool | None:
        """The living credential that a request came with, True for the responder's own or for nobody."""
        if ask.who == "nobody":
            return None if "Authorization" in request.headers else True
        sent = _sent(request)
        if not ask.auth and ask.form is not None:
            sent += "\n" + "\n".join(request.form().values())
        own = [self._own[name] for name in calls.own]
        if own and own[-1] in sent and ask.who != "leaked":
            return True
        with self._lock:
            return next(
                (
                    one
                    for one in self.issued
                    if one.kind == kind and not one.dead and one.value.reveal_text() in sent
                ),
                None,
            )

    def _meant(self, kind: str, found: Mapping[str, str], request: Request) -> Issued | None:
        """The credential that a call is about: by its id, or its value."""
        body = request.body.decode("utf-8", "replace")
        with self._lock:
            for one in self.issued:
                value = one.value.reveal_text()
                if one.kind == kind and (
                    one.id in found.values()
                    or value in found.values()
                    or value in body
                    or value.endswith(found.get("hook", "\0"))
                ):
                    return one
        return None

    def _listed(self, kind: str, calls: Calls, asking: Issued | bool) -> object:
        lookup = calls.lookup
        assert lookup is not None
        if not lookup.shows:
            assert isinstance(asking, Issued)
            return _nested({lookup.id: asking.id})
        with self._lock:
            entries: list[object] = [
                _nested({lookup.id: one.id, lookup.shows: _shown(one, lookup.fits)})
                for one in self.issued
                if one.kind == kind and not one.dead
            ]
        return _nested({lookup.entries: entries}) if lookup.entries else entries

    def _renewed(
        self, kind: str, calls: Calls, name: str, found: Mapping[str, str], request: Request
    ) -> Reply:
        renew = calls.renew
        assert renew is not None
        with self._lock:
            if name == "ids":
                living = [one for one in self.issued if one.kind == kind and not one.dead]
                entries: list[object] = [_nested({renew.entry: one.id}) for one in living]
                return Reply(200, _nested({renew.entries: entries}))
            if name == "drop":
                meant = next((one for one in self.issued if one.id == found.get("id")), None)
                if meant is None:
                    return Reply(404, {"message": "Not Found"})
                meant.dies = time.monotonic()
                return Reply(min(renew.drop.good))
        asked = request.json()
        facts = {copy: asked.get(copy) for copy in renew.copies}
        if not all(facts.values()):
            return Reply(400, {"message": f"{', '.join(renew.copies)} missing"})
        value = _new(kind)
        one = self.issue(kind, value, **facts)
        return Reply(
            min(renew.ask.good), _nested({renew.value: value.reveal_text(), renew.id: one.id})
        )


def _vendor(calls: Calls) -> str:
    """The first part of a path here: one for each address that can be set."""
    return calls.address.lower()


def _asks(calls: Calls) -> Sequence[tuple[str, Ask]]:
    asks = [("check", calls.check.ask)]
    if calls.lookup is not None:
        asks.append(("lookup", calls.lookup.ask))
    if calls.revoke is not None:
        asks.append(("revoke", calls.revoke))
    if calls.renew is not None:
        renew = calls.renew
        asks += [("renew", renew.ask), ("ids", renew.ids), ("drop", renew.drop)]
    return asks


def _match(ask: Ask, path: str, request: Request) -> Mapping[str, str] | None:
    """The names in *ask*'s path as the request fills them; None for another call."""
    if ask.method != request.method:
        return None
    pattern = _HOLE.sub(
        lambda hole: (
            f"(?P<{hole[1]}>api/webhooks/.+)" if hole[1] == "hook" else f"(?P<{hole[1]}>[^/]+?)"
        ),
        re.escape(ask.path),
    )
    found = re.fullmatch(pattern, path)
    if found is None or (ask.json is None) != (not request.body or ask.form is not None):
        return None
    query = ask.json.get("query") if ask.json is not None else None
    if query is not None and (request.json() or {}).get("query") != query:
        return None
    return {name: unquote(text) for name, text in found.groupdict().items()}


def _sent(request: Request) -> str:
    """Everything of a request that may say who asks."""
    basic = ""
    for text in request.headers.values():
        if text.startswith("Basic "):
            basic = base64.b64decode(text.removeprefix("Basic ")).decode()
    headers = "\n".join(
        text
        for name, text in request.headers.items()
        if name.lower() not in ("host", "user-agent", "content-type")
    )
    query = "\n".join(text for texts in request.query.values() for text in texts)
    # A webhook's credential is its address, a bot's stands in it.
    address = "https://discord.com/" + unquote(request.path).partition("/api/")[2]
    hook = address.replace("https://discord.com/", "https://discord.com/api/")
    return "\n".join((headers, basic, query, unquote(request.path), hook))


def _refused(calls: Calls) -> Reply:
    """As the row says that a dead one is answered."""
    said: dict[str, object] = {"message": "refused"}
    words = calls.check.dead_says
    if words:
        said = (
            json.loads("{" + words[0] + "}")
            if words[0].startswith('"')
            else {"message": words[0], "code": words[0]}
        )
    return Reply(max(calls.check.dead) if not words else min(calls.check.dead), said)


def _told(calls: Calls, one: Issued) -> object:
    """A living credential's answer: the facts that the row reads, and the words that it looks for."""
    data = {path: one.facts.get(name, f"{name}-of-it") for name, path in calls.check.tells.items()}
    if calls.lookup is not None and not calls.lookup.shows:
        data[calls.lookup.id] = one.id
    for word in calls.check.alive_says[:1]:
        name, colon, value = word.partition(":")
        if colon:
            data.setdefault(name.strip('"'), json.loads(value))
        else:
            data.setdefault(name.strip('"'), name.strip('"'))
    return _nested(data)


def _shown(one: Issued, fits: str) -> str:
    text = one.value.reveal_text()
    return {
        "equal": text,
        "start": text[:8],
        "end": text[-4:],
        "ends": f"{text[:8]}...{text[-4:]}",
    }[fits]


def _nested(flat: Mapping[str, object]) -> dict[str, object]:
    """``{"a.b": 1}`` as ``{"a": {"b": 1}}``."""
    data: dict[str, object] = {}
    for path, value in flat.items():
        *parents, last = path.split(".")
        inner = data
        for name in parents:
            nested = inner.setdefault(name, {})
            assert isinstance(nested, dict)
            inner = nested
        inner[last] = value
    return data


def _new(kind: str) -> Secret:
    """A new value of *kind*; only what is reissued by call can be made here."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

    def some(length: int) -> str:
        return "".join(secrets.choice(letters) for _ in range(length))

    value = Secret(
        {
            "sendgrid-api-key": f"SG.{some(22)}.{some(43)}",
            "dynatrace-token": f"dt0c01.{some(24)}.{some(64)}",
            "tailscale-auth-key": f"tskey-auth-{some(12)}-{some(32)}",
        }[kind]
    )
    assert BY_KIND[kind].pattern.fullmatch(value.reveal())
    return value
