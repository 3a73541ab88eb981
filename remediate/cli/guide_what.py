"""The guide's first question: what leaked. Ends with the secrets, whatever the person could hand in."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from remediate.cli.console import Console
from remediate.cli.prompts import ask_hidden, ask_line
from remediate.errors import DeclinedError, Error, MissingOptionError
from remediate.wording import count

if TYPE_CHECKING:
    from remediate.history.repo import Repo
    from remediate.incident.intake import Intake
    from remediate.incident.opening import Installation
    from remediate.plugins.context import Asks, VendorContext
    from remediate.plugins.report import Document
    from remediate.reports.secrets import DistinctSecret


@dataclass(frozen=True)
class HandedIn:
    """What a person handed in."""

    taken: Intake
    typed: bool
    """Whether they typed the values themselves."""
    again: str
    """The command that does the same in a script."""


BEFORE = (
    "It tells us which key to kill. Nothing is changed or sent anywhere yet; q leaves all as it is."
)
CHOICES = (
    "1  Paste the secret. It is not shown while you do.",
    "2  Give a scanner's report: the name of its file.",
    "3  Give the address of a GitHub secret scanning alert.",
    "4  Neither is at hand: have this repository looked through.",
)
_END = ("q", "quit", "exit")
_MOST_LINES = 500
"""Of one key."""
_SHORTEST = 8
"""Characters. What is shorter stands in too many places by chance, and no vendor issues it."""


class What:
    """Asks until there is something to work on."""

    def __init__(
        self, console: Console, repo: Repo, here: Installation, asks: Asks, vendor: VendorContext
    ) -> None:
        self._console = console
        self._repo = repo
        self._here = here
        self._asks = asks
        self._vendor = vendor

    def handed_in(self) -> HandedIn:
        """Raises `DeclinedError` where the person leaves, `MissingOptionError` at the input's end."""
        say = self._console.say
        ways: dict[str, Callable[[], HandedIn | None]] = {
            "": self._paste, "1": self._paste, "2": self._report, "3": self._alert, "4": self._look,
        }  # fmt: skip
        while True:
            say()
            say("What do you have?", style="bold")
            self._console.paragraph(BEFORE, indent="  ", style="dim")
            for line in CHOICES:
                self._console.paragraph(line, indent="  ", hang="   ")
            say(
                "  In a script: remediate run REPORT   (- reads a secret or a report from standard input)",
                style="dim",
            )
            answer = self._line("1 to 4, a file or an address (Enter: 1; q: leave): ")
            if answer.lower() in _END:
                raise DeclinedError(
                    "Nothing was done: you left. The key still works for whoever has it.",
                    hint="Come back with: remediate",
                )
            try:
                if answer.lower() in ways:
                    found = ways[answer.lower()]()
                elif answer.startswith(("http://", "https://")):
                    found = self._alert(answer)
                else:
                    found = self._report(answer)
            except Error as error:
                if isinstance(error, MissingOptionError):
                    raise
                say(f"That did not work: {error.message}")
                if error.hint:
                    say(f"  {error.hint}")
                continue
            if found is not None and found.taken.secrets:
                return found

    def _line(self, prompt: str) -> str:
        return ask_line(self._console, prompt, "what leaked?", "a report (remediate run REPORT)")

    def _hidden(self, prompt: str) -> str:
        return ask_hidden(self._console, prompt, "what leaked?", "a report (remediate run REPORT)")

    def _paste(self) -> HandedIn | None:
        """One value. A key of many lines ends at its END line, any other at the first line's end.

        A person whose key has no such line gets out with two empty ones.
        """
        from remediate.reports.canonical import canonical
        from remediate.reports.secrets import DistinctSecret
        from remediate.secret import Secret

        lines = [self._hidden("Secret (not shown): ")]
        if lines[0].startswith("-----BEGIN "):
            self._console.say("Go on: it ends with its END line (or with two empty lines).")
            while (
                not lines[-1].startswith("-----END ")
                and lines[-2:] != ["", ""]
                and len(lines) < _MOST_LINES
            ):
                lines.append(self._hidden(""))
        value = "\n".join(lines).strip()
        wrong = _no_secret(value)
        if wrong:
            self._console.say(wrong)
            return None
        secret = Secret(canonical(value.encode("utf-8", "surrogateescape")))
        return HandedIn(
            self._known([DistinctSecret(secret, ())], "typed"),
            typed=True,
            again="remediate run -   (the secret on standard input)",
        )

    def _report(self, name: str = "") -> HandedIn | None:
        from remediate.reports.read import load

        name = name or self._line("The report's file (Enter: back): ")
        if not name:
            return None
        path = Path(name.strip("'\"")).expanduser()
        if not path.is_file():
            self._console.say(f"There is no file {path} here ({Path.cwd()}).")
            return None
        document = load(str(path), sys.stdin.buffer)
        return self._read(document, f"remediate run {path}")

    def _alert(self, address: str = "") -> HandedIn | None:
        from remediate.plugins.host import ReadsAlerts
        from remediate.plugins.registry import hosts
        from remediate.plugins.report import Document

        address = address or self._line("The alert's address (Enter: back): ")
        if not address:
            return None
        for host in hosts:
            data = host.read_alert(address, self._vendor) if isinstance(host, ReadsAlerts) else None
            if data is not None:
                again = (
                    "remediate run alerts.json   (gh api …/secret-scanning/alerts > alerts.json)"
                )
                return self._read(Document("the alert", data), again)
        self._console.say(
            "That is no address of a secret scanning alert that can be read from here."
        )
        self._console.say(
            "  It looks like https://github.com/OWNER/REPO/security/secret-scanning/7"
        )
        return None

    def _look(self) -> HandedIn | None:
        from remediate.incident.searching import search
        from remediate.reports.scanners import installed

        where = (self._repo.work_tree or self._repo.git_dir).resolve()
        scanner = installed(os.environ)
        if scanner is not None:
            command = " ".join(scanner.command(where))
            if self._asks.confirm(
                f"Run {scanner.name} over {where.name}?",
                option="--yes",
                default=True,
                why=f"It is installed here, and finds more than we do by ourselves.\n"
                f"Yes: {command}\nNo: we look for what has a shape of its own (tokens with a vendor's "
                "prefix, private keys).\nThere is nothing to take back: neither changes anything or asks a "
                "vendor.",
            ):
                return self._chosen(self._read(scanner.run(where), f"{command} | remediate run -"))
        found = search(self._repo, progress=self._console.progress)
        if not found:
            self._console.say(
                "No token with a known prefix and no private key was found. A password has no such shape: "
                "paste it, or run a scanner."
            )
            return None
        return self._chosen(
            HandedIn(self._known(found, "search"), typed=False, again="remediate run REPORT")
        )

    def _chosen(self, found: HandedIn) -> HandedIn | None:
        """What was looked for and not handed in is looked through by the person first."""
        from dataclasses import replace

        from remediate.incident.intake import only
        from remediate.incident.naming import called
        from remediate.incident.redaction import redactor

        credentials = found.taken.credentials
        if not credentials:
            self._console.say("Nothing was found.")
            return None
        redact = redactor(found.taken.values.values())
        secrets = {secret.fingerprint: secret for secret in found.taken.secrets}
        self._console.say(f"Found {len(credentials)}:")
        for number, credential in enumerate(credentials, 1):
            self._console.say(f"  {number:>2}  {called(credential, secrets, redact)}")
        self._console.paragraph(
            "Those you choose go on to be killed and removed from history; the others stay as they are. You "
            "are asked before anything is done.",
            indent="  ",
            style="dim",
        )
        self._console.say(f"  In a script: {found.again}", style="dim")
        while True:
            answer = self._line("Which have leaked? Numbers, or Enter for all, 0 for none: ")
            words = answer.replace(",", " ").split()
            if words == ["0"]:
                return None
            if all(word.isdigit() and 1 <= int(word) <= len(credentials) for word in words):
                chosen = [credentials[int(word) - 1] for word in words] or list(credentials)
                return replace(found, taken=only(found.taken, chosen))
            self._console.say(f"Please give numbers from 1 to {len(credentials)}.")

    def _read(self, document: Document, again: str) -> HandedIn:
        from remediate.incident.intake import take_in

        taken = take_in(document, self._repo, self._here.key)
        if not taken.secrets:
            self._console.say(f"{document.name} names no secret: there is nothing to do for it.")
        return HandedIn(taken, typed=False, again=again)

    def _known(self, secrets: Sequence[DistinctSecret], way: str) -> Intake:
        from remediate.incident.intake import take_in_values

        return take_in_values(secrets, self._repo, self._here.key, name=way)


def _no_secret(value: str) -> str:
    """Why what was pasted can't be the secret that was meant; empty where it may be. Never shows it."""
    if not value:
        return "Nothing was pasted. Nothing was done."
    if value.startswith("-----BEGIN "):
        whole = value.splitlines()[-1].startswith("-----END ")
        return "" if whole else "That key has no END line. Nothing was done: paste all of it."
    if len(value) < _SHORTEST:
        return (
            f"That is only {count(len(value), 'character')} long: no vendor issues a secret so short. Nothing was "
            "done."
        )
    # A name of a file is public, and typed here by mistake; a secret that is one would be odd.
    if Path(value).is_file():
        return "That is the name of a file here, not a secret. Nothing was done: answer 2 to give a report."
    return ""
