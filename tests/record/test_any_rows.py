"""Whatever a journal holds, a record comes out of it, and it holds to the schema."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.incident.rows import Action, Kind, Row, Topic
from remediate.plugins.outcome import Status
from remediate.record.build import build
from remediate.record.html import to_html
from remediate.record.json_record import schema, to_json
from remediate.record.markdown import to_markdown
from remediate.record.ocsf import to_ocsf
from remediate.record.sharing import share

from .conftest import AWS, GITHUB, KEY, TOKEN, whole_story

VALIDATOR = jsonschema.Draft202012Validator(schema())
NAMES = sorted(
    {name for row in whole_story().rows for name in row.data}
    | {
        "needle",
        "where",
        "commit",
        "path",
        "line",
        "encoding",
        "date",
        "name",
        "old",
        "new",
        "kind",
        "object",
        "what",
        "reason",
        "probe",
        "saw",
        "at",
        "manual",
        "title",
        "local",
        "remote_refs",
        "replaces",
        "value",
        "events",
        "footholds",
    }
)
TEXTS = st.one_of(
    st.sampled_from(
        [
            *map(str, Status),
            *map(str, Action),
            *map(str, Topic),
            *(AWS, GITHUB, KEY, TOKEN, "after-purge", "new-value", "emptied", ""),
            *("2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "2026-13-40", "clean"),
        ]
    ),
    st.text(max_size=8),
    st.text(alphabet="\udce9\ud800\x00\x1b|`\n", max_size=4),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=4)), inner, max_size=5),
    ),
    max_leaves=12,
)
DATA = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8)
KEYS = st.one_of(st.none(), st.sampled_from(["apply", f"revoke/{AWS}", f"store/x/{AWS}", ""]))
ROWS = st.lists(
    st.tuples(
        st.one_of(st.just("2026-11-24T02:40:00.000Z"), TEXTS),
        st.one_of(st.sampled_from([str(kind) for kind in Kind]), st.text(max_size=4)),
        st.one_of(st.none(), st.sampled_from(["clean", "contain", "recover", "publish"])),
        KEYS,
        DATA,
    ),
    max_size=12,
).map(lambda found: [Row(seq, *fields) for seq, fields in enumerate(found, 1)])


def look(rows: list[Row]) -> Any:
    record = build(rows)
    text = to_json(record)
    loaded = json.loads(text)
    VALIDATOR.validate(loaded)
    to_markdown(record).encode("utf-8")
    to_html(record).encode("utf-8")
    VALIDATOR.validate(json.loads(to_json(share(record))))
    json.loads(to_ocsf(record))
    assert to_json(build(rows)) == text
    return loaded


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_any_rows(rows: list[Row]) -> None:
    look(rows)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_prefix_of_an_incident_with_a_row_damaged(data: st.DataObject) -> None:
    rows = list(whole_story().rows)
    rows = rows[: data.draw(st.integers(0, len(rows)))]
    if rows:
        at = data.draw(st.integers(0, len(rows) - 1))
        row = rows[at]
        lost = data.draw(st.sets(st.sampled_from(sorted(row.data) or ["x"])))
        kept = {k: v for k, v in row.data.items() if k not in lost}
        rows[at] = Row(row.seq, row.at, row.kind, row.stage, row.key, kept | data.draw(DATA))
    look(rows)
