"""Every provider and every store that is installed has its contract tested, and each of its calls gone wrong.

Read from the tests' own source: a plugin that is added without its suites is found here.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
OURS = "remediate_providers."

#: They ask no vendor over HTTP: there is no call to go wrong on a line in between. Each has tests of its own
#: for what can go wrong instead (a program that fails, a file, a keyring, a database's own protocol).
NO_LINE = frozenset(
    {
        "AwsCredentialsStore",
        "CommandProvider",
        "DotenvStore",
        "KeyringStore",
        "KingfisherProvider",
        "PostgresProvider",
    }
)


def plugins(group: str) -> dict[str, str]:
    """Each of our own plugins' class to its name."""
    return {
        entry.value.rpartition(":")[2]: entry.name
        for entry in entry_points(group=f"remediate.{group}.v1")
        if entry.value.startswith(OURS)
    }


@functools.cache
def with_suite(suite: str) -> frozenset[str]:
    """The plugin classes that the classes of tests which inherit from *suite* make."""
    return frozenset(
        made for path in sorted(TESTS.rglob("test_*.py")) for made in _in_file(path, suite)
    )


def _in_file(path: Path, suite: str) -> Iterator[str]:
    text = path.read_text("utf-8")
    if suite not in text:
        return
    classes = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}

    def bases(name: str) -> Iterator[str]:
        for base in classes[name].bases if name in classes else ():
            if isinstance(base, ast.Name):
                yield base.id
                yield from bases(base.id)

    def make(name: str) -> list[str]:
        for node in classes[name].body:
            if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["make"]:
                named = [n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)]
                # One made for the test alone stands for the plugin that it inherits from.
                return [*named, *(base for one in named for base in bases(one))]
        inherited = [base for base in bases(name) if base in classes]
        return make(inherited[0]) if inherited else []

    for name in classes:
        if suite in bases(name) and name.startswith("Test"):
            yield from make(name)


def test_there_are_some() -> None:
    assert len(plugins("providers")) >= 18
    assert len(plugins("stores")) >= 15
    assert "GitHubProvider" in with_suite("ProviderContract")


@pytest.mark.parametrize(
    ("group", "suite"), [("providers", "ProviderContract"), ("stores", "StoreContract")]
)
def test_each_keeps_its_contract(group: str, suite: str) -> None:
    without = {name for made, name in plugins(group).items() if made not in with_suite(suite)}
    assert without == set(), f"no {suite} of these is tested"


@pytest.mark.parametrize(
    ("group", "suite"), [("providers", "ProviderFaults"), ("stores", "StoreFaults")]
)
def test_each_has_every_call_gone_wrong(group: str, suite: str) -> None:
    without = {
        name
        for made, name in plugins(group).items()
        if made not in with_suite(suite) and made not in NO_LINE
    }
    assert without == set(), f"no {suite} of these are tested"


#: Their calls go through a vendor's own library, not through `remediate.http`: the places that ask can't be read
#: from the source in this way. Their walks count the calls that they make on the line.
NOT_READ = frozenset({"aws"})


def test_each_host_has_every_call_gone_wrong() -> None:
    without = {
        name for made, name in plugins("hosts").items() if made not in with_suite("HostFaults")
    }
    assert without == set(), "no HostFaults of these are tested"


def packages() -> set[str]:
    """The packages of our plugins that ask a vendor over HTTP."""
    return {
        entry.value.partition(":")[0].split(".")[1]
        for group in ("providers", "stores", "hosts")
        for entry in entry_points(group=f"remediate.{group}.v1")
        if entry.value.startswith(OURS) and entry.value.rpartition(":")[2] not in NO_LINE
    }


def test_no_call_can_be_left_out_of_the_walks() -> None:
    """Each package's places that ask are compared with those that its walks come to: `EveryCall`."""
    named = {
        ast.literal_eval(node.value).rpartition(".")[2]
        for path in sorted(TESTS.rglob("test_*.py"))
        if "EveryCall" in (text := path.read_text("utf-8"))
        for made in ast.parse(text).body
        if isinstance(made, ast.ClassDef) and "EveryCall" in map(ast.unparse, made.bases)
        for node in made.body
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["package"]
    }
    assert packages() - named == NOT_READ


def test_what_needs_no_line_is_still_there() -> None:
    known = {**plugins("providers"), **plugins("stores")}
    assert set(known) >= NO_LINE
