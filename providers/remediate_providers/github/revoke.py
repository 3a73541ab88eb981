"""Ending GitHub tokens, and seeing them refused.

``POST /credentials/revoke`` takes up to 1,000 tokens, anybody's, and no authentication: a request with any
is answered with 403. It says 202 and no more, so each token is asked with until GitHub refuses it.
https://docs.github.com/rest/credentials/revoke
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from remediate.http import LONGEST, HttpError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.wording import count
from remediate_providers.github import organisations, pages, responder
from remediate_providers.github.probe import FIRST_PAUSE, NOT_USED, Probe, look, unaskable
from remediate_providers.github.server import Api, Server
from remediate_providers.github.tokens import CLASSIC, FINE_GRAINED, INSTALLATION, PART

PATH = "/credentials/revoke"
BATCH = 1000
"""Tokens in one request at most."""
REQUESTS = 20
"""Requests to the endpoint in one run at most: 60 an hour are allowed, and others may share the address."""
WORKERS = 8
"""Tokens that are looked at side by side. GitHub asks for few at a time."""


@dataclass
class Asked:
    """One token on its way to being dead."""

    held: Held
    token: Secret
    accepted: bool = False
    """Whether GitHub took the request, or may have taken it."""
    unseen: bool = False
    """Whether nothing will ever show that it is dead."""
    status: Status = Status.UNKNOWN
    reason: str = ""
    evidence: list[Evidence] = field(default_factory=list)
    shut: list[Evidence] = field(default_factory=list)
    """Its access to organisations, taken away apart."""

    @property
    def kind(self) -> str:
        """The token's kind."""
        return self.held.credential.kind


