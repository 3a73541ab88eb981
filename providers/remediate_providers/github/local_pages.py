"""The local GitHub's pages for a person: a form that creates a token, and the one page that shows it.

The form's fields are filled from the address as the real pages do. Who is signed in is a field here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from html.parser import HTMLParser

from remediate.secret import Secret

SHOWN = "new-token"
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}}
label{{display:block;margin:1rem 0}}input,select{{width:100%;font:inherit;padding:.3rem}}
code{{font-size:1.1rem;background:#ddf4ff;padding:.3rem .5rem;word-break:break-all}}</style>
<h1>{title}</h1>{body}</html>"""


def new_token_page(
    path: str, query: Mapping[str, str], logins: Sequence[str], *, fine: bool
) -> str:
    """The form, with the fields that the address names filled in."""
    names = ("name", "description", "expires_in") if fine else ("description", "scopes")
    options = "".join(f"<option>{escape(login)}</option>" for login in logins)
    fields = "".join(
        f'<label>{name}<input name="{name}" value="{escape(query.get(name, ""), quote=True)}"></label>'
        for name in names
    )
    body = (
        "<p>This is the demo's own stand-in for GitHub. Nothing here leaves this machine.</p>"
        f'<form method="post" action="{escape(path, quote=True)}">'
        f'<label>signed in as<select name="login">{options}</select></label>'
        f"{fields}<button>Generate token</button></form>"
    )
    title = "New fine-grained personal access token" if fine else "New personal access token"
    return _PAGE.format(title=title, body=body)


def token_made_page(value: Secret) -> str:
    """The one page that ever shows the token."""
    shown = f'<p><code id="{SHOWN}">{escape(value.reveal_text())}</code></p>'
    return _PAGE.format(title="Copy your token now", body=f"<p>It is shown once.</p>{shown}")


class Form(HTMLParser):
    """What a person sees on such a page: the form's fields, or the token."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.logins: list[str] = []
        self.token = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the form, its fields, the token's place."""
        given = {name: value or "" for name, value in attrs}
        self._inside = given.get("id", "") if tag == "code" else tag
        if tag == "form":
            self.action = given.get("action", "")
        elif tag == "input":
            self.fields[given.get("name", "")] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        """Leave it."""
        self._inside = ""

    def handle_data(self, data: str) -> None:
        """Read the token, or somebody who could sign in."""
        if self._inside == SHOWN:
            self.token += data
        elif self._inside == "option":
            self.logins.append(data)
