"""The host behind a remote: what a push would meet and set off there, lifted for it and put back."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from remediate.clock import utc_now
from remediate.errors import Error
from remediate.history import remote
from remediate.history.git import run as git
from remediate.history.repo import Repo
from remediate.incident import lifted
from remediate.incident.run import Run
from remediate.incident.state import Effect
from remediate.model import ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.host import Change, Host, Lifts
from remediate.plugins.outcome import Evidence, Facts, Outcome, Status
from remediate.plugins.registry import hosts

TOPIC = "host"
LIFT, PUT_BACK = "lift", "put-back"


@dataclass(frozen=True)
class Hosted:
    """A remote and the host that it is on."""

    host: Host
    url: str
    """Without user info."""


def host_of(run: Run, name: str) -> Hosted | None:
    """The host of the remote *name*; None for a plain server, and under ``--offline``."""
    return None if run.options.offline else host_at(run.repo, name, run.vendor())


def host_at(repo: Repo, name: str, vendor: VendorContext) -> Hosted | None:
    """The host of the remote *name* of *repo*; None for a plain server.

    Raises `remediate.errors.RepositoryError` where there is no such remote.
    """
    configured = git(repo.git_dir, "config", "--get", f"remote.{name}.url", accept=(0, 1))
    addresses = (
        remote.shown(remote.address(repo, name).reveal_text()),
        # As it was given: a person's url.*.insteadOf may send git elsewhere than the host's API is.
        remote.shown(configured.decode("utf-8", "surrogateescape").strip()),
    )
    for host in hosts:
        for url in addresses:
            if url and host.matches(url, vendor):
                return Hosted(host, url)
    return None


def topic(run: Run, name: str) -> str:
    """What facts about the host of the remote *name* are kept under; a mirror's have its name in it."""
    return TOPIC if name == run.policy.remote else f"{TOPIC} {name}"


def look(run: Run, name: str, hosted: Hosted, refs: Sequence[str]) -> Facts:
    """What the push to the remote *name* would meet and concern, written down."""
    try:
        facts = hosted.host.look(hosted.url, refs, run.vendor())
    except Error as error:
        facts = Facts(unknown={"the host's view of the push": error.message})
    run.learn(topic(run, name), facts)
    return facts


def wanted(run: Run, name: str, hosted: Hosted, refs: Sequence[str]) -> list[Change]:
    """What policy would have changed for a push of *refs* to *name*; nothing for a host that can't."""
    if not isinstance(hosted.host, Lifts) or not refs:
        return []
    allowed = {"protection": run.policy.lift_protection, "trigger": run.policy.ci == "pause"}
    try:
        found = hosted.host.changes(hosted.url, refs, run.vendor())
    except Error as error:
        unknown = {"what is in the push's way": error.message}
        run.learn(topic(run, name).replace(TOPIC, f"{TOPIC}-changes", 1), Facts(unknown=unknown))
        return []
    return [change for change in found if allowed[change.why]]


@contextlib.contextmanager
def making_way(run: Run, hosted: Hosted | None, changes: Sequence[Change]) -> Iterator[None]:
    """Each of *changes* made while the body runs, and put back whatever happens in it.

    Each is an effect, meant before and ended after. What a crash leaves lifted is put back by
    `put_back_what_is_left`, and `remediate.incident.lifted` warns of it until then.
    """
    if hosted is None or not changes or not isinstance(hosted.host, Lifts):
        yield
        return
    host, attempt = hosted.host, _attempt(run)
    lifted.mark(run.folder, hosted.url, [change.title for change in changes])
    try:
        for change in changes:
            run.effect(
                LIFT,
                change.id,
                functools.partial(host.lift, hosted.url, change, run.vendor()),
                key=f"{LIFT}/{attempt}/{change.id}",
                detail={
                    "host": hosted.host.name,
                    "url": hosted.url,
                    "change": change.to_json(),
                    "attempt": attempt,
                },
            )
        yield
    finally:
        put_back_what_is_left(run)


def put_back_what_is_left(run: Run) -> None:
    """Put back whatever was lifted and not put back yet, in this run or before a crash."""
    left = open_lifts(run)
    if left and run.options.offline:
        return
    for effect in reversed(left):
        _put_back(run, effect)
    if not open_lifts(run):
        lifted.unmark(run.folder)


def open_lifts(run: Run) -> list[Effect]:
    """The effects that lifted something, or may have, and whose putting back has not ended well."""
    found = []
    for effect in run.state.effects.values():
        if effect.action != LIFT:
            continue
        back = run.state.outcome(_back_key(effect.key))
        if back is not None and back.status.settled:
            continue
        if effect.doubtful or (effect.outcome and effect.outcome.status is Status.DONE):
            found.append(effect)
    return found


def _put_back(run: Run, effect: Effect) -> None:
    detail = effect.detail
    try:
        change = Change.from_json(detail["change"])  # type: ignore[arg-type]
        host = hosts.get(str(detail["host"]))
    except (KeyError, TypeError, Error):
        return
    if not isinstance(host, Lifts):
        return
    url = str(detail["url"])

    def do() -> Outcome:
        outcome = host.put_back(url, change, run.vendor())
        if outcome.status.settled or outcome.manual is not None:
            return outcome
        return replace(outcome, manual=_by_hand(url, change))

    ended = run.effect(PUT_BACK, effect.subject, do, key=_back_key(effect.key))
    if ended.status.settled and effect.doubtful:
        # Nobody saw whether it was lifted, and it does not matter any more.
        seen = Evidence("put back", ended.summary, utc_now())
        run.effect(
            LIFT,
            effect.subject,
            lambda: Outcome(
                Status.UNCHANGED, f"Cut off; put back: {change.title}", evidence=(seen,)
            ),
            key=effect.key,
            detail=detail,
        )


def _by_hand(url: str, change: Change) -> ManualStep:
    return ManualStep(
        id=f"put-back-{change.id.replace('/', '-')}",
        title=f"Put back on the host what was lifted for the push: {change.title}",
        why="It guards the repository, and this user could not put it back just now.",
        instructions=(
            f"Look at the settings of {url}: {change.id}",
            f"It was: {dict(change.before)}",
            "Or, once the host answers again: remediate resume",
        ),
        check="remediate reads it again and compares.",
    )


def supersede(run: Run) -> None:
    """End what an earlier attempt could not lift: this one asks anew.

    What may be lifted still is left as it is, to be put back.
    """
    still = {effect.key for effect in open_lifts(run)}
    for effect in list(run.state.effects.values()):
        if effect.action != LIFT or effect.key in still:
            continue
        if effect.outcome and not effect.outcome.status.settled:
            run.effect(
                LIFT,
                effect.subject,
                lambda: Outcome(Status.UNCHANGED, "Asked for once more in a later attempt"),
                key=effect.key,
                detail=effect.detail,
            )


def _back_key(key: str) -> str:
    return PUT_BACK + key.removeprefix(LIFT)


def _attempt(run: Run) -> int:
    attempts = [e.detail.get("attempt") for e in run.state.effects.values() if e.action == LIFT]
    return 1 + max((n for n in attempts if isinstance(n, int)), default=0)