def revoke(batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
    """Credential id to outcome. Asking again for what is dead is harmless, so this may be repeated."""
    outcomes: dict[str, Outcome] = {}
    asked: list[Asked] = []
    with Api(vendor) as api:
        for held in batch:
            token = held.values.get(PART)
            if token is None:
                outcomes[held.id] = _by_hand(api.server, held, "its value is not at hand any more")
            else:
                asked.append(Asked(held, token))
        bulk = [one for one in asked if one.kind != INSTALLATION]
        if bulk:
            _submit(api, bulk, vendor)
        for one in asked:
            if one.kind == INSTALLATION:
                _end_itself(api, one, vendor)
        _watch(api, asked, vendor)
        _shut_out(api, [one for one in asked if one.status is not Status.DONE], batch, vendor)
        outcomes |= {one.held.id: _outcome(api.server, one) for one in asked}
    return outcomes


# -- handing them in -----------------------------------------------------------------------------


def _submit(api: Api, asked: Sequence[Asked], vendor: VendorContext) -> None:
    """Hand in every token, each at least once where GitHub lets us; marks what came of it."""
    own: Secret | None = None
    if api.server.self_hosted:
        # From 3.19 on a GitHub Enterprise Server has the endpoint too, with authentication and for
        # personal tokens alone: https://docs.github.com/enterprise-server@3.19/rest/credentials/revoke
        own = responder.token(vendor, api.server)
        asked = [one for one in asked if _fits_self_hosted(one, own)]
    waiting = [list(asked[at : at + BATCH]) for at in range(0, len(asked), BATCH)]
    requests = 0
    while waiting:
        part = waiting.pop(0)
        requests += 1
        if requests > REQUESTS:
            _mark(part, Status.REFUSED, "GitHub takes few such requests an hour; none was left")
            continue
        split = _hand_in(api, part, own, vendor)
        waiting += split


def _fits_self_hosted(one: Asked, own: Secret | None) -> bool:
    if one.kind not in (CLASSIC, FINE_GRAINED):
        one.status, one.reason = Status.MANUAL, "a self-hosted GitHub revokes no such token by API"
    elif own is None:
        one.status = Status.MANUAL
        one.reason = (
            f"a self-hosted GitHub wants a token of yours to revoke another: {responder.HOW}"
        )
    return not one.reason


def _hand_in(
    api: Api, part: list[Asked], own: Secret | None, vendor: VendorContext
) -> list[list[Asked]]:
    """One request for *part*. Gives back the halves that are worth a request of their own."""
    values = list(dict.fromkeys(one.token for one in part))
    try:
        answer = api.ask(
            "POST",
            PATH,
            own,
            repeat=True,
            json={"credentials": [value.reveal_text() for value in values]},
        )
    except HttpError as error:
        # Lost on the way back: it may have worked, and the watching will tell.
        _mark(part, Status.UNREACHABLE, api.refusal(error), accepted=error.sent)
        return []
    seen = Evidence(f"POST {PATH} at {api.server.host}", str(answer.status), vendor.now())
    for one in part:
        one.evidence.append(seen)
    if answer.status == 202:
        _mark(part, Status.UNKNOWN, "", accepted=True)
    elif answer.status == 422 and len(part) > 1:
        # One value that GitHub can't take must not save the others.
        middle = len(part) // 2
        return [part[:middle], part[middle:]]
    elif answer.status == 404 and api.server.self_hosted:
        _mark(part, Status.MANUAL, "this GitHub Enterprise Server has no call for it (3.19 has)")
    elif answer.status == 403 and own is None and not answer.limited:
        _mark(
            part,
            Status.REFUSED,
            f"{api.refusal(answer)}. It refuses every request that says who asks: does something "
            "on the way, such as a proxy, add an Authorization header?",
        )
    else:
        down = answer.status >= 500 or answer.limited
        _mark(part, Status.UNREACHABLE if down else Status.REFUSED, api.refusal(answer))
    return []


def _mark(part: Sequence[Asked], status: Status, reason: str, *, accepted: bool = False) -> None:
    for one in part:
        one.status, one.reason, one.accepted = status, reason, accepted


def _end_itself(api: Api, one: Asked, vendor: VendorContext) -> None:
    """An installation token: it alone can end itself before its hour is over."""
    if not vendor.use_leaked:
        _mark([one], Status.MANUAL, NOT_USED)
        return
    try:
        answer = api.ask("DELETE", "/installation/token", one.token, repeat=True)
    except HttpError as error:
        _mark([one], Status.UNREACHABLE, api.refusal(error), accepted=error.sent)
        return
    one.evidence.append(
        Evidence(
            f"DELETE /installation/token at {api.server.host}", str(answer.status), vendor.now()
        )
    )
    if answer.status == 204:
        _mark([one], Status.UNKNOWN, "", accepted=True)
    else:
        down = answer.status >= 500 or answer.limited
        _mark([one], Status.UNREACHABLE if down else Status.REFUSED, api.refusal(answer))


# -- seeing them refused -------------------------------------------------------------------------


def _watch(api: Api, asked: Sequence[Asked], vendor: VendorContext) -> None:
    """Look at each until GitHub refuses it, or the patience is over.

    Also once at those that GitHub did not take: a token in a public repository may be dead already.
    """
    pending = []
    for one in asked:
        reason = unaskable(one.kind, vendor)
        if reason is None:
            pending.append(one)
        elif one.accepted:
            one.unseen = True
            one.reason = f"GitHub took the request; whether it worked can't be seen: {reason}"
    pause = FIRST_PAUSE
    while pending:
        again = []
        asks = pause
        for one, probe in _look_at(pending, vendor):
            _note(api.server, one, probe)
            # One that is limited beyond our time is given up, and does not hold up the others.
            given_up = probe.hopeless or probe.wait > api.patience.left
            if one.status is not Status.DONE and one.accepted and not given_up:
                asks = max(asks, probe.wait)
                again.append(one)
        dead = sum(one.status is Status.DONE for one in asked)
        vendor.progress(f"GitHub refuses {dead} of {count(len(asked), 'token')}")
        pending = again
        if pending and not api.patience.wait(asks):
            break
        pause = min(2 * pause, LONGEST)


def _look_at(pending: Sequence[Asked], vendor: VendorContext) -> Iterator[tuple[Asked, Probe]]:
    """One look at each, a few side by side."""
    workers = min(WORKERS, len(pending))

    def walk(part: Sequence[Asked]) -> list[tuple[Asked, Probe]]:
        looked: list[tuple[Asked, Probe]] = []
        told_to_wait: Probe | None = None
        with Api(vendor) as api:  # a session is not shared between threads
            for one in part:
                if told_to_wait is None:
                    probe = look(api, one.kind, one.token, vendor, patient=False)
                    told_to_wait = probe if probe.everyone else None
                else:
                    probe = replace(
                        told_to_wait, check=Check(None, reason=told_to_wait.check.reason)
                    )
                looked.append((one, probe))
        return looked

    if workers == 1:
        yield from walk(pending)
        return
    with ThreadPoolExecutor(workers) as pool:
        for part in pool.map(walk, [pending[at::workers] for at in range(workers)]):
            yield from part


def _note(server: Server, one: Asked, probe: Probe) -> None:
    """Take down what a look told. The last one stands beside the request in the evidence."""
    requested = [seen for seen in one.evidence if not seen.probe.startswith("GET")]
    one.evidence = requested + list(probe.check.evidence)
    if probe.check.alive is False:
        one.status, one.reason = Status.DONE, ""
    elif one.accepted:
        still = "it still accepts the token" if probe.check.alive else probe.check.reason
        one.reason = f"{server.host} took the request and says no more; {still}"


def _shut_out(
    api: Api, living: Sequence[Asked], batch: Sequence[Held], vendor: VendorContext
) -> None:
    """Take its organisations away from a token that nobody has seen dead, with the responder's own."""
    rows = {
        one.held.id: organisations.known(vendor.about(one.held.id, batch).known) for one in living
    }
    own = responder.token(vendor, api.server) if any(rows.values()) else None
    for one in living:
        if own is None or own == one.token or not rows[one.held.id]:
            continue
        one.shut, why = organisations.withdraw(api, own, rows[one.held.id], vendor.now())
        if why:
            one.reason = "; ".join(part for part in (one.reason, why) if part)


def _outcome(server: Server, one: Asked) -> Outcome:
    name = one.held.id
    evidence = (*one.evidence, *one.shut)
    if one.status is Status.DONE:
        return Outcome(Status.DONE, f"{server.host} refuses {name}", evidence=evidence)
    if one.status is Status.MANUAL:
        return _by_hand(server, one.held, one.reason, evidence)
    if one.unseen:
        return Outcome(
            Status.MANUAL,
            f"Asked {server.host} to revoke {name}; nothing shows whether it is dead",
            reason=one.reason,
            evidence=evidence,
            manual=pages.unseen_step(server, one.held, one.reason),
        )
    if one.accepted:
        summary = f"Asked {server.host} to revoke {name}; it has not been seen dead"
        return Outcome(one.status, summary, reason=one.reason, evidence=evidence)
    return Outcome(
        one.status,
        f"{name} was not revoked",
        reason=one.reason,
        evidence=evidence,
        manual=pages.revoke_step(server, one.held, one.reason),
    )


def _by_hand(server: Server, held: Held, reason: str, evidence: Sequence[Evidence] = ()) -> Outcome:
    return Outcome(
        Status.MANUAL,
        f"{held.id} has to be revoked by hand",
        reason=reason,
        evidence=tuple(evidence),
        manual=pages.revoke_step(server, held, reason),
    )
