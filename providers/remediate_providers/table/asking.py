"""Asking one vendor of the table about one credential: a template filled, sent, and what came of it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from remediate.http import Answer, Http, HttpError, Patience, base_url
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers.table.calls import BASIC, Ask, Calls, Lookup

NOT_USED = "policy says that the leaked credential is not to be used (use_leaked = false)"
ACCEPTED_BY = "accepted_by"
"""The fact that this address accepted the credential, which makes a later refusal a proof (`Calls.regions`)."""

_HOLE = re.compile(r"\{(\w+)\}")


class CannotError(Exception):
    """A call that can't be made, or a lookup that found nothing: the reason, fit for the record."""


@dataclass(frozen=True)
class Looked:
    """One look at a credential, and the answer that it rests on."""

    check: Check
    answer: Answer | None = None
    again: bool = True
    """Whether looking again could tell more."""


class Line:
    """The conversation about one credential. Not shared between threads."""

    def __init__(
        self, calls: Calls, held: Held, vendor: VendorContext, part: str = "value"
    ) -> None:
        self.calls = calls
        self.vendor = vendor
        self.patience = Patience.of(vendor)
        self.value = held.values.get(part)
        self._held = held
        self._http = Http(vendor.environment)
        environment = vendor.environment
        self._own = [environment.get(name, "").strip() for name in calls.own]
        self._names = {name: environment.get(name, "").strip() for name in calls.needs}
        self._names |= dict(zip(calls.own, self._own, strict=True))
        if self.value is not None and calls.parts is not None:
            self._names |= calls.parts(self.value)

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._http.close()

    @property
    def address(self) -> str:
        """Where this vendor is asked, without a trailing slash. Raises `UsageError`, `CannotError`."""
        base = self.calls.base or ""
        if not base and not self.vendor.environment.get(self.calls.address, "").strip():
            raise CannotError(
                f"its address is not known: set {self.calls.address} to the https:// address of the server"
            )
        return base_url(self.vendor.environment, self.calls.address, self._filled(base))

    @property
    def host(self) -> str:
        """The host that is asked, for evidence; empty where it is not known."""
        try:
            return urlsplit(self.address).netloc
        except CannotError:
            return ""

    @property
    def has_own(self) -> bool:
        """Whether the responder has a credential of their own here."""
        return bool(self._own) and all(self._own)

    def own_is_leaked(self) -> bool:
        """Whether the responder's own credential is the leaked one."""
        return self.value is not None and self.value.reveal_text() in self._own

    # -- asking ----------------------------------------------------------------------------------

    def ask(
        self, ask: Ask, *, names: Mapping[str, object] | None = None, repeat: bool | None = None
    ) -> Answer:
        """Send *ask*, its holes filled. Raises `HttpError`; `CannotError` where something is missing."""
        known: dict[str, object] = {**self._names, **(names or {})}
        if self.value is not None:
            known["value"] = self.value.reveal_text()
        overridden = bool(self.vendor.environment.get(self.calls.address, "").strip())
        base = ask.base if ask.base and not overridden else self.address
        return self._http.ask(
            ask.method,
            base + _path(ask.path, known),
            patience=self.patience,
            repeat=repeat,
            headers={"Accept": "application/json", **ask.headers, **self._credential(ask)},
            json=_template(ask.json, known) if ask.json is not None else None,
            form=_texts(ask.form, known),
            query=_texts(ask.query, known),
            anonymous=ask.who == "nobody",
        )

    def probe_name(self, ask: Ask) -> str:
        """*ask* as evidence names it: its template, never what was filled in."""
        return (
            f"{ask.method} {ask.path.replace('{value}', '…').replace('{hook}', '…')} at {self.host}"
        )

    def _credential(self, ask: Ask) -> dict[str, str]:
        if ask.who == "nobody":
            return {}
        own = ask.who == "own" or (ask.who == "either" and self.has_own)
        if own and not self.has_own:
            raise CannotError(f"it wants a credential of yours: set {' and '.join(self.calls.own)}")
        if not own and self.value is None:
            raise CannotError("its value is not at hand")
        if not own and not self.vendor.use_leaked:
            raise CannotError(NOT_USED)
        if not ask.auth:
            return {}
        if ask.auth == BASIC:
            return {"Authorization": _basic(":".join(self._own))}
        text = self._own[-1] if own else self.value.reveal_text() if self.value else ""
        if ask.auth.startswith("basic "):
            return {"Authorization": _basic(ask.auth.removeprefix("basic ").format(text))}
        name, _, form = ask.auth.partition(": ")
        return {name: form.format(text)}

    def _filled(self, base: str) -> str:
        return _HOLE.sub(lambda hole: _named(hole[1], self._names), base)

    # -- looking ---------------------------------------------------------------------------------

    def look(self, *, accepted: bool = False) -> Looked:
        """Whether the credential is accepted now. *accepted*: this address was seen to accept it before."""
        probe = self.calls.check
        try:
            answer = self.ask(probe.ask, repeat=True)
        except CannotError as error:
            return Looked(Check(None, reason=str(error)), again=False)
        except HttpError as error:
            return Looked(Check(None, reason=self.refusal(error)), again=error.again)
        seen = Evidence(self.probe_name(probe.ask), str(answer.status), self.vendor.now())
        data = answer.json()
        text = (
            json.dumps(data, separators=(",", ":"), ensure_ascii=False) if data is not None else ""
        )
        if (
            answer.status in probe.dead
            and not answer.limited
            and (not probe.dead_says or any(word in text for word in probe.dead_says))
        ):
            if self.calls.regions and not accepted and not self._accepted_before():
                reason = (
                    f"{self.host} refuses it, but others of this vendor's addresses may not: if it is of "
                    f"another region or server, set {self.calls.address}"
                )
                return Looked(Check(None, (seen,), reason), answer, again=False)
            return Looked(Check(False, (seen,)), answer)
        whole = isinstance(data, dict | list)
        says = not probe.alive_says or any(word in text for word in probe.alive_says)
        if answer.status in probe.alive and whole and says:
            return Looked(Check(True, (seen,)), answer)
        return Looked(Check(None, (seen,), self.refusal(answer)), answer)

    def _accepted_before(self) -> bool:
        return self.vendor.known.get(ACCEPTED_BY) == self.host

    def find(self, lookup: Lookup) -> str:
        """The vendor's id of the credential. Raises `CannotError` where no entry or several fit."""
        answer = self.ask(lookup.ask, repeat=True)
        data = answer.json()
        if answer.status != 200 or data is None:
            raise CannotError(f"its id could not be looked up: {self.refusal(answer)}")
        if not lookup.shows:
            found = [dig(data, lookup.id)]
        else:
            entries = dig(data, lookup.entries) if lookup.entries else data
            if not isinstance(entries, list):
                raise CannotError(f"{self.host} gave no list of credentials")
            value = self.value.reveal_text() if self.value is not None else ""
            found = [
                dig(entry, lookup.id)
                for entry in entries
                if _fits(dig(entry, lookup.shows), value, lookup.fits)
            ]
            # One that shows but a part of its credential may have a double on the next page.
            if len(entries) >= lookup.most and not (found and lookup.fits == "equal"):
                told = "is not surely" if found else "is not"
                raise CannotError(
                    f"it {told} among the first {lookup.most} that {self.host} lists, and there may be more"
                )
        if len(found) != 1 or not isinstance(found[0], str | int) or found[0] == "":
            how_many = "none" if not found else str(len(found))
            raise CannotError(
                f"{how_many} of the credentials that {self.host} lists fits it surely"
            )
        return str(found[0])

    def refusal(self, answer: Answer | HttpError) -> str:
        """Why this is no good, in one sentence that is fit for the record."""
        if isinstance(answer, HttpError):
            return self.vendor.redact(str(answer))
        host = self.host
        words = self.vendor.redact(_message(answer.json()))[:160]
        said = f' ("{words}")' if words else ""
        if answer.limited:
            wait = "" if answer.wait is None else f"; it asks to wait {answer.wait:.0f} s"
            return f"{host} limits how often it may be asked{wait}{said}"
        if answer.status in (401, 403):
            needs = f"; needed is {self.calls.permission}" if self.calls.permission else ""
            return f"{host} does not allow it ({answer.status}){needs}{said}"
        if 300 <= answer.status < 400:
            return f"{host} sends us elsewhere, which is not followed{said}"
        if answer.status >= 500:
            return f"{host} is out of order: {answer.status}{said}"
        return f"{host} answered {answer.status}, which proves nothing{said}"


