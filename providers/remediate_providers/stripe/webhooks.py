"""A webhook's signing secret, replaced by a second endpoint: Stripe makes a secret with an endpoint, and never again.

The second one gets the first one's address, events and version, so every event comes twice, signed with either
secret, until the first is disabled: none is lost. https://docs.stripe.com/api/webhook_endpoints. Its metadata bear
our mark, so that one whose answer was lost is found. Which endpoint a secret is of, no call tells: the policy does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remediate.http import Answer, HttpError
from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate_providers import making
from remediate_providers.making import Made
from remediate_providers.rest import TroubleError
from remediate_providers.stripe import steps
from remediate_providers.stripe.facts import WEBHOOKS, when, without_query
from remediate_providers.stripe.kinds import PART, WEBHOOK, shape_of
from remediate_providers.stripe.server import Api, as_json, mapping, segment, text_of, texts_of

METADATA = "remediate"
"""The name under which an endpoint of ours keeps its own name."""
NEEDED = "a key that may write webhook endpoints, of the account and mode that the endpoint is of"
NO_KEY = "no STRIPE_API_KEY is set to do it with"


@dataclass(frozen=True)
class Endpoint:
    """One endpoint as Stripe describes it; never its secret."""

    id: str
    url: str
    enabled: bool
    events: tuple[str, ...]
    api_version: str | None
    description: str
    connect: bool
    """Whether it is told of connected accounts: Stripe names its Connect application."""
    metadata: Mapping[str, str]
    created: str | None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Endpoint | None:
        """Out of an answer; None where that describes none."""
        id_, url, events = (
            text_of(data, "id"),
            text_of(data, "url"),
            texts_of(data, "enabled_events"),
        )
        if data.get("object") != "webhook_endpoint" or id_ is None or url is None or not events:
            return None
        named = data.get("metadata")
        metadata = named if isinstance(named, dict) else {}
        return cls(
            id=id_,
            url=url,
            enabled=data.get("status") == "enabled",
            events=events,
            api_version=text_of(data, "api_version"),
            description=text_of(data, "description") or "",
            connect=text_of(data, "application") is not None,
            metadata={str(k): str(v) for k, v in metadata.items()},
            created=when(data),
        )

    def public(self) -> dict[str, Json]:
        """For the record: its address without what may be secret in it."""
        return as_json(
            {
                "endpoint": self.id,
                "url": without_query(self.url),
                "status": "enabled" if self.enabled else "disabled",
                "enabled_events": list(self.events),
                "api_version": self.api_version,
                "created": self.created,
            }
        )

    def form(self, name: str) -> dict[str, str]:
        """What a second one like it is made of."""
        form = {"url": self.url, f"metadata[{METADATA}]": name}
        form |= {f"enabled_events[{n}]": event for n, event in enumerate(self.events)}
        form |= {f"metadata[{k}]": v for k, v in self.metadata.items() if k != METADATA}
        if self.api_version is not None:
            form["api_version"] = self.api_version
        if self.description:
            form["description"] = self.description
        if self.connect:
            form["connect"] = "true"
        return form


class Endpoints:
    """One piece of work's conversation about the endpoint of one leaked secret: `making.Makes`."""

    def __init__(self, held: Held, vendor: VendorContext) -> None:
        options = vendor.settings.get("with")
        named = options.get("endpoint") if isinstance(options, Mapping) else None
        self.id = str(named or "")
        """The endpoint that the policy says the leaked secret is of."""
        self.api = Api(vendor)
        self.held = held
        self.vendor = vendor
        self.host = self.api.server.host

    # -- looking ---------------------------------------------------------------------------------

    def get(self, id_: str) -> tuple[Endpoint | None, Evidence]:
        """One endpoint; None where it is gone. Raises `TroubleError`."""
        path = f"{WEBHOOKS}/{segment(id_)}"
        answer = self._ask("GET", path)
        data = mapping(answer)
        if answer.status == 404 and isinstance(data.get("error"), dict):
            return None, self._seen("GET", path, "404")
        endpoint = Endpoint.of(data) if answer.status == 200 else None
        if endpoint is None or endpoint.id != id_:
            raise self._trouble(answer)
        return endpoint, self._seen("GET", path, f"200 status={data.get('status')}")

    def ours(self, beginning: str) -> list[Endpoint]:
        """The endpoints whose mark begins so. Raises `TroubleError` where the list is not whole."""
        if self.api.responder.key is None:
            raise TroubleError(NO_KEY, Status.MANUAL)
        listed = self.api.listed(WEBHOOKS)
        if listed.missing:
            raise TroubleError(listed.missing, Status.UNREACHABLE)
        found = [one for item in listed.items if (one := Endpoint.of(item)) is not None]
        return [one for one in found if one.metadata.get(METADATA, "").startswith(beginning)]

    def successor(self) -> Endpoint | None:
        """A living endpoint that was made in place of the leaked secret's. Raises `TroubleError`."""
        return next((one for one in self.ours(making.mark(self.held)) if one.enabled), None)

    # -- making ----------------------------------------------------------------------------------

    def make(self, name: str) -> Made:
        """A second endpoint like the first. Repeated under an idempotency key, then counted."""
        old, _seen = self.get(self.id)
        if old is None:
            raise TroubleError(f"Stripe has no endpoint {self.id} any more", Status.REFUSED)
        answer = self._ask("POST", WEBHOOKS, old.form(name), idempotency=name)
        data = mapping(answer)
        made, secret = Endpoint.of(data), text_of(data, "secret")
        if answer.status != 200 or made is None:
            raise self._trouble(answer)
        shape = shape_of(Secret(secret)) if secret is not None else None
        if secret is None or shape is None or shape.kind != WEBHOOK:
            raise TroubleError(
                "the new endpoint came without its secret", Status.UNREACHABLE, lost=True
            )
        seen = [self._seen("POST", WEBHOOKS, f"200 {made.id}")]
        try:
            # A call that was repeated after a lost answer should have made one. This sees to it.
            seen += [self.end(one.id) for one in self.ours(name) if one.id != made.id]
            uncounted = ""
        except TroubleError as error:
            uncounted = str(error)
        return Made(
            {PART: Secret(secret)},
            made.id,
            tuple(seen),
            f"Made the endpoint {made.id} like {old.id}, with a secret of its own; each event comes twice "
            "until the old one is disabled",
            {
                **made.public(),
                "in_place_of": old.id,
                **({"not_counted": uncounted} if uncounted else {}),
            },
        )

    def named(self, beginning: str) -> Mapping[str, str]:
        """Ids of ours to their names."""
        return {one.id: one.metadata[METADATA] for one in self.ours(beginning)}

    def end(self, id: str) -> Evidence:  # noqa: A002 - `Makes`
        """Delete one. Gone is as good."""
        path = f"{WEBHOOKS}/{segment(id)}"
        answer = self._ask("DELETE", path, repeat=True)
        if answer.status not in (200, 404):
            raise self._trouble(answer)
        return self._seen("DELETE", path, str(answer.status))

    def stray(self, name: str) -> ManualStep:
        """A person looks for it."""
        return steps.stray_endpoint(self.api.server, self.held, name)

    def disable(self, id_: str) -> Evidence:
        """Nothing is delivered to it any more; it can be enabled again. Raises `TroubleError`."""
        path = f"{WEBHOOKS}/{segment(id_)}"
        # Repeated freely: disabled twice is disabled.
        answer = self._ask("POST", path, {"disabled": "true"}, repeat=True)
        if answer.status not in (200, 404):
            raise self._trouble(answer)
        return self._seen("POST", path, f"{answer.status} status={mapping(answer).get('status')}")

    # -- asking ----------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        idempotency: str = "",
        repeat: bool | None = None,
    ) -> Answer:
        key = self.api.responder.key
        if key is None:
            raise TroubleError(NO_KEY, Status.MANUAL)
        try:
            return self.api.ask(
                method,
                path,
                key,
                context=self.api.responder.context,
                form=form,
                idempotency=idempotency,
                repeat=repeat,
            )
        except HttpError as error:
            reason = self.api.refusal(error)
            raise TroubleError(reason, Status.UNREACHABLE, lost=error.sent) from None

    def _trouble(self, answer: Answer) -> TroubleError:
        down = answer.status >= 500 or answer.limited or answer.status == 200
        needed = f"; needed is {NEEDED}" if answer.status in (401, 403) else ""
        return TroubleError(
            self.api.refusal(answer) + needed,
            Status.UNREACHABLE if down else Status.REFUSED,
            lost=answer.status >= 500 or answer.status == 200,
        )

    def _seen(self, method: str, path: str, saw: str) -> Evidence:
        return Evidence(f"{method} {path} at {self.host}", saw, self.vendor.now())
