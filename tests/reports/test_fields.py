"""Every field of every sample, missing, renamed or null: all the same values are read, or it is refused. Never some of them.

`test_damaged` names the fields that have to be refused. Here nobody has to think of a field: each that a sample has is
tried, in the first and the last place where it stands.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import ReportError
from remediate.history.repo import open_repo
from remediate.incident.intake import take_in
from remediate.plugins.report import Document
from remediate.reports.read import read_report
from remediate.secret import InstallationKey

from .test_damaged import SAMPLES, TRUTH, loaded, written
from .test_samples import EXPECTED

KEY = InstallationKey(bytes(32))
NAMES = [
    name
    for path in EXPECTED
    if (name := path.name.removesuffix(".expected.json")).endswith((".json", ".jsonl", ".sarif"))
]
#: What a scanner leaves out where there is nothing to put into it: the halves of a pair, which are then found beside the
#: other half. Nobody can tell from such a report that there was more in it.
HALVES = frozenset({"component_sets", "dependent_captures", "AWS_SECRET_ACCESS_KEY"})
#: GitHub's own way to write an alert without its value (``hide_secret=true``): it is read where it stands.
HIDDEN = frozenset({"secret"})

Path_ = tuple[str | int, ...]


def spots(value: Any, path: Path_ = ()) -> Iterator[tuple[str, Path_, str]]:
    """Every field in *value*: its path with list positions left out, where its holder is, its name."""
    if isinstance(value, dict):
        for name, inner in value.items():
            here = ".".join("[]" if isinstance(p, int) else p for p in path)
            # detect-secrets has its files' names there: no fields.
            if here != "results":
                yield f"{here}.{name}", path, name
            yield from spots(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from spots(inner, (*path, number))


def first_and_last(value: Any) -> Iterator[tuple[Path_, str]]:
    places: dict[str, list[tuple[Path_, str]]] = {}
    for shown, path, name in spots(value):
        places.setdefault(shown, []).append((path, name))
    for found in places.values():
        yield from dict.fromkeys((found[0], found[-1]))


def without(whole: Any, path: Path_, name: str, how: str) -> Any:
    changed = copy.deepcopy(whole)
    holder = changed
    for step in path:
        holder = holder[step]
    value = holder.pop(name)
    if how == "null":
        holder[name] = None
    elif how == "renamed":
        holder[f"{name}_"] = value
    return changed


def values(document: Document) -> list[bytes]:
    """The values in *document*, ``?`` for each that it does not show."""
    found = read_report(document).findings
    return sorted(f.value.reveal() if f.value is not None else b"?" for f in found)


@pytest.mark.parametrize("name", NAMES)
def test_no_field_that_is_gone_takes_a_value_with_it(name: str) -> None:
    whole = loaded(name)
    all_of_them = values(written(whole, name))
    refused = 0
    for path, field in first_and_last(whole):
        for how in ("missing", "renamed", "null"):
            try:
                got = values(written(without(whole, path, field, how), name))
            except ReportError as error:
                refused += 1
                told = error.message + error.hint
                assert not any(value in told for value in TRUTH)
                assert error.hint or error.line is not None, "it says where, or what to do"
                continue
            if field in HIDDEN:
                assert len(got) == len(all_of_them)
            elif field not in HALVES:
                assert got == all_of_them, f"{path} {field} {how}"
    assert refused > 3, "there are fields that it can't do without"


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n.startswith(("betterleaks.", "kingfisher."))]
)
def test_a_half_that_is_gone_is_found_beside_the_other(name: str, acme: Path) -> None:
    if name == "kingfisher.sarif":
        pytest.skip("it never names the other half")
    repo = open_repo(acme)

    def credentials(document: Document) -> set[tuple[str, ...]]:
        taken = take_in(document, repo, KEY)
        return {(one.kind, *sorted(one.parts.values())) for one in taken.credentials}

    whole = loaded(name)
    all_of_them = credentials(written(whole, name))
    tried = 0
    for path, field in first_and_last(whole):
        if field in HALVES:
            tried += 1
            assert credentials(written(without(whole, path, field, "missing"), name)) == all_of_them
    assert tried


def test_a_table_with_a_column_missing_or_renamed_is_refused() -> None:
    text = (SAMPLES / "gitleaks.csv").read_text("utf-8")
    head, _, rest = text.partition("\n")
    for column in head.split(","):
        for other in ("", f"{column}_"):
            columns = [c if c != column else other for c in head.split(",")]
            changed = ",".join(c for c in columns if c) + "\n" + rest
            try:
                got = values(Document("gitleaks.csv", changed.encode()))
            except ReportError as error:
                assert not any(value in error.message + error.hint for value in TRUTH)
                continue
            assert got == values(Document("gitleaks.csv", text.encode())), column


def test_the_samples_are_all_of_those_formats() -> None:
    """One more sample, or format, comes here by being there."""
    formats = {json.loads(path.read_text("utf-8"))["format"] for path in EXPECTED}
    tried = {
        json.loads((SAMPLES / f"{name}.expected.json").read_text())["format"] for name in NAMES
    }
    assert formats - tried == {"gitleaks-csv", "plain"}
