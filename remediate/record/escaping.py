"""Text from outside (paths, messages, a vendor's words) made safe to stand in Markdown.

Whoever wrote a path or a commit message may have meant it to be read by a terminal, a browser or a
host's renderer. Nothing of it may act: no control sequence, no link, no table cell, no heading.
"""

from __future__ import annotations

import re

#: Controls (terminal escapes), bidirectional overrides, zero width, tags, lone surrogates. Listed and
#: not asked of `unicodedata`, whose answers change with the version of Python.
_ACTING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
_SPACE = re.compile(r"[\r\n\t\x0b\x0c\x85\u2028\u2029]+")
_MARKUP = re.compile(r"([\\`*\[\]~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
#: What would begin a heading, a list, a quote or a rule at the start of a line.
_OPENING = re.compile(r"^([#+\-=]|\d+(?=[.)]))")
_ENTITIES = (
    ("&", "&amp;"),
    ("<", "&lt;"),
    (">", "&gt;"),
    ("|", "&#124;"),
    # Hosts make links of bare addresses, and mentions of names after an @.
    ("://", "&#58;//"),
    ("@", "&#64;"),
)
_WWW = re.compile(r"(www)\.", re.IGNORECASE)
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+")


def visible(text: str) -> str:
    """*text* on one line, without a character that a terminal or a renderer acts on."""
    return _ACTING.sub("\N{REPLACEMENT CHARACTER}", _SPACE.sub(" ", text)).strip()


def prose(text: str) -> str:
    """*text* as plain words within a line of Markdown: no markup, no link, no mention in it."""
    escaped = _MARKUP.sub(r"\\\1", visible(text))
    for plain, entity in _ENTITIES:
        escaped = escaped.replace(plain, entity)
    return _WWW.sub(r"\1&#46;", escaped)


def line(text: str) -> str:
    """Like `prose`, also fit to begin a line or a list's item: no heading, list or quote."""
    escaped = prose(text)
    opening = _OPENING.match(escaped)
    if opening is None:
        return escaped
    at = opening.end() if opening.group().isdigit() else 0
    return f"{escaped[:at]}\\{escaped[at:]}"


def code(text: str) -> str:
    """*text* as a code span that it can't get out of, also within a table."""
    shown = visible(text)
    if not shown:
        return ""
    if "|" in shown:
        # In a table, a bar ends a cell even within code, and renderers differ on how to escape it.
        return prose(shown)
    runs = [len(run) for run in re.findall(r"`+", shown)]
    fence = "`" * next(n for n in range(1, len(runs) + 2) if n not in runs)
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def link(url: str) -> str:
    """A web address as a link that shows where it leads; anything else as code."""
    return f"<{url}>" if _URL.fullmatch(url) else code(url)


def block(lines: list[str]) -> str:
    """*lines* as a block to be copied as it is, with a fence that none of them can close."""
    shown = [visible(line) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *shown, fence])


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table. Cells are Markdown already: each went through `prose`, `code` or `link`."""
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join(lines)
