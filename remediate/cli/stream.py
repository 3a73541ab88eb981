"""The event stream of ``run``, ``resume`` and ``demo``: JSON Lines for scripts, a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remediate.api.assembling import begun, ended
from remediate.cli.console import Console, error_document
from remediate.cli.rerun_view import tell_reruns
from remediate.errors import Error, ExitStatus, OutputError
from remediate.incident.conclusion import Conclusion
from remediate.incident.events import Event
from remediate.model import ManualStep
from remediate.wording import count


class Ended:
    """Whether this process has said its first and its last word already."""

    begun = False
    told = False


_MARKS = {
    "done": "ok",
    "unchanged": "ok",
    "manual": "you",
    "refused": "NO",
    "unreachable": "NO",
    "unknown": "??",
    "skipped": "--",
}
_FINISHED_STATUS = {ExitStatus.INTERRUPTED: "interrupted", ExitStatus.DECLINED: "refused"}


class Stream:
    """Listens to a run and tells it on: to a script or to a person."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begin()

    def _begin(self) -> None:
        if self._console.as_json:
            begin(self._console)

    def __call__(self, event: Event) -> None:
        """A `remediate.incident.events.Listener`.

        Where nobody can be told any more, the run is stopped as Ctrl-C would: what is done unseen could be
        what whoever has left meant to stop.
        """
        try:
            self._tell(event)
        except OutputError as error:
            self._console.error(error)
            raise KeyboardInterrupt from None

    def _tell(self, event: Event) -> None:
        if self._console.as_json:
            self._console.line(event.line())
            return
        tell = getattr(self, f"_{event.name}", None)
        if tell is not None:
            tell(event.data)

    def finished(self, conclusion: Conclusion, incident: str, record: Path | None) -> None:
        """The last word."""
        Ended.told = True
        if self._console.as_json:
            self._console.line(ended(conclusion, incident or None, record).line())
            return
        say = self._console.say
        say()
        partly = conclusion.status == "partial" and conclusion.on_word
        said = _ON_WORD if partly else _VERDICTS[conclusion.status]
        self._console.paragraph(said, style="bold")
        for step in conclusion.manual:
            say()
            tell_step(self._console, step)
        tell_reruns(self._console, conclusion.reruns)
        if record is not None:
            say()
            say(f"Record: {record.with_suffix('.md')}")
        if conclusion.exit is not ExitStatus.DONE:
            say(f"Go on: remediate resume {incident}")

    def _unread(self, data: Mapping[str, Any]) -> None:
        """What a search could not read, and why: an unrelated archive can be what all waits for."""
        named = data.get("unread", ())
        for thing in named:
            self._console.marked(9, "??", f"{thing['what']}: {thing['reason']}")
        more = int(data.get("unreadable", 0)) - len(named)
        if more > 0:
            self._console.say(f"             and {more} more, which the record names")

    def _incident(self, data: Mapping[str, Any]) -> None:
        how = "resumed" if data.get("resumed") else "opened"
        self._console.say(f"Incident {data['id']} {how}.", style="bold")

    def _stage(self, data: Mapping[str, Any]) -> None:
        status = data["status"]
        if status == "started":
            self._console.note(f"{data['title']} …")
        elif status == "skipped":
            self._marked(2, "--", f"{data['name']}: left out ({data['reason']})", quiet=True)
        else:
            mark = {"done": "ok", "waiting": "...", "failed": "NO"}[status]
            # Why a stage failed comes as an error of its own.
            said = "not done" if status == "failed" else data.get("summary", "")
            self._marked(2, mark, f"{data['name']}: {said}")

    def _marked(self, indent: int, mark: str, text: str, *, quiet: bool = False) -> None:
        if not (quiet and self._console.quiet):
            self._console.marked(indent, mark, text)

    def _effect(self, data: Mapping[str, Any]) -> None:
        reason = f" ({data['reason']})" if data.get("reason") else ""
        quiet = data["status"] in ("done", "unchanged", "skipped")
        self._marked(5, _MARKS[data["status"]], f"{data['summary']}{reason}", quiet=quiet)

    def _progress(self, data: Mapping[str, Any]) -> None:
        self._console.progress(data["step"], data["done"], data["total"])

    def _verified(self, data: Mapping[str, Any]) -> None:
        word, dark = "nothing left", int(data.get("unreadable", 0))
        if not data["clean"]:
            left = count(data["remnants"], "remnant") if data["remnants"] else "nothing found"
            word = f"NOT clean: {left}" + (
                f", {count(dark, 'thing')} could not be read" if dark else ""
            )
        self._marked(5, "ok" if data["clean"] else "NO", f"verified {data['when']}: {word}")
        self._unread(data)

    def _advice(self, data: Mapping[str, Any]) -> None:
        if self._console.verbose:
            self._marked(5, "tip", str(data["text"]))

    def _rerun(self, data: Mapping[str, Any]) -> None:
        mark = "you" if data["sure"] else "you?"
        self._marked(5, mark, f"to run again: {data['what']} ({data['why']})", quiet=True)

    def _error(self, data: Mapping[str, Any]) -> None:
        error = data["error"]
        self._console.marked(2, "NO", str(error["message"]), style="bold")
        if error["hint"]:
            self._console.say(f"      {error['hint']}")


