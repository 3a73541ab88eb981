"""Tables of the reference pages, out of the code: exit codes and errors, policy keys, events, the record's schema."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

from remediate import errors
from remediate.errors import MEANINGS, PRECEDENCE, PolicyError
from remediate.incident import policy
from remediate.incident.events import EVENTS
from remediate.record.json_record import schema


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    cells = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in cells)


# -- exit codes and errors ------------------------------------------------------------------------


def exit_codes() -> str:
    """What each code means, and which one wins."""
    rows = [[str(int(code)), means, then] for code, (means, then) in MEANINGS.items()]
    return table(["exit", "means", "what to do"], rows)


def precedence() -> str:
    """The order in which codes win."""
    order = ", ".join(str(int(code)) for code in PRECEDENCE)
    return f"Where several apply, the first of these is given: {order}."


def error_codes() -> str:
    """Every error by its stable name."""
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.Error) and kind is not errors.Error
    ]
    # In the file's own order, so that what belongs together stands together.
    kinds.sort(key=lambda kind: inspect.getsourcelines(kind)[1])
    rows = []
    for kind in kinds:
        code = kind.code.fget(kind.__new__(kind))
        said = " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split())
        rows.append([f"`{code}`", str(int(kind.exit_status)), said])
    return table(["code", "exit", "means"], rows)


# -- the policy ----------------------------------------------------------------------------------

#: Key of a table to the field that holds it, where they are called otherwise.
_FIELDS = {"keep_backup": "keep_backup_hours", "with": "options"}
_SHOWN = {"keep_backup_hours": ("a time", '"30d"'), "options": ("a table", "{}")}
_NAMES = {bool: "true or false", int: "a number", str: "a string"}


def policy_keys() -> str:
    """Every key that the parser takes, with its type, its default and what it is for."""
    parts = []
    for name in ("incident", "credential", "history", "publish"):
        brackets = f"[[{name}]]" if name == "credential" else f"[{name}]"
        rows = [list(_key(name, key)) for key in _known(name)]
        parts += [f"### `{brackets}`", "", table(["key", "type", "default", "for"], rows), ""]
    return "\n".join(parts).rstrip()


def _known(name: str) -> list[str]:
    """The keys that the parser says it knows, in the order of the fields that hold them."""
    head = '[[credential]]\nmatch = "x"\n' if name == "credential" else f"[{name}]\n"
    try:
        policy.parse(f"{head}no_such_key = 1\n".encode(), "remediate.toml")
    except PolicyError as error:
        keys = error.expected.split(": ", 1)[1].split(", ")
    order = list(_of(name).__dataclass_fields__)
    return sorted(keys, key=lambda key: order.index(_FIELDS.get(key, key)))


def _of(name: str) -> Any:
    return policy.CredentialPolicy if name == "credential" else policy.Policy


def _key(name: str, key: str) -> Iterator[str]:
    kind = _of(name)
    field = _FIELDS.get(key, key)
    default = kind.__dataclass_fields__[field].default
    yield f"`{key}`"
    if field in _SHOWN:
        shown, written = _SHOWN[field]
    else:
        shown, written = _type(get_type_hints(kind)[field]), _toml(default)
    yield shown
    yield "has to be given" if key == "match" else f"`{written}`"
    yield _texts(kind).get(field, "")


def _type(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return ", ".join(f'`"{word}"`' for word in get_args(hint))
    return _NAMES.get(hint, "a list of strings")


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[]"
    return json.dumps(value)


def _texts(kind: Any) -> dict[str, str]:
    """The sentence below each field, which Python itself throws away."""
    (made,) = ast.parse(inspect.cleandoc(inspect.getsource(kind))).body
    assert isinstance(made, ast.ClassDef)
    texts: dict[str, str] = {}
    for field, below in zip(made.body, made.body[1:], strict=False):
        named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if named and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            text = " ".join(str(below.value.value).split())
            texts[field.target.id] = text.replace("``", "`")
    return texts


# -- events --------------------------------------------------------------------------------------

_EVENTS = """\
# Events

`run`, `resume`, `rotate` and `demo` write these with `--json`, one JSON object a line, each with its name under `event`. From Python they are
[what a run gives](python.md). Made from the code by `python docs/reference.py`; a test holds it to what is emitted.

No secret value is in any. Events and fields may be added: pass over what you don't know. Where one of these goes, the schema's
number changes.
"""


def events_page() -> str:
    """The whole page of events."""
    parts = [_EVENTS]
    for name, told in EVENTS.items():
        rows = [
            [f"`{field}`", kind + (", not always" if field in told.optional else ""), what]
            for field, (kind, what) in told.fields.items()
        ]
        parts += [f"## {name}", "", told.means, ""]
        parts += [table(["field", "type", "holds"], rows).replace("``", "`"), ""]
    return "\n".join(parts)


# -- the record ----------------------------------------------------------------------------------

_RECORD = """\
# record.json

Every key of `remediate.record/1`, made from [the schema](record.md#the-json) by `python docs/reference.py`. What the parts mean together:
[The record](record.md). Times are UTC, RFC 3339, with `Z`. A key that may be null is null where that is not known.
"""


def record_page() -> str:
    """The whole page of the record's schema."""
    whole = schema()
    parts = [_RECORD, "## The whole", "", _properties(whole), ""]
    for name, part in sorted(whole["$defs"].items()):
        parts += [f"## {name}", ""]
        if part.get("description"):
            parts += [part["description"], ""]
        parts += [_properties(part), ""]
    return "\n".join(parts)


def _properties(part: dict[str, Any]) -> str:
    needed = set(part.get("required", ()))
    rows = [
        [
            f"`{key}`",
            _json_type(value) + ("" if key in needed else ", may be missing"),
            str(value.get("description", "")),
        ]
        for key, value in part["properties"].items()
    ]
    return table(["key", "type", "holds"], rows)


def _json_type(value: dict[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in value:
            return " or ".join(_json_type(one) for one in value[several])
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    kind = value.get("type", "anything")
    if kind == "array":
        return f"list of {_json_type(value.get('items', {}))}"
    if isinstance(kind, list):
        return " or ".join(kind)
    return str(kind)
