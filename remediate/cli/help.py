"""``--help`` that fits a screen of 24 lines and 80 columns, and what a page of help is made of."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

#: Options that mean the same everywhere: named on each page, explained on the first one.
EVERYWHERE = {
    "json": "--json",
    "plain": "--plain",
    "quiet": "-q --quiet",
    "verbose": "-v --verbose",
    "help": "-h --help",
}
_EXPLAINED = (
    "Everywhere: --json for scripts; --plain, one fact a line, no colour; -q --quiet; -v --verbose, every "
    "effect as it happens; -h --help."
)
#: Options that are told in one row where a command has them all.
_TOGETHER = {
    ("only", "skip"): (
        "--only, --skip STAGE",
        "Run this stage alone, or leave it out; repeatable.",
    ),
}
#: Commands that are told in one row.
_COMMANDS_TOGETHER = {
    ("list", "show", "log"): "The incidents, one of them, its journal.",
    ("record", "notify"): "An incident's record; its notification, sent.",
    ("rotate", "review"): "Replace what has not leaked; list what there is, how old.",
    ("providers", "doctor"): "What can be done for whom; is this machine ready.",
}
_WIDEST_NAME = 20


def said(command: Any) -> tuple[list[str], str]:
    """A command's paragraphs, and its example; empty where it has none."""
    text, _, example = inspect.cleandoc(command.help or "").partition("Example: ")
    paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", text.strip())]
    return [p for p in paragraphs if p], example.strip()


def shown(command: Any) -> list[Any]:
    """A command's arguments and options, as far as they are not hidden."""
    return [p for p in command.params if not getattr(p, "hidden", False)]


def metavar(param: Any) -> str:
    """What stands for a value: ``FILE``."""
    return str(param.metavar or (param.name or "").upper())


def names(param: Any) -> str:
    """How it is typed: ``-y, --yes``, ``--repo PATH``, ``REPORT``."""
    if param.param_type_name == "argument":
        return metavar(param)
    written = ", ".join([*sorted(param.opts, key=len), *param.secondary_opts])
    return written if param.is_flag else f"{written} {metavar(param)}"


def usage(path: str, command: Any) -> str:
    """The line that says how it is called."""
    operands = [metavar(p) for p in shown(command) if p.param_type_name == "argument"]
    return " ".join([path, "[OPTIONS]", *operands])


class Command(TyperCommand):
    """A command whose help is one screen."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page."""
        paragraphs, example = said(self)
        lines = [f"Usage: {usage(ctx.command_path, self)}", ""]
        for paragraph in paragraphs:
            lines += _wrapped(paragraph, formatter.width)
        if example:
            lines += ["", f"  Example: {example}"]
        lines += ["", *_table(list(_rows(self)), formatter.width)]
        also = [EVERYWHERE[p.name] for p in shown(self) if p.name in EVERYWHERE]
        also += [] if EVERYWHERE["help"] in also else [EVERYWHERE["help"]]
        lines += _wrapped(f"And as everywhere: {', '.join(also)}", formatter.width)
        formatter.write("\n".join(lines) + "\n")


class Group(TyperGroup):
    """All commands; its help is one screen, too."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page."""
        paragraphs, example = said(self)
        width = formatter.width
        lines = [f"Usage: {ctx.command_path} [OPTIONS] [COMMAND]", ""]
        for paragraph in paragraphs:
            lines += _wrapped(paragraph, width)
        lines += [f"  Example: {example}", "", *_table(list(_commands(self, width)), width), ""]
        lines += _wrapped(_EXPLAINED, width)
        own = [names(p) for p in shown(self) if p.name not in (*EVERYWHERE, "show_completion")]
        lines += _wrapped(f"Alone: {'; '.join(own)}", width)
        formatter.write("\n".join(lines) + "\n")


def _rows(command: Any) -> Iterator[tuple[str, str]]:
    params = {p.name: p for p in shown(command) if p.name not in EVERYWHERE}
    for several, row in _TOGETHER.items():
        if set(several) <= set(params):
            yield_at = several[0]
            for name in several[1:]:
                del params[name]
            params[yield_at] = row
    for param in params.values():
        yield param if isinstance(param, tuple) else (names(param), param.help or "")


def _commands(group: Any, width: int) -> Iterator[tuple[str, str]]:
    left = dict(group.commands)
    for name in group.commands:
        if name not in left:
            continue
        several = next((s for s in _COMMANDS_TOGETHER if name in s and set(s) <= set(left)), None)
        if several is None:
            yield name, _short(left.pop(name), width - 22)
        else:
            for one in several:
                del left[one]
            yield ", ".join(several), _COMMANDS_TOGETHER[several]


def _short(command: Any, width: int) -> str:
    """The first sentence, or as much of it as ends at a comma and fits."""
    sentence = said(command)[0][0].split(". ")[0].rstrip(".")
    while len(sentence) >= width and re.search(r"[,:;]", sentence):
        sentence = re.split(r"[,:;](?!.*[,:;])", sentence)[0]
    return sentence + "."


def _table(rows: Sequence[tuple[str, str]], width: int) -> list[str]:
    column = min(_WIDEST_NAME, max((len(name) for name, _ in rows), default=0)) + 2
    lines = []
    for name, text in rows:
        parts = textwrap.wrap(text, max(20, width - column - 2), break_on_hyphens=False) or [""]
        if len(name) > column - 2:
            lines.append(f"  {name}")
            name = ""
        lines.append(f"  {name:<{column}}{parts[0]}".rstrip())
        lines += [" " * (column + 2) + part for part in parts[1:]]
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
