"""Approval: where policy names a stage, it waits for the signature of a second person.

The request says what would be done, line by line, and is what is signed; nothing in it is secret. It holds
for a plan that does no more than it says, in the incident whose journal was once at the head that it names.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from remediate import signing
from remediate.clock import utc_now
from remediate.errors import InputError, PolicyError, UsageError
from remediate.incident import trusted
from remediate.incident.home import write_private
from remediate.incident.policy import Policy
from remediate.incident.request import SCHEMA, Handed, Request, hash_of
from remediate.incident.rows import Action
from remediate.incident.run import Run
from remediate.incident.state import Effect, State
from remediate.incident.who import user
from remediate.model import ManualStep
from remediate.plugins.outcome import Evidence, Outcome, Status

_CHANGED = "the plan has changed since it was asked for"


def check_policy(policy: Policy, stages: Sequence[str]) -> None:
    """Look at what *policy* says of approvals before anything is begun. Raises `PolicyError`."""
    for name in policy.approve:
        if name not in stages:
            raise PolicyError(
                policy.source or "the policy",
                f"`approve` to name stages: {', '.join(stages)}",
                found=f"`{name}`",
            )
    if policy.approve:
        signers(policy)


def signers_path(policy: Policy) -> Path:
    """The list of allowed signers: a relative name begins at the policy file's folder."""
    return Path(policy.source or ".").absolute().parent / policy.signers


def signers(policy: Policy) -> bytes:
    """The content of the list of allowed signers. Raises `PolicyError` where there is none."""
    path = signers_path(policy)
    data = trusted.read(path, "a list of allowed signers (ssh-keygen's format)", follow=False)
    if data is None:
        raise PolicyError(
            str(path),
            "a list of allowed signers, for policy has stages approved",
            found="nothing there",
            hint="A line a person, as in ssh-keygen(1): bob@example.com ssh-ed25519 AAAA…",
        )
    return data


def waiting(state: State) -> list[Effect]:
    """The requests that wait for a signature."""
    return [
        effect
        for effect in state.effects.values()
        if effect.action == Action.APPROVE
        and effect.outcome is not None
        and effect.outcome.status is Status.MANUAL
    ]


def gate(run: Run, stage: str, title: str, plan: Callable[[], Sequence[str]]) -> bool:
    """Whether *stage* may begin: policy does not name it, or all of its plan is approved.

    Where not, a request is written and becomes a manual step. Raises `UsageError` where an approval was
    handed in that is none.
    """
    if stage not in run.policy.approve:
        _void(run, stage, "policy does not ask for it any more")
        return True
    lines = tuple(plan())
    if not lines:
        _void(run, stage, "nothing is left to be done")
        return True
    void = ""
    for effect, request in _requests(run, stage):
        outcome = effect.outcome
        if outcome is None or not outcome.status.settled:
            continue
        if set(lines) <= set(request.plan):
            return True
        void = f"what {outcome.data.get('signer')} approved is no longer what would be done"
    if run.approval is not None and _take_in(run, stage, lines, run.approval):
        return True
    _ask(run, stage, title, lines, void)
    return False


def _take_in(run: Run, stage: str, lines: Sequence[str], handed: Handed) -> bool:
    """Whether *handed* approves *lines*. What is none is journalled and raised."""
    effect, request, signer = _signed(run, stage, handed)
    if request.stage != stage:
        return False
    run.approval = None
    seq, seal = request.journal["seq"], request.journal["seal"]
    if not run.was_head(int(seq), str(seal)):
        raise _refused(run, handed, stage, "the journal was never where the request says it was")
    own = _same_person(request, run, signer)
    if own:
        raise _refused(run, handed, stage, own)
    if not set(lines) <= set(request.plan):
        run.refuse(f"go on with {stage} on the approval of {signer.principals[0]}", _CHANGED)
        return False
    name = signer.principals[0]
    evidence = Evidence(
        f"ssh-keygen -Y verify -n {signing.NAMESPACE}",
        f"signed by {name} with {signer.key}",
        utc_now(),
    )
    approved = Outcome(
        Status.DONE,
        f"{name} approved the stage {stage}",
        evidence=(evidence,),
        data={"signer": name, "key": signer.key, "plan": request.plan_hash},
    )
    run.effect(Action.APPROVE, stage, lambda: approved, key=effect.key, detail=effect.detail)
    return True


def _signed(run: Run, stage: str, handed: Handed) -> tuple[Effect, Request, signing.Signer]:
    """The request that *handed* is a signature of, the newest first, and who made it."""
    listed = signers(run.policy)
    why = "it belongs to no request of this incident"
    for effect, request in reversed([*_requests(run, None)]):
        data = request.to_bytes()
        if handed.request in (None, data):
            try:
                return effect, request, signing.verify(data, handed.signature, listed)
            except signing.SignatureError as error:
                why = error.message
    run.approval = None
    raise _refused(run, handed, stage, why)


