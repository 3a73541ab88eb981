"""Where words go: JSON to standard output for scripts, everything for people beside it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from remediate.cli.progress import ProgressLine
from remediate.cli.streams import silence
from remediate.errors import Error, OutputError
from remediate.incident.redaction import harmless

if TYPE_CHECKING:
    from rich.text import Text


_MARKS = {
    "ok": "green",
    "you": "bold yellow",
    "NO": "bold red",
    "??": "yellow",
    "...": "yellow",
    "--": "dim",
}


class Unheard:
    """Whether this process's standard output could not be written to: nothing more is, then."""

    since: OutputError | None = None


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """Writing to standard output. Raises `OutputError`, once: what is said after it is dropped."""
    try:
        yield
    except OSError as error:
        silence(sys.stdout)
        if Unheard.since is None:
            Unheard.since = OutputError(
                f"Standard output can't be written to: {error.strerror}. Nothing is lost.",
                hint="Mend that, and run the same again; a run that had begun: remediate resume",
            )
            Unheard.since.left = isinstance(error, BrokenPipeError)
            raise Unheard.since from None


def _left() -> None:
    """In place of rich's own answer to a reader who has left, which ends the process with 1."""
    raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


class Console:
    """The one way to the terminal.

    With ``--json`` standard output carries JSON alone, and text for people goes to standard error.
    Control characters in anything that came from outside are made harmless here.
    """

    def __init__(
        self,
        *,
        as_json: bool = False,
        plain: bool = False,
        quiet: bool = False,
        verbose: bool = False,
    ) -> None:
        self.as_json = as_json
        self.plain = plain
        self.quiet = quiet
        self.verbose = verbose
        self._rich: Any = None
        self._progress: ProgressLine | None = None
        self.lead: Callable[[], str] = str
        """What a line of progress begins with."""
        self.lines = 0
        """How many lines were written for people so far, as the terminal's width breaks them."""

    @property
    def rich(self) -> Any:
        """The rich console for people, made when first needed."""
        if self._rich is None:
            from rich.console import Console as Rich

            self._rich = Rich(
                stderr=self.as_json,
                no_color=True if self.plain else None,
                force_terminal=False if self.plain else None,
                highlight=False,
                soft_wrap=True,
                markup=False,
            )
            self._rich.on_broken_pipe = _left
        return self._rich

    def progress(self, step: str, done: int, total: int | None) -> None:
        """How far a long step is: a moving line on a terminal, a line now and then elsewhere.

        A `remediate.history.model.Progress`.
        """
        if self.quiet or self.as_json:
            return
        if self._progress is None:
            rich = self.rich
            moving = bool(rich.is_terminal and not rich.is_dumb_terminal and not self.plain)
            self._progress = ProgressLine(
                moving=moving,
                out=rich.file,
                width=lambda: int(rich.width),
                lead=lambda: harmless(self.lead()),
            )
        with self._heard():
            self._progress.tell(harmless(step), done, total)

    def settle(self) -> None:
        """Take a moving line away, for something else is to be written."""
        if self._progress is not None:
            with self._heard():
                self._progress.clear()

    def say(self, text: str = "", *, style: str = "") -> None:
        """A line for people. A line feed in *text* (of a path, a vendor's message) begins no line of ours:
        what follows is set in."""
        self.settle()
        self._print(_set_in(text), style)

    def marked(self, indent: int, mark: str, text: str, *, style: str = "") -> None:
        """A line that begins with a mark (``ok``, ``you``, ``NO``): a word, whose colour only repeats it."""
        from rich.text import Text

        words, hang = _set_in(text), " " * (indent + 4)
        if self.rich.is_terminal and not self.plain and "\n" not in words:
            # On a narrow terminal what follows stays below the text; elsewhere a fact is a line.
            words = "\n".join(_wrapped(words, int(self.rich.width), hang, hang)).lstrip()
        colour = "" if self.plain else _MARKS.get(mark, "")
        line = Text.assemble(
            " " * indent, (f"{mark:<3}", colour), " ", (words, "" if self.plain else style)
        )
        self.settle()
        self._print(line, "")

    def paragraph(self, text: str, *, indent: str = "", hang: str = "", style: str = "") -> None:
        """Sentences for people, broken between words where the terminal is narrow; addresses and commands
        stay whole, to be copied.

        *hang*: what lines but the first are set in by, beyond *indent*.
        """
        width = min(100, int(self.rich.width))
        lines = _wrapped(harmless(text).replace("\n", " "), width, indent, indent + hang)
        self.settle()
        for line in lines or [""]:
            self._print(line, style)

    def breaks(self, text: str, *, indent: str = "") -> int:
        """How many lines `paragraph` makes of *text*."""
        width = min(100, int(self.rich.width))
        return max(1, len(_wrapped(harmless(text).replace("\n", " "), width, indent, indent)))

    def _print(self, text: str | Text, style: str) -> None:
        width = max(1, int(self.rich.width))
        self.lines += sum(1 + max(0, len(line) - 1) // width for line in str(text).split("\n"))
        with self._heard():
            self.rich.print(text, style=None if self.plain else style or None)

    def _heard(self) -> contextlib.AbstractContextManager[None]:
        # With --json people's text goes to standard error, and nothing hangs on who reads that.
        return contextlib.suppress(OSError) if self.as_json else heard()

    def note(self, text: str, *, style: str = "dim") -> None:
        """A line that --quiet leaves out."""
        if not self.quiet:
            self.say(text, style=style)

    def document(self, data: Mapping[str, Any] | list[Any]) -> None:
        """The one JSON document of a command."""
        self.payload(json.dumps(data, indent=2, ensure_ascii=True))

    def line(self, data: Mapping[str, Any]) -> None:
        """One line of JSON Lines, at once."""
        self.payload(json.dumps(data, ensure_ascii=True))

    def payload(self, text: str) -> None:
        """A text that is the command's result, as it is."""
        with heard():
            sys.stdout.write(text if text.endswith("\n") else text + "\n")
            sys.stdout.flush()

    def error(self, error: Error) -> None:
        """An error, for people: what happened, then what to do. Always on standard error."""
        with contextlib.suppress(OSError):
            sys.stderr.write(f"remediate: {_set_in(error.message)}\n")
            if error.hint:
                sys.stderr.write(f"  {_set_in(error.hint)}\n")


_COMMAND = re.compile(
    r"`[^`]+`|(?:^|(?<=: )|(?<=\d\. ))(?:(?:git|remediate|gh|aws|gcloud|az|kubectl|vault|psql|ssh-keygen) "
    r"(?:(?![.,;] |\)).)+|\(umask [^)]*\))"
)
"""A command in a sentence: in backticks, or behind a colon up to the end or the next pause."""
_TIED = "\0"
"""Stands for a blank that no line is broken at. `harmless` leaves none."""


def _wrapped(text: str, width: int, first: str, others: str) -> list[str]:
    tied = _COMMAND.sub(lambda found: found[0].replace(" ", _TIED), text)
    lines = _broken(tied, width, first, others)
    return [line.replace(_TIED, " ") for line in lines]


def _broken(text: str, width: int, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        text,
        width=max(20, width),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _set_in(text: str) -> str:
    return harmless(text).replace("\n", "\n    | ")


def error_document(error: Error) -> dict[str, Any]:
    """An error for scripts."""
    return {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
