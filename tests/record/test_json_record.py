"""record.json: its schema, its bytes."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from remediate.incident.journal import Journal
from remediate.incident.rows import Kind, Row
from remediate.record import model
from remediate.record.build import build
from remediate.record.json_record import schema, to_json
from remediate.secret import InstallationKey

from .conftest import TOKEN, Story


def objects(node: Any) -> Iterator[dict[str, Any]]:
    """Every object schema in *node*."""
    if isinstance(node, dict):
        if "properties" in node:
            yield node
        for value in node.values():
            yield from objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from objects(value)


def strict() -> jsonschema.Draft202012Validator:
    """The shipped schema, with nothing allowed that it does not name: for our own records."""
    closed = copy.deepcopy(schema())
    for node in objects(closed):
        node["additionalProperties"] = False
    return jsonschema.Draft202012Validator(closed)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["properties"]["schema"] == {"const": model.SCHEMA}


def test_every_record_holds_to_the_schema(stories: dict[str, Callable[[], Story]]) -> None:
    for name, make in stories.items():
        rows = make().rows
        for end in range(len(rows) + 1):
            faults = list(strict().iter_errors(json.loads(to_json(build(rows[:end])))))
            assert not faults, f"{name}, cut off after row {end}: {faults[0].message}"


def test_the_schema_lets_later_keys_join(whole: Story) -> None:
    record = json.loads(to_json(build(whole.rows)))
    record["later"] = record["times"]["later"] = record["credentials"][0]["later"] = {"x": 1}
    jsonschema.validate(record, schema())


@pytest.mark.parametrize("key", ["schema", "incident", "credentials", "communication"])
def test_the_schema_misses_what_is_missing(whole: Story, key: str) -> None:
    record = json.loads(to_json(build(whole.rows)))
    del record[key]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, schema())


def test_the_schema_names_every_field_of_the_model() -> None:
    named = {"Record": schema(), **schema()["$defs"]}
    classes = {
        name: cls
        for name, cls in vars(model).items()
        if dataclasses.is_dataclass(cls) and isinstance(cls, type)
    }
    assert set(named) == set(classes)
    for name, cls in classes.items():
        fields = [field.name for field in dataclasses.fields(cls)]
        assert list(named[name]["properties"]) == fields, name
        assert named[name]["required"] == fields, name


def test_the_same_journal_gives_the_same_bytes(
    stories: dict[str, Callable[[], Story]], tmp_path: Path
) -> None:
    for name, make in stories.items():
        rows = make().rows
        first = to_json(build(rows))
        assert to_json(build(make().rows)) == first, name
        stored = [dataclasses.replace(r, data=json.loads(json.dumps(r.data))) for r in rows]
        assert to_json(build(stored)) == first, f"{name}, read back from disk"
        assert first.endswith("}\n") and "\r" not in first
        loaded = json.loads(first)
        assert json.dumps(loaded, sort_keys=True, indent=2) + "\n" == first, "canonical"


def test_a_real_journal_gives_the_same_record_after_it_was_closed(
    whole: Story, tmp_path: Path
) -> None:
    key = InstallationKey(bytes(range(32)))
    times = iter([row.at for row in whole.rows])
    journal = Journal(tmp_path, key, now=lambda: next(times))
    for row in whole.rows:
        journal.append(Kind(row.kind), row.data, stage=row.stage, key=row.key)
    first = to_json(build(journal.rows))
    journal.close()
    again = Journal(tmp_path, key)
    assert to_json(build(again.rows)) == first == to_json(build(whole.rows))
    again.close()


def test_no_key_order_of_the_rows_shows(whole: Story) -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: turned(value[k]) for k in reversed(list(value))}
        return [turned(v) for v in value] if isinstance(value, list) else value

    rows = [dataclasses.replace(row, data=turned(row.data)) for row in whole.rows]
    record, other = json.loads(to_json(build(whole.rows))), json.loads(to_json(build(rows)))
    assert record["credentials"] == other["credentials"]
    assert record["communication"] == other["communication"]


def test_only_ascii_and_no_control_reaches_a_terminal(story: Story) -> None:
    story.opened(repository="/home/\x1b[31m\x9b2J\u202e\udce9/ünï")
    story.secret(TOKEN, "github-pat")
    text = to_json(build(story.rows))
    assert text.isascii()
    assert not [c for c in text if ord(c) < 32 and c != "\n"]
    assert json.loads(text)["repository"] == "/home/\x1b[31m\x9b2J\u202e\\xe9/ünï"


def test_a_number_that_is_none_does_not_break_it(story: Story) -> None:
    story.opened(options={"x": float("nan"), "y": float("inf")})
    assert json.loads(to_json(build(story.rows)))["options"] == {"x": None, "y": None}


def test_endless_nesting_ends(story: Story) -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    story.opened(options={"deep": deep})
    assert "…" in json.dumps(json.loads(to_json(build(story.rows))), ensure_ascii=False)


def test_a_large_incident_is_quick(story: Story) -> None:
    story.leak()
    places = [
        {"needle": TOKEN, "where": "file", "path": f"f{n}", "date": "2026-01-01T00:00:00Z"}
        for n in range(20_000)
    ]
    story.add(Kind.REHEARSED, "clean", places=places, commits_total=20_000)
    story.rows += [
        Row(len(story.rows) + n, story.now, "advice", None, None, {"text": str(n)})
        for n in range(2_000)
    ]
    record = build(story.rows)
    assert len(record.secrets[2].places) == 20_000
    assert len(json.loads(to_json(record))["advice"]) == 2_000
