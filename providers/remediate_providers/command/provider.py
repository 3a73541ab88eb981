"""``provider = "command"``: check, revoke, reissue by programs that the policy names.

An exit code says what came of it; only those below mean something, so that a program that crashes is never taken for
an answer. docs/providers/command.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.errors import UsageError
from remediate.http import Patience
from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Outcome, Status
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate.secret import Secret
from remediate_providers.accepting import not_taken
from remediate_providers.command.program import Ran, given, run, taken

NAME = "command"
DONE = 0
"""check: it is accepted. revoke, reissue: done. forget: one was found, and ended."""
NO = 3
"""check: it is refused. revoke, reissue: a person has to. forget: there was none."""
PROGRAMS = ("check", "revoke", "reissue", "forget")
PAUSE = 2.0
"""Seconds between two checks of what was revoked."""
NO_VALUE = "its value is not at hand any more"


class CommandProvider:
    """Knows no kind of its own: the policy hands it what it is to act for."""

    name = NAME
    kinds: Sequence[Kind] = (
        Kind("secret", "Any other, by programs of your own", "api", "api", check="api"),
    )

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:  # noqa: ARG002
        """Nothing: no shape is its own."""
        return ()

    def check_options(self, options: Mapping[str, Json]) -> None:
        """See `remediate.plugins.provider.TakesAny`."""
        check_options(options, (*PROGRAMS, "seconds"))
        if "revoke" in options and "check" not in options:
            raise UsageError(
                "`revoke` without `check`: nobody would see that it is dead.",
                hint="Add check = [...]: exit 0 where the credential is accepted, 3 where it is refused.",
            )
        if "reissue" in options and "forget" not in options:
            raise UsageError(
                "`reissue` without `forget`: one that was made and lost in a crash would live on.",
                hint="Add forget = [...]: it ends what was made for $REMEDIATE_REQUEST (exit 0), or "
                "says that there is none (exit 3).",
            )

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """See `remediate.plugins.provider.Checks`."""
        return check(held, vendor)

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """See `remediate.plugins.provider.Revokes`."""
        return {held.id: _revoke(held, vendor) for held in batch}

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:
        """What `forget` is told after a crash; nothing where no program makes one."""
        return {"request": request(held)} if command_of(vendor, "reissue") else {}

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """See `remediate.plugins.provider.Reissues`."""
        return _reissue(held, vendor)

    def reconcile_reissue(
        self, held: Held, before: Mapping[str, Json], vendor: VendorContext
    ) -> Outcome:
        """See `remediate.plugins.provider.Reissues`."""
        return _forget(held, vendor) if before.get("request") else _none(held)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:
        """See `remediate.plugins.provider.Accepts`: a value that is new, and that `check` does not refuse."""
        value = Secret(value.reveal().strip())
        if not value or value in held.values.values():
            why = "it is empty" if not value else "it is the leaked one itself"
            return not_taken(why)
        part = next(iter(held.credential.parts))
        if len(held.credential.parts) > 1:
            reason = "this credential has several parts, and a value is one"
            return not_taken(reason)
        seen = check(Held(held.credential, {part: value}), vendor, leaked=False)
        if seen.alive is False:
            return not_taken("your check refuses it", seen.evidence)
        text = f"Took a new value in place of {held.id}"
        return Reissued(Outcome(Status.DONE, text, evidence=seen.evidence), {part: value})

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """See `remediate.plugins.provider.ConfirmsNew`."""
        return check(new, vendor, leaked=False)


def check_options(options: Mapping[str, Json], known: Sequence[str]) -> None:
    """Raises `UsageError` for a name that is not among *known*, or a program that is no list."""
    for name, value in options.items():
        if name not in known:
            raise UsageError(
                f"`{name}` in `with` is not known.", hint=f"Known: {', '.join(sorted(known))}."
            )
        if name in PROGRAMS and (isinstance(value, str) or not value):
            raise UsageError(
                f"`{name}` has to be a program and its arguments.",
                hint=f'As in {name} = ["./tools/{name}-key"]; no value stands in it.',
            )
        if name == "seconds" and not (isinstance(value, str) and value.isdigit() and int(value)):
            raise UsageError("`seconds` has to be a number.", hint='As in seconds = "60".')


def command_of(vendor: VendorContext, name: str) -> list[str]:
    """The program that the policy names for it; empty where it names none."""
    options = vendor.settings.get("with")
    value = options.get(name) if isinstance(options, Mapping) else None
    return [str(word) for word in value] if isinstance(value, list | tuple) else []


def request(held: Held) -> str:
    """What a program may name a new one after: the same for the same leak, and no secret."""
    return f"remediate-{next(iter(held.credential.parts.values()))[:12]}"


def check(held: Held, vendor: VendorContext, *, leaked: bool = True) -> Check:
    """The policy's own check: 0 is accepted, 3 is refused, anything else tells nothing."""
    command = command_of(vendor, "check")
    if not command:
        return Check(None, reason="the policy names no program that checks it")
    if not held.values:
        return Check(None, reason=NO_VALUE)
    if leaked and not vendor.use_leaked:
        return Check(None, reason="policy says that the leaked one is not to be used")
    ran = _run("check", command, held, vendor)
    seen = (_seen("check", command, ran, vendor),)
    if ran.code == DONE:
        return Check(True, seen)
    if ran.code == NO:
        return Check(False, seen)
    return Check(None, seen, _why(command, ran))


