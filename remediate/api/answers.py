"""Questions in a process that has no person at it: two ways to answer them."""

from __future__ import annotations

from remediate.errors import MissingOptionError
from remediate.plugins.context import Asks
from remediate.secret import Secret


class Agrees:
    """``--yes``: every question gets its default."""

    def confirm(
        self, question: str, *, option: str, default: bool, why: str = "", typed: str = ""
    ) -> bool:
        """The default."""
        return default

    def secret(self, question: str, *, option: str, why: str = "") -> Secret | None:
        """Nobody is there to type one."""
        return None


class Nobody:
    """No terminal and no ``--yes``: a question ends the run, naming the option that answers it."""

    def confirm(
        self, question: str, *, option: str, default: bool, why: str = "", typed: str = ""
    ) -> bool:
        """Raises `MissingOptionError`."""
        raise MissingOptionError(question, option)

    def secret(self, question: str, *, option: str, why: str = "") -> Secret | None:
        """Nobody is there to type one; the manual step says how to bring it."""
        return None


def unasked(*, yes: bool) -> Asks:
    """Who answers where nobody is to be asked: *yes* agrees with every default."""
    return Agrees() if yes else Nobody()
