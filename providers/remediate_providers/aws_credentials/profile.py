"""The text of a credentials file: one profile's pair of keys changed, everything else kept.

It is read as botocore reads it: Python's RawConfigParser, names of settings in any case.
https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping

ID = "aws_access_key_id"
SECRET = "aws_secret_access_key"  # noqa: S105 - a setting's name
#: Of a session that the old pair belonged to: with a new pair it would be refused.
SESSION = ("aws_session_token", "aws_security_token")

_SECTION = re.compile(r"\[(?P<name>[^\]]+)\]")
_SETTING = re.compile(
    r"(?P<head>\s*(?P<name>[^=:\s#;\[][^=:]*?)\s*[=:]\s*)(?P<value>.*?)(?P<end>\s*)"
)
_WRITABLE = re.compile(r"[\x21-\x7e]+")


class UnwritableError(ValueError):
    """What can't be written so that it is read again; says why, without a value."""


def edited(text: str, profile: str, pair: Mapping[str, str]) -> str:
    """*text* with the pair of *profile* set; comments, order and line ends kept. Raises `UnwritableError`."""
    if not all(_WRITABLE.fullmatch(value) for value in pair.values()):
        raise UnwritableError("it holds a space, a control character, or nothing")
    newline = "\r\n" if "\r\n" in text else "\n"
    missing = dict(pair)
    made: list[str] = []
    inside, heading, dropping = False, None, False
    for line in text.splitlines(keepends=True):
        section = _SECTION.match(line)
        if section:
            inside, dropping = section["name"] == profile, False
            if inside and heading is None:
                heading = len(made) + 1
        elif inside:
            bare = line.strip()
            if not bare or bare[0] in "#;":
                # A value goes on behind comments and empty lines.
                made.append(line)
                continue
            if dropping and line[0] in " \t":
                continue  # the rest of a value that goes
            dropping = False
            setting = _SETTING.fullmatch(line)
            name = setting["name"].lower() if setting else ""
            if name in SESSION:
                dropping = True
                continue
            if setting and name in pair:
                line = f"{setting['head']}{pair[name]}{setting['end']}"
                missing.pop(name, None)
                dropping = True
        made.append(line)
    rows = [f"{name} = {value}{newline}" for name, value in missing.items()]
    if heading is None:
        gap = newline if text and not text.endswith(("\n", "\r")) else ""
        between = newline if text.strip() else ""
        return "".join([*made, gap, between, f"[{profile}]{newline}", *rows])
    if rows and not made[heading - 1].endswith(("\n", "\r")):
        made[heading - 1] += newline
    return "".join([*made[:heading], *rows, *made[heading:]])


def settings_in(text: str) -> dict[str, dict[str, str]]:
    """Profile to settings. Raises `UnwritableError` where botocore could not read it."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise UnwritableError(f"the file can't be read: {type(error).__name__}") from None
    return {name: dict(parser.items(name)) for name in parser.sections()}
