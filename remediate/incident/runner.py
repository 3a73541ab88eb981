"""The runner: takes an incident through its stages, once for all of them."""

from __future__ import annotations

from remediate.errors import Error, ExitStatus, InterruptedRunError
from remediate.incident.approval import gate
from remediate.incident.conclusion import Conclusion, conclude
from remediate.incident.redaction import unsaid
from remediate.incident.refusals import refuses, told
from remediate.incident.rows import Kind
from remediate.incident.run import Run
from remediate.stages.interface import DONE, WAITING, Result, Stage, stages

_STOPPING = (
    ExitStatus.USAGE,
    ExitStatus.BUG,
    ExitStatus.TAMPERED,
    ExitStatus.INTERRUPTED,
    ExitStatus.MANUAL,
    ExitStatus.DECLINED,
)
"""Errors that end the whole run; any other ends its stage, and what does not hang on it goes on."""

_UNAPPROVED = Result(WAITING, "waits for a second person to approve it")


def execute(run: Run) -> Conclusion:
    """Every stage in order, then the conclusion, journalled.

    A stage that is done is not run again. Raises nothing but what is a bug: an `Error` becomes part of
    the conclusion and an ``error`` event.
    """
    stopped: list[ExitStatus] = []
    try:
        for stage in stages():
            run.stage = stage.name
            with unsaid(run.redactor):
                stage.tidy(run)
        for stage in stages():
            if not _one(run, stage):
                break
    except Error as error:
        stopped.append(error.exit_status)
        _tell(run, error)
    except KeyboardInterrupt:
        interrupted = InterruptedRunError(
            "Interrupted. Everything done so far is in the journal; nothing is lost.",
            hint=f"Go on: remediate resume {run.state.id}",
        )
        stopped.append(interrupted.exit_status)
        _tell(run, interrupted)
    run.stage = None
    conclusion = conclude(run.state, run.options.limits(), *stopped)
    run.write(Kind.CONCLUDED, {"status": conclusion.status, "exit": int(conclusion.exit)})
    asked = conclusion.exit is ExitStatus.DONE and not run.options.limits()
    if asked and not _waits(run):
        _close(run)
    return conclusion


def _one(run: Run, stage: Stage) -> bool:
    """One stage; False where it waits for an approval, and the pipeline with it."""
    run.stage = stage.name
    known = run.state.stages.get(stage.name, {})
    with unsaid(run.redactor):
        if known.get("status") == DONE and not known.get("later") and not stage.again(run):
            return True
    reason = _left_out(run, stage)
    if reason is not None:
        if known.get("reason") != reason:
            run.write(Kind.STAGE_SKIPPED, {"reason": reason})
        run.emit("stage", name=stage.name, title=stage.title, status="skipped", reason=reason)
        return True
    try:
        with unsaid(run.redactor):
            result = _approved(run, stage)
    except Error as error:
        if error.exit_status is ExitStatus.DECLINED:
            run.refuse(f"stage {stage.name}", "the person who was asked said no")
        elif refuses(error) and not told(run.rows):
            run.refuse(f"stage {stage.name}", error.message)
        run.write(
            Kind.STAGE_FINISHED,
            {
                "status": "failed",
                "summary": error.message,
                "exit": int(error.exit_status),
                "message": error.message,
                "hint": error.hint,
            },
        )
        run.emit(
            "stage", name=stage.name, title=stage.title, status="failed", summary=error.message
        )
        if error.exit_status in _STOPPING:
            raise
        _tell(run, error)
        return True
    run.write(
        Kind.STAGE_FINISHED,
        {"status": result.status, "summary": result.summary, "later": result.later},
    )
    run.emit(
        "stage",
        name=stage.name,
        title=stage.title,
        status=result.status,
        summary=result.summary,
    )
    return result is not _UNAPPROVED


def _approved(run: Run, stage: Stage) -> Result:
    """The stage done, where policy does not have it wait for somebody else."""
    if not gate(run, stage.name, stage.title, lambda: stage.plan(run)):
        return _UNAPPROVED
    run.write(Kind.STAGE_STARTED, {})
    run.emit("stage", name=stage.name, title=stage.title, status="started")
    return stage.act(run)


def _left_out(run: Run, stage: Stage) -> str | None:
    options = run.options
    if options.only and stage.name not in options.only:
        return "not in --only"
    if stage.name in options.skip:
        return f"--skip {stage.name}"
    if stage.vendors and options.offline:
        return "--offline"
    if stage.name == "publish" and not options.push:
        return "--no-push"
    for name in stage.needs:
        if run.state.stages.get(name, {}).get("status") != DONE:
            return f"{name} is not done"
    return None


def _tell(run: Run, error: Error) -> None:
    run.emit("error", error={"code": error.code, "message": error.message, "hint": error.hint})


def _waits(run: Run) -> bool:
    """Whether something is still to come later, with nobody at fault: a deletion that is not due."""
    return any(bool(stage.get("later")) for stage in run.state.stages.values())


def _close(run: Run) -> None:
    """Nothing is left: custody is emptied, for a value that is not kept can't leak."""
    # Written first: a crash after it finds no values any more, and knows why.
    run.write(Kind.CUSTODY, {"fingerprint": "", "purpose": "closing", "action": "emptied"})
    run.custody.empty()
    concluded = run.state.concluded or {}
    run.write(Kind.CLOSED, dict(concluded))
