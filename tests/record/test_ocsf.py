"""The event holds to OCSF's own schema, in every state of an incident."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from remediate.record.build import build
from remediate.record.ocsf import OCSF_VERSION, event, to_ocsf

from .conftest import AWS, Story


@pytest.fixture(scope="module")
def ocsf() -> jsonschema.Draft202012Validator:
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    whole = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=OCSF_VERSION))
    wanted: Any = whole.get_class_schema(class_name="incident_finding", profiles=["incident"])
    return jsonschema.Draft202012Validator(wanted)


def test_every_moment_of_every_incident_holds_to_the_schema(
    ocsf: jsonschema.Draft202012Validator, stories: dict[str, Callable[[], Story]]
) -> None:
    for name, make in stories.items():
        rows = make().rows
        for end in {0, 1, len(rows) // 2, len(rows)}:
            faults = list(ocsf.iter_errors(event(build(rows[:end]))))
            assert not faults, f"{name}, cut off after row {end}: {faults[0].message}"


def test_the_schema_would_miss_what_is_missing(
    ocsf: jsonschema.Draft202012Validator, whole: Story
) -> None:
    told = event(build(whole.rows))
    del told["severity_id"]
    assert list(ocsf.iter_errors(told))


def test_what_it_says(whole: Story, story: Story) -> None:
    told = json.loads(to_ocsf(build(whole.rows)))
    assert told["class_uid"] == 2005
    assert told["type_uid"] == 200503
    assert (told["activity_name"], told["status"]) == ("Close", "Resolved")
    assert told["severity_id"] == 4
    assert told["metadata"]["version"] == OCSF_VERSION
    assert told["finding_info_list"][0]["uid"].endswith(AWS)
    assert told["start_time"] == 1795485600000
    story.opened()
    assert json.loads(to_ocsf(build(story.rows)))["activity_name"] == "Create"


def test_misuse_is_a_suspected_breach(whole: Story) -> None:
    assert event(build(whole.rows))["is_suspected_breach"] is False
    seen = [{"at": "2026-11-24T02:10:00Z", "what": "ListBuckets", "suspicious": True}]
    whole.fact("investigate", "events", AWS, known={"events": seen})
    assert event(build(whole.rows))["is_suspected_breach"] is True


def test_one_line_the_same_again(whole: Story) -> None:
    text = to_ocsf(build(whole.rows))
    assert text.count("\n") == 1
    assert text.isascii()
    assert to_ocsf(build(whole.rows)) == text