def _revoke(held: Held, vendor: VendorContext) -> Outcome:
    if not held.values:
        return by_hand(held, NO_VALUE)
    before = check(held, vendor)
    if before.alive is False:
        return Outcome(Status.DONE, f"Your check refuses {held.id}", evidence=before.evidence)
    command = command_of(vendor, "revoke")
    if not command:
        return by_hand(held, "the policy names no program that ends it", before.evidence)
    ran = _run("revoke", command, held, vendor)
    evidence = [_seen("revoke", command, ran, vendor)]
    if ran.code == NO:
        return by_hand(held, f"{command[0]} leaves it to a person: {ran.said}", evidence)
    if not ran.started:
        return by_hand(held, ran.said, evidence)
    # Whatever else it ended with, it may have done its work: the check tells.
    return watched(held, vendor, evidence, "" if ran.code == DONE else _why(command, ran))


def watched(held: Held, vendor: VendorContext, evidence: list[Evidence], failure: str) -> Outcome:
    """Check until it is refused; at once where the program says itself that it failed."""
    patience = Patience.of(vendor)
    while True:
        seen = check(held, vendor)
        if seen.alive is False:
            done = (*evidence, *seen.evidence)
            return Outcome(Status.DONE, f"Your check refuses {held.id}", evidence=done)
        if failure or seen.alive is None or not patience.wait(PAUSE):
            break
    if failure:
        return by_hand(held, failure, (*evidence, *seen.evidence))
    reason = seen.reason or "your check still accepts it"
    summary = f"{held.id} was revoked by your program, and has not been seen refused"
    return Outcome(Status.UNKNOWN, summary, reason, (*evidence, *seen.evidence))


def _reissue(held: Held, vendor: VendorContext) -> Reissued:
    command = command_of(vendor, "reissue")
    if not command:
        return _replace(held, "the policy names no program that makes one")
    if not held.values:
        return _replace(held, NO_VALUE)
    ran = _run("reissue", command, held, vendor)
    seen = (_seen("reissue", command, ran, vendor),)
    if ran.code == NO or not ran.started:
        return _replace(held, ran.said or f"{command[0]} leaves it to a person", seen)
    values = taken(held, ran.output) if ran.code == DONE else None
    old = set(held.values.values())
    if values is None or old & set(values.values()):
        reason = _why(command, ran) if ran.code != DONE else _odd(command, values is not None)
        # It may have made one all the same: what nobody can use must not live.
        found = _forget(held, vendor)
        if found.status.settled:
            return _replace(held, reason, seen)
        return Reissued(
            Outcome(
                Status.UNKNOWN,
                f"Whether a new one was made in place of {held.id} is not known",
                reason=f"{reason}; {found.reason}",
                evidence=seen,
                manual=found.manual,
            )
        )
    text = f"Your program made a new one in place of {held.id}"
    return Reissued(Outcome(Status.DONE, text, evidence=seen), values)


