"""The man page, out of the command line itself: man/remediate.1."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import remediate
from remediate.cli.help import names, said, shown, usage
from remediate.errors import MEANINGS

_HEAD = r""".\" Made from the code by `python docs/reference.py`; a test holds it to what --help says.
.TH REMEDIATE 1 "" "remediate {version}" "User Commands"
.SH NAME
remediate \- take a leaked credential from the scanner's report to a verified end
.SH SYNOPSIS
.B remediate
.br
.B remediate
.I COMMAND
.RI [ OPTIONS ]
.SH DESCRIPTION
A key has leaked into git.
.B remediate
kills it, replaces it, rewrites it out of the history, proves that, and leaves a record.
.PP
On a terminal,
.B remediate
alone guides you through it.
Ctrl\-C is safe at any point:
.B remediate resume
goes on.
.SH COMMANDS
"""
_TAIL = r""".SH ENVIRONMENT
.TP
.B REMEDIATE_HOME
The folder of all state.
.TP
.B REMEDIATE_KEY_FILE
As \-\-key\-file.
.TP
.B REMEDIATE_NOTIFY_URL
The webhook for
.BR "remediate notify" .
.TP
.B NO_COLOR
No colour.
.PP
Credentials of yours come from where each vendor's users keep them (AWS_PROFILE, GITHUB_TOKEN, GITLAB_TOKEN and others), never from an option:
.BR "remediate doctor" .
.SH FILES
.TP
.I remediate.toml
The policy, in the repository's root.
.TP
.I ~/.local/state/remediate
Incidents with their journals and records, where REMEDIATE_HOME names no other folder.
.SH SEE ALSO
.BR git (1),
.BR ssh\-keygen (1)
"""


def man_page(commands: dict[str, Any]) -> str:
    """The whole page, as roff."""
    parts = [_HEAD.format(version=remediate.__version__)]
    for name, command in commands.items():
        parts += _command(name, command)
    parts.append(".SH EXIT STATUS\n")
    for code, (means, then) in MEANINGS.items():
        parts.append(f".TP\n.B {int(code)}\n{_text(f'{means} {then}')}\n")
    return "".join([*parts, _TAIL])


def _command(name: str, command: Any) -> Iterator[str]:
    paragraphs, example = said(command)
    yield f'.SS "{_escaped(usage(name, command))}"\n'
    for paragraph in paragraphs:
        yield f".PP\n{_text(paragraph)}\n"
    for param in shown(command):
        if param.help and param.name != "help":
            yield f".TP\n.B {_escaped(names(param))}\n{_text(param.help)}\n"
    if example:
        yield f".PP\nExample:\n.PP\n.in +4n\n.nf\n{_escaped(example)}\n.fi\n.in\n"


def _text(text: str) -> str:
    """A paragraph, broken between words; no line of it begins like a request."""
    lines = textwrap.wrap(" ".join(text.split()), 100, break_on_hyphens=False)
    return "\n".join(_escaped(line) for line in lines)


def _escaped(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("`", "")
    return rf"\&{text}" if text.startswith((".", "'")) else text
