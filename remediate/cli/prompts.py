"""Asking: a prompt and a flag are the same question. Three ways to answer it, one port."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

from remediate.api.answers import unasked
from remediate.cli.console import Console
from remediate.errors import MissingOptionError
from remediate.incident.redaction import harmless
from remediate.plugins.context import Asks
from remediate.secret import Secret


class Person:
    """Somebody at the terminal. Values are typed without echo."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def confirm(
        self, question: str, *, option: str, default: bool, why: str = "", typed: str = ""
    ) -> bool:
        """Ask until the answer is yes or no; Enter takes the default."""
        self._explain(why, option)
        marks = "[Y/n]" if default else "[y/N]"
        while True:
            answer = ask_line(self._console, f"{question} {marks} ", question, option).lower()
            if not answer:
                return default
            if answer in ("y", "yes"):
                return True
            if answer in ("n", "no"):
                return False
            self._console.say("Please answer yes or no.")

    def _explain(self, why: str, option: str) -> None:
        for line in why.splitlines():
            self._console.paragraph(line, indent="  ", style="dim")

    def secret(self, question: str, *, option: str, why: str = "") -> Secret | None:
        """Ask without echo; None for an empty line."""
        self._explain(why, option)
        self._console.paragraph(question)
        typed = ask_hidden(self._console, "Value (not shown): ", question, option)
        return Secret(typed) if typed else None


def ask_line(console: Console, prompt: str, question: str, option: str) -> str:
    """The line that a person types after *prompt*, without the blanks around it.

    Raises `MissingOptionError` at the input's end, with *question* and the *option* that answers it.
    """
    console.settle()
    _forget_typed()
    sys.stderr.write(harmless(prompt))
    sys.stderr.flush()
    try:
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        sys.stderr.write("\n")  # what is said of it begins a line
        raise
    if not line:
        raise MissingOptionError(question, option)
    return line.strip()


def ask_hidden(console: Console, prompt: str, question: str, option: str) -> str:
    """Like `ask_line`, without echo. What is typed before the prompt stands is dropped by getpass."""
    import getpass

    console.settle()
    try:
        return getpass.getpass(harmless(prompt), stream=sys.stderr).strip()
    except EOFError:
        raise MissingOptionError(question, option) from None
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        raise


def _forget_typed() -> None:
    """What was typed before a question was there is no answer to it."""
    import termios

    with contextlib.suppress(OSError, ValueError, termios.error):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


_AROUND = 5
"""Lines around a question: an empty one, the command for a script (which may take two), the answer's."""


class Guided(Person):
    """Somebody who does this for the first time: what is severe is confirmed by typing a name, and each
    question ends with the command that answers it in a script."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.before: Callable[[int], None] = lambda _lines: None
        """Called before a question is put, with the lines it takes: what must be seen meanwhile."""
        self.script: Callable[[str], str] = lambda _option: ""
        """The command that does in a script what the question, answered by this option, does."""

    def confirm(
        self, question: str, *, option: str, default: bool, why: str = "", typed: str = ""
    ) -> bool:
        """Like `Person.confirm`; where *typed* is given, that word is the yes and an empty line the no."""
        self.before(self._lines(f"{why}\n{question}"))
        if not typed:
            return super().confirm(question, option=option, default=default, why=why)
        self._console.say()
        self._explain(why, option)
        wanted = harmless(typed)
        while True:
            answer = ask_line(
                self._console,
                f"{question}\n  Type {wanted} for yes, or press Enter for no: ",
                question,
                option,
            )
            if answer in (typed, wanted):
                return True
            if answer.lower() in ("", "n", "no"):
                return False
            self._console.say(f"That is not {wanted}. Nothing was done.")

    def secret(self, question: str, *, option: str, why: str = "") -> Secret | None:
        """Like `Person.secret`."""
        self.before(self._lines(f"{why}\n{question}"))
        return super().secret(question, option=option, why=why)

    def _lines(self, text: str) -> int:
        """How many lines a question takes with all that is said about it, the answer's among them."""
        return sum(self._console.breaks(line, indent="  ") for line in text.splitlines()) + _AROUND

    def _explain(self, why: str, option: str) -> None:
        super()._explain(why, option)
        command = self.script(option)
        if command:
            # In one piece, however narrow the terminal: it is there to be copied.
            self._console.say(f"  In a script: {command}", style="dim")


def asks(console: Console, *, yes: bool) -> Asks:
    """Who answers questions in this process."""
    if not yes and sys.stdin.isatty() and sys.stderr.isatty():
        return Person(console)
    return unasked(yes=yes)