def tell_step(console: Console, step: ManualStep) -> None:
    """A manual step, for a person: prose in lines of the terminal's width, commands and addresses whole."""
    inner, hang = "    ", "  "
    console.paragraph(f"Yours to do: {step.title}   [{step.id}]", indent="  ", hang=hang)
    console.paragraph(f"Why: {step.why}", indent=inner, hang=hang)
    if step.url:
        console.paragraph(f"Where: {step.url}", indent=inner, hang=hang)
    for number, instruction in enumerate(step.instructions, 1):
        console.paragraph(f"{number}. {instruction}", indent=inner, hang="   ")
    if step.check:
        console.paragraph(f"Afterwards: {step.check}", indent=inner, hang=hang)
    if step.takes_value:
        order = f"remediate resume --value {step.id}"
        console.paragraph(f"Then hand in the new value: {order}", indent=inner, hang=hang)
    if step.on_word:
        console.paragraph(when_done(step), indent=inner, hang=hang)


def when_done(step: ManualStep) -> str:
    """How a person says that *step*, which nobody else can see done, is done."""
    return f"When you have: remediate resume --done {step.id}"


_ON_WORD = "Done, as far as anybody but a person can see: the rest stands on a person's word, as the record says."
_VERDICTS = {
    "clean": "Done: all that was asked for is done, and nothing was found where we looked.",
    "partial": "Done as far as your flags allow; the rest was left out on your word.",
    "manual": "Done as far as remediate can; what is left needs you.",
    "remnants": "NOT clean: something is left, or could not be read. The record says what.",
    "refused": "Not finished: something was refused. The record says what.",
    "interrupted": "Interrupted; nothing is lost.",
    "failed": "Failed. What was done before is in the record.",
}


def begin(console: Console) -> None:
    """The first line of a stream, once a process."""
    if not Ended.begun:
        Ended.begun = True
        console.line(begun().line())


def finish(console: Console, **last: Any) -> None:
    """The last line of a stream."""
    Ended.told = True
    console.line(
        {
            "event": "finished",
            "status": last["status"],
            "exit": last["code"],
            "incident": last.get("incident"),
            "record": last.get("record"),
            "manual": last.get("manual", []),
            "reruns": last.get("reruns", {"jobs": [], "not_known": []}),
        }
    )


def failed(console: Console, error: Error) -> None:
    """A stream that ends in *error*, from whatever point it had come to."""
    begin(console)
    console.line({"event": "error", **error_document(error)})
    finish(
        console,
        status=_FINISHED_STATUS.get(error.exit_status, "failed"),
        code=int(error.exit_status),
    )
