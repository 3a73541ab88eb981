"""record.html: the record as one file for everybody: no script, no request, light and dark, fit to print."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from remediate.model import Json
from remediate.record.drawing import draw, never
from remediate.record.escaping import visible
from remediate.record.markdown import communication_lines
from remediate.record.model import CredentialState, Record
from remediate.record.reading import moment
from remediate.record.repository import vouching
from remediate.record.spans import RESPONSE_NAMES, duration, took
from remediate.record.tables import reachable, said
from remediate.wording import count, rewriting

_MOST_ROWS = 500
"""Rows of one table; record.json has them all."""
_STATES = {
    CredentialState.DEAD: "good",
    CredentialState.LEFT_ALONE: "quiet",
    CredentialState.UNKNOWN: "bad",
    CredentialState.ASSUMED_ALIVE: "bad",
}


def to_html(record: Record) -> str:
    """The record as HTML 5, with a newline at the end. The same record gives the same bytes."""
    return _template().render(
        record=record,
        wide=draw(record.milestones, step=112, margin=64),
        narrow=draw(record.milestones, step=92, margin=26),
        open_steps=[step for step in record.manual if step.done_at is None],
        done_steps=[step for step in record.manual if step.done_at is not None],
        reach=reachable(record),
        footholds=[(e.id, item) for e in record.credentials for item in e.footholds],
        events=_events(record),
        remnants=[r for search in record.searches if search.stands for r in search.remnants],
        notification_block=Markup("\n").join(
            visible(line) for line in communication_lines(record.communication)
        ),
        states={str(state): colour for state, colour in _STATES.items()},
        response_names=RESPONSE_NAMES,
        most=_MOST_ROWS,
        style=style(),
    )


def _events(record: Record) -> list[tuple[str, Mapping[str, Json], bool]]:
    """(credential, event, whether it looks like misuse), what does first."""
    found = [
        (entry.id, event, bool(event.get("suspicious")))
        for entry in record.credentials
        for event in entry.events
        if isinstance(event, Mapping)
    ]
    return sorted(found, key=lambda one: not one[2])


def style() -> Markup:
    """The style sheet of every page that we write."""
    return Markup(_packaged("page.css"))  # noqa: S704


@cache
def _packaged(name: str) -> str:
    return files("remediate.record").joinpath("templates", name).read_text("utf-8")


def page_environment() -> jinja2.Environment:
    """How every page that we write is made: escaped, with no character in it that acts."""
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
    )
    environment.globals |= {"count": count, "rewriting": rewriting}
    environment.filters |= {"moment": _moment, "indented": _indented}
    return environment


def page_template(name: str) -> jinja2.Template:
    """A template of this folder, with nothing but Jinja's own filters, ours for moments, and our counting words."""
    return page_environment().from_string(_packaged(name))


@cache
def _template() -> jinja2.Template:
    environment = page_environment()
    environment.filters |= {
        "duration": duration,
        "took": took,
        "said": said,
        "web": _web,
        "never": never,
        "vouching": vouching,
    }
    return environment.from_string(_packaged("record.html.j2"))


def _shown(value: Any) -> Any:
    """No control character, and nothing that turns the direction of text, reaches a browser."""
    if isinstance(value, Markup):
        return value
    return "" if value is None else visible(str(value))


def _moment(at: str | None) -> Markup:
    """A time as a ``time`` element, for people without its milliseconds."""
    when = moment(at)
    if when is None:
        return Markup("{}").format(visible(at or "not known"))
    return Markup('<time datetime="{}">{}</time>').format(
        visible(at or ""), when.strftime("%Y-%m-%d %H:%M:%S UTC")
    )


def _indented(line: str) -> Markup:
    """A line of a file as it is set in: for ``pre``."""
    line = line.expandtabs(4)
    return Markup("{}{}").format(" " * (len(line) - len(line.lstrip(" "))), visible(line))


def _web(url: str | None) -> bool:
    """Whether *url* is a web address that may be followed from a page."""
    return url is not None and url.startswith(("https://", "http://")) and url == visible(url)
