"""record.md: what a manager and an auditor read. Every value in it is escaped."""

from __future__ import annotations

from collections.abc import Callable

from remediate.record import tables
from remediate.record.escaping import block, code, line, link, prose, table
from remediate.record.model import Communication, Duty, ManualEntry, Moment, Record
from remediate.record.spans import RESPONSE_NAMES, took
from remediate.record.spans import duration as duration
from remediate.record.tables import NOT_KNOWN, rows, said


def to_markdown(record: Record) -> str:
    """The record as Markdown (CommonMark with GitHub's tables), with a newline at the end."""
    parts = [f"# Incident {prose(record.incident) or 'without a name'}: {record.status}"]
    parts += [_facts_of(record), line(record.communication.summary)]
    for title, section in _SECTIONS:
        body = section(record)
        if body:
            parts += [f"## {title}", body]
    return "\n\n".join(parts) + "\n"


def _facts_of(record: Record) -> str:
    times = record.times
    seconds = times.detection_to_containment_seconds
    run = record.conclusion
    cells: list[tuple[str, ...]] = [
        ("Status", str(record.status)),
        ("Severity", prose(record.severity)),
        ("Repository", code(record.repository) or NOT_KNOWN),
        ("Remote", code(record.remote or "") or "none"),
        ("First committed", _moment(times.introduced)),
        ("First out", _moment(times.first_out)),
        ("Detected", _moment(times.detected)),
        ("Contained", _moment(times.contained)),
        ("Detection to containment", NOT_KNOWN if seconds is None else duration(seconds)),
        ("Resolved", _moment(times.resolved)),
        (
            "Last run",
            "under way, or cut off"
            if run is None
            else prose(run.status) + ("" if run.exit is None else f" (exit {run.exit})"),
        ),
        ("This record is as of", prose(record.generated_at or NOT_KNOWN)),
    ]
    return table(("", ""), cells)


def _moment(when: Moment) -> str:
    if when.at:
        return prose(when.at) + (f" ({prose(when.note)})" if when.note else "")
    return f"{NOT_KNOWN}: {prose(when.note)}" if when.note else NOT_KNOWN


def _open_steps(record: Record) -> str:
    left = [step for step in record.manual if step.done_at is None]
    return "\n\n".join(_step(step, number) for number, step in enumerate(left, 1))


def _step(step: ManualEntry, number: int) -> str:
    lines = [f"{number}. **{prose(step.title)}** ({code(step.id)})"]
    lines += [f"   - Why: {prose(step.why)}"] if step.why else []
    lines += [f"   - Who: {prose(step.owner)}"] if step.owner else []
    lines += [f"   - Where: {link(step.url)}"] if step.url else []
    lines += [f"   - {line(order)}" for order in step.instructions]
    lines += [f"   - Then: {prose(step.check)}"] if step.check else []
    if step.takes_value:
        lines.append(f"   - Hand the new value in: {code(f'remediate resume --value {step.id}')}")
    if step.on_word:
        lines.append(f"   - When you have: {code(f'remediate resume --done {step.id}')}")
    return "\n".join(lines)


def _done_steps(record: Record) -> str:
    done = [step for step in record.manual if step.done_at is not None]
    return rows(
        ("Step", "Asked for", "Done"),
        done,
        lambda s: (
            prose(s.title),
            prose(s.since or ""),
            prose(s.done_at or "") + (f", on {prose(s.done_by)}'s word" if s.done_by else ""),
        ),
    )


def _advice(record: Record) -> str:
    return "\n".join(f"- {line(text)}" for text in record.advice)


def _response(record: Record) -> str:
    return rows(
        ("Part", "Took", "Target", "Met"),
        record.response,
        lambda one: (
            prose(RESPONSE_NAMES.get(one.name, one.name)),
            took(one),
            "" if one.target is None else duration(one.target),
            "" if one.met is None else said(one.met),
        ),
    )


def _duties(record: Record) -> str:
    return "\n\n".join(_duty(duty) for duty in record.duties)


def _duty(duty: Duty) -> str:
    lines = [f"- [ ] **{prose(duty.question)}**", f"  {prose(duty.known)}"]
    lines += [
        f"  - {prose(clock.rule)}: within {prose(clock.within)}"
        + (f", counted from detection {prose(clock.due)}" if clock.due else "")
        for clock in duty.clocks
    ]
    return "\n".join(lines)


def _lessons(record: Record) -> str:
    return "\n".join(f"- {line(text)}" for text in record.lessons)


def _communication(record: Record) -> str:
    return block(communication_lines(record.communication))


def communication_lines(template: Communication) -> list[str]:
    """The notification as plain lines, to be sent as they are."""
    return [
        f"Severity: {template.severity}",
        f"Time detected: {template.time_detected}",
        f"Affected systems: {'; '.join(template.affected_systems) or NOT_KNOWN}",
        f"Status: {template.status}",
        f"Summary: {template.summary}",
        f"Impact: {template.impact}",
        f"Actions taken: {'' if template.actions_taken else 'none yet'}".rstrip(),
        *(f"- {action}" for action in template.actions_taken),
        f"Next update: {template.next_update}",
    ]


def _about(record: Record) -> str:
    report = record.report
    return (
        f"Made by remediate {prose(record.version)} from the incident's journal alone; the same journal "
        f"gives the same record, byte for byte. Report: {code(said(report.get('name')))} "
        f"({prose(said(report.get('format')))}), handed in by {prose(record.started_by)}. A "
        "fingerprint is an HMAC of a secret under this installation's own key: it tells secrets apart, "
        "and nothing of them can be guessed from it. No secret value is in this record."
    )


_SECTIONS: tuple[tuple[str, Callable[[Record], str]], ...] = (
    ("What a person still has to do", _open_steps),
    ("Jobs to run again", tables.reruns),
    ("What leaked", tables.secrets),
    ("Credentials", tables.credentials),
    ("What was reachable", tables.reach),
    ("What may have been left behind", tables.footholds),
    ("What was done while it was out", tables.events),
    ("History", tables.history),
    ("What was searched", tables.searches),
    ("What was not searched", tables.not_searched),
    ("What is not known", tables.gaps),
    ("Asked for and not done", tables.refusals),
    ("Time line", tables.timeline),
    ("Actions and their evidence", tables.actions),
    ("What a person has done", _done_steps),
    ("What was learned", tables.learned),
    ("Response times", _response),
    ("Duties that a person decides", _duties),
    ("Lessons", _lessons),
    ("Advice", _advice),
    ("Communication", _communication),
    ("About this record", _about),
)
