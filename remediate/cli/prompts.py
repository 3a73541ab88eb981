"""Asking: a prompt and a flag are the same question. Three ways to answer it, one port."""

from __future__ import annotations

import sys

from remediate.cli.console import Console
from remediate.errors import MissingOptionError
from remediate.secret import Secret


class Agrees:
    """``--yes``: every question gets its default."""

    def confirm(self, question: str, *, option: str, default: bool, why: str = "") -> bool:
        """The default."""
        return default

    def secret(self, question: str, *, option: str) -> Secret | None:
        """Nobody is there to type one."""
        return None


class Nobody:
    """No terminal and no ``--yes``: a question ends the run, naming the option that answers it."""

    def confirm(self, question: str, *, option: str, default: bool, why: str = "") -> bool:
        """Raises `MissingOptionError`."""
        raise MissingOptionError(question, option)

    def secret(self, question: str, *, option: str) -> Secret | None:
        """Nobody is there to type one; the manual step says how to bring it."""
        return None


class Person:
    """Somebody at the terminal. Values are typed without echo."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def confirm(self, question: str, *, option: str, default: bool, why: str = "") -> bool:
        """Ask until the answer is yes or no; Enter takes the default."""
        if why:
            self._console.say(why, style="dim")
        marks = "[Y/n]" if default else "[y/N]"
        while True:
            sys.stderr.write(f"{question} {marks} ")
            sys.stderr.flush()
            line = sys.stdin.readline()
            if not line:
                raise MissingOptionError(question, option)
            answer = line.strip().lower()
            if not answer:
                return default
            if answer in ("y", "yes"):
                return True
            if answer in ("n", "no"):
                return False
            self._console.say("Please answer yes or no.")

    def secret(self, question: str, *, option: str) -> Secret | None:
        """Ask without echo; None for an empty line."""
        import getpass

        self._console.say(question)
        typed = getpass.getpass("Value (not shown): ", stream=sys.stderr).strip()
        return Secret(typed) if typed else None


def asks(console: Console, *, yes: bool) -> Agrees | Nobody | Person:
    """Who answers questions in this process."""
    if yes:
        return Agrees()
    return Person(console) if sys.stdin.isatty() and sys.stderr.isatty() else Nobody()