def _odd(command: Sequence[str], same: bool) -> str:
    if same:
        return f"{command[0]} gave the leaked value back"
    return f"{command[0]} wrote no value that can be used (one line, or a JSON object of the parts)"


def _forget(held: Held, vendor: VendorContext) -> Outcome:
    """Let the policy's program end what was made for this request, if anything was."""
    command = command_of(vendor, "forget")
    ran = (
        _run("forget", command, held, vendor)
        if command
        else Ran(None, said="the policy names no program that would end it", started=False)
    )
    seen = (_seen("forget", command, ran, vendor),) if command else ()
    if ran.code == DONE:
        text = f"Ended one that was made in place of {held.id} and lost"
        return Outcome(Status.DONE, text, evidence=seen, data={"deleted": [request(held)]})
    if ran.code == NO:
        return Outcome(Status.UNCHANGED, _none(held).summary, evidence=seen)
    step = ManualStep(
        id=f"stray-{held.id.replace(':', '-')}",
        title=f"Look for a credential named {request(held)} and end it",
        why="One may have been made whose value was lost.",
        instructions=("Look where your reissue program makes them.", "Then: remediate resume"),
        check="remediate runs your forget program again",
    )
    text = f"Whether a new one was made in place of {held.id} is not known"
    reason = _why(command, ran) if command else ran.said
    return Outcome(Status.MANUAL, text, reason=reason, evidence=seen, manual=step)


def _none(held: Held) -> Outcome:
    return Outcome(Status.UNCHANGED, f"No new one had been made in place of {held.id}")


def _run(what: str, command: Sequence[str], held: Held, vendor: VendorContext) -> Ran:
    told = {
        "REMEDIATE_ACTION": what,
        "REMEDIATE_CREDENTIAL": held.id,
        "REMEDIATE_KIND": held.credential.kind,
        "REMEDIATE_REQUEST": request(held),
    }
    return run(command, given(held), vendor, told)


def _seen(what: str, command: Sequence[str], ran: Ran, vendor: VendorContext) -> Evidence:
    ended = "not run" if not ran.started else "stopped" if ran.code is None else f"exit {ran.code}"
    said = f": {ran.said}" if ran.said else ""
    return Evidence(f"{what}: {' '.join(command)}", f"{ended}{said}", vendor.now())


def _why(command: Sequence[str], ran: Ran) -> str:
    if ran.code is None:
        return ran.said
    said = f": {ran.said}" if ran.said else ""
    return f"{command[0]} ended with {ran.code}{said}"


def by_hand(held: Held, reason: str, evidence: Sequence[Evidence] = ()) -> Outcome:
    """The manual step that ends it."""
    step = ManualStep(
        id=f"revoke-{held.id.replace(':', '-')}",
        title="End this secret where it was issued",
        why=f"No program did: {reason}.",
        instructions=("Change or revoke it there.", "Then: remediate resume"),
        check="remediate runs your check, if the policy names one",
    )
    summary = f"{held.id} has to be ended by hand"
    return Outcome(Status.MANUAL, summary, reason=reason, evidence=tuple(evidence), manual=step)


def _replace(held: Held, reason: str, evidence: Sequence[Evidence] = ()) -> Reissued:
    name = held.id.replace(":", "-")
    step = ManualStep(
        id=f"replace-{name}",
        title="Make a new one where it was issued, and hand it in",
        why=f"No program did: {reason}.",
        instructions=(f"Hand it in: remediate resume --value replace-{name}",),
        check="remediate runs your check, if the policy names one",
        takes_value=True,
    )
    summary = f"{held.id} needs a successor, made by hand"
    return Reissued(Outcome(Status.MANUAL, summary, reason, tuple(evidence), manual=step))