def dig(data: object, path: str) -> Any:
    """What stands in *data* at *path*, names with dots between; None where nothing does."""
    for name in path.split("."):
        if not isinstance(data, dict):
            return None
        data = data.get(name)
    return data


def own_values(calls: Calls, environment: Mapping[str, str]) -> list[Secret]:
    """What the responder would authenticate with."""
    return [Secret(text) for name in calls.own if (text := environment.get(name, "").strip())]


def _fits(shown: object, value: str, fits: str) -> bool:
    """Whether an entry that shows *shown* may be *value*."""
    if not isinstance(shown, str) or not shown or not value:
        return False
    if fits == "equal":
        return shown == value
    if fits == "start":
        return len(shown) >= 4 and value.startswith(shown)
    if fits == "end":
        tail = shown.lstrip("*.…")
        return len(tail) >= 4 and value.endswith(tail)
    head, _, tail = shown.replace("…", "...").replace("*", ".").partition("..")
    tail = tail.lstrip(".")
    return len(head + tail) >= 6 and value.startswith(head) and value.endswith(tail)


def _named(name: str, known: Mapping[str, object]) -> str:
    text = known.get(name)
    if not isinstance(text, str) or not text:
        if name.isupper():
            raise CannotError(f"{name} is not set")
        raise CannotError(f"its {name} is not known")
    return text


def _path(path: str, known: Mapping[str, object]) -> str:
    # A webhook's address is a path of its own; everything else is one segment. Colons and tildes stand in
    # ids and are no harm.
    return _HOLE.sub(
        lambda hole: quote(_named(hole[1], known), safe="/" if hole[1] == "hook" else ":~"), path
    )


def _texts(form: Mapping[str, str] | None, known: Mapping[str, object]) -> dict[str, str] | None:
    if form is None:
        return None
    return {name: _HOLE.sub(lambda h: _named(h[1], known), text) for name, text in form.items()}


def _template(data: object, known: Mapping[str, object]) -> object:
    if isinstance(data, Mapping):
        return {name: _template(one, known) for name, one in data.items()}
    if isinstance(data, list):
        return [_template(one, known) for one in data]
    if isinstance(data, str) and (hole := _HOLE.fullmatch(data)):
        if hole[1] not in known:
            raise CannotError(f"its {hole[1]} is not known")
        return known[hole[1]]
    return data


def _basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _message(data: object) -> str:
    """A vendor's own words, from where most have them."""
    for path in ("message", "error.message", "error_description", "error", "detail", "err"):
        text = dig(data, path)
        if isinstance(text, str):
            return text
    return ""
