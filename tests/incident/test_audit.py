"""What an auditor asks: who took which value out and why, what was refused, what was allowed, and since when."""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path

import pytest

from remediate.incident.audit import policy_row
from remediate.incident.policy import Policy, parse
from remediate.incident.rows import Kind, Row
from remediate.model import Json

ROOT = Path(__file__).resolve().parents[2]


def row(kind: Kind, data: dict[str, Json]) -> Row:
    return Row(1, "2026-01-02T03:04:05.000Z", str(kind), None, None, data)


def test_the_first_row_says_all_and_that_nothing_changed() -> None:
    said = policy_row(parse(b'[publish]\nremote = "up"\n', "p"), [])
    assert said["changed"] == []
    assert said["source"] == "p"
    assert isinstance(said["settings"], dict)
    assert said["settings"]["remote"] == "up"
    json.dumps(said)


def test_what_changes_is_named_policy_flags_and_signers(tmp_path: Path) -> None:
    first = policy_row(Policy(), [])
    rows = [
        row(Kind.OPENED, {"options": {"agreed": False, "push": True}}),
        row(Kind.POLICY, first),
        row(Kind.RESUMED, {"options": {"agreed": True, "push": True}}),
    ]
    (tmp_path / "s").write_text("")
    policy = Policy(approve=("publish",), signers="s", source=str(tmp_path / "p"))
    second = policy_row(policy, rows)
    assert second["changed"] == [
        "flag agreed: False, now True",
        "approve: nothing, now publish",
        "signers: allowed_signers, now s",
        f"file: none, now {tmp_path / 'p'}",
    ]
    assert second["signers"] == {
        "path": str(tmp_path / "s"),
        "sha256": hashlib.sha256(b"").hexdigest(),
    }
    rows += [
        row(Kind.POLICY, second),
        row(Kind.RESUMED, {"options": {"agreed": True, "push": True}}),
    ]
    assert policy_row(policy, rows)["changed"] == []
    (tmp_path / "s").write_text("mallory\n")
    assert policy_row(policy, rows)["changed"] == ["the list of allowed signers"]


def test_a_file_that_says_the_same_in_other_words() -> None:
    from dataclasses import replace

    policy = replace(parse(b"", "p"), digest="a")
    rows = [row(Kind.POLICY, policy_row(policy, []))]
    assert policy_row(replace(policy, digest="b"), rows)["changed"] == [
        "file: its text, not what it says"
    ]


def test_an_older_journal_without_such_rows() -> None:
    opened = row(Kind.OPENED, {"options": "damaged"})
    assert policy_row(Policy(), [opened, row(Kind.RESUMED, {})])["changed"] == []


#: Where a value may leave custody: each of these writes it into the journal, but `_resumed`, which only
#: looks whether all are there, and the log, which takes them out of what it keeps.
DOORS = {
    "remediate/incident/run.py": {"held_all", "value", "redactor", "needles"},
    "remediate/incident/opening.py": {"_resumed", "needles_of"},
    "remediate/incident/runlog.py": {"_redactor"},
}


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="needs the source tree")
def test_a_value_leaves_custody_by_these_doors_only() -> None:
    """A new caller of ``custody.get`` has to go through `Run`, which writes it into the journal."""
    wrong = []
    for path in sorted((ROOT / "remediate").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef) and function.name not in DOORS.get(name, ()):
                wrong += [
                    f"{name}: {function.name}"
                    for node in ast.walk(function)
                    if isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("get", "take", "every")
                    and "custody" in ast.unparse(node.func.value)
                ]
    assert not wrong