def _refused(run: Run, handed: Handed, stage: str, why: str) -> UsageError:
    run.refuse(f"take in {handed.name} as the approval of {stage}", why)
    return UsageError(
        f"The approval {handed.name} was not taken: {why.rstrip('.')}. Nothing was done on it.",
        hint=f"What is waited for: remediate show {run.state.id}",
    )


def _same_person(request: Request, run: Run, signer: signing.Signer) -> str:
    """Why the signer is taken for the one who started the run; empty where not."""
    asked = request.asked_by
    host = socket.gethostname()
    mine = {
        name.casefold()
        for who in (asked.get("user"), run.state.opened.get("started_by"), user())
        if isinstance(who, str) and who
        for name in (who, f"{who}@{host}")
    }
    email = asked.get("email")
    mine |= {email.casefold()} if email else set()
    same = [name for name in signer.principals if name.casefold() in mine]
    if same:
        return f"{same[0]} started the run; a second person has to sign"
    if signer.key in (asked.get("key"), _own_key()):
        return "it was signed with the key of the one who started the run"
    return ""


def _ask(run: Run, stage: str, title: str, lines: Sequence[str], void: str) -> None:
    digest = hash_of(lines)
    key = f"approve/{stage}/{digest[:16]}"
    if _void(run, stage, _CHANGED, but=key):
        void = void or _CHANGED
    path = run.folder / f"approve-{stage}-{digest[:8]}.json"
    known = run.state.effects.get(key)
    request = _kept(known) if known is not None else None
    if request is None:
        seq, seal = run.head
        request = Request(
            schema=SCHEMA,
            incident=run.state.id,
            stage=stage,
            title=title,
            repository=str(run.state.opened.get("repository", "")),
            remote=_text(run.state.opened.get("remote")),
            asked_at=utc_now(),
            asked_by={
                "user": user(),
                "email": signing.user_setting("user.email", os.environ) or None,
                "key": _own_key(),
            },
            plan=tuple(lines),
            plan_hash=digest,
            journal={"seq": seq, "seal": seal},
        )
        write_private(path, request.to_bytes())
    run.effect(
        Action.APPROVE,
        stage,
        lambda: Outcome(
            Status.MANUAL,
            f"The stage {stage} waits for a second person",
            reason=void or f"policy has {stage} approved by somebody else",
            data={"request": str(path), "plan": digest},
            manual=ManualStep(
                id=f"approve-{stage}",
                title=f"Have a second person approve the stage {stage}",
                why=f"Policy asks for it ([incident] approve). {void}".strip(),
                instructions=(
                    f"Give this file to somebody whom {signers_path(run.policy)} names: {path}",
                    f"They look at it and sign it: remediate approve {path.name}",
                    (
                        "With the .sig file that they give back: "
                        f"remediate resume {run.state.id} --approval {path.name}.sig"
                    ),
                ),
                check="ssh-keygen verifies it; what was approved is what is done.",
            ),
        ),
        key=key,
        detail={
            "plan": digest,
            "request": str(path),
            "sha256": hashlib.sha256(request.to_bytes()).hexdigest(),
        },
    )


def _void(run: Run, stage: str, why: str, *, but: str = "") -> bool:
    """Wait no more for the requests of *stage*, except the one with the key *but*; whether there were."""
    old = [e for e in waiting(run.state) if e.subject == stage and e.key != but]
    outcome = Outcome(Status.SKIPPED, f"The request to approve {stage} is void", reason=why)
    for effect in old:
        run.effect(Action.APPROVE, stage, lambda: outcome, key=effect.key, detail=effect.detail)
    return bool(old)


def _requests(run: Run, stage: str | None) -> Iterator[tuple[Effect, Request]]:
    """Every request of *stage* (None: of any) that is still as it was journalled."""
    for effect in list(run.state.effects.values()):
        if effect.action == Action.APPROVE and stage in (None, effect.subject):
            request = _kept(effect)
            if request is not None:
                yield effect, request


def _kept(effect: Effect) -> Request | None:
    """The request of *effect*, None where its file is gone or is not what was journalled."""
    try:
        data = Path(str(effect.detail.get("request"))).read_bytes()
        if hashlib.sha256(data).hexdigest() != effect.detail.get("sha256"):
            return None
        return Request.of(data, effect.key)
    except (OSError, ValueError, InputError):
        return None


def _own_key() -> str | None:
    try:
        return signing.fingerprint(signing.default_key(None, os.environ))
    except UsageError:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
