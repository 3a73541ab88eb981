"""Where in a plugin's source a vendor is asked, and which of these places a walk of faults has been to.

A call that is in no walk of faults has never been seen to go wrong. So the places are read from the source,
and compared with the ones that requests came from while the walks were done: see `EveryCall`.

A place is a call of a function that asks: `remediate.http.Http.ask` and `send`, and whatever hands on to them a
path that it was given. One with a path of its own asks for one thing, and is where reading ends.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

SEEDS = frozenset({"ask", "send"})
_CONVERSATION = frozenset(
    {"self", "api", "line", "project", "work", "token", "own", "held", "vendor", "environment"}
)
"""Parameters that say who asks whom, not for what."""
_LOCAL = ("local", "page")
"""How the names of modules begin that stand in for the vendor, or make pages of the documentation."""


@dataclass(frozen=True, order=True)
class Site:
    """One place that asks a vendor."""

    path: str
    line: int
    last: int
    """The line on which the call ends."""
    within: str
    """The function that it stands in."""
    text: str = ""
    """What is called, for the person who has to add a walk."""

    @property
    def name(self) -> str:
        """Where it is, by names that last longer than a line's number: ``keys.py: listed: api.ask(GET, PATH)``."""
        return f"{Path(self.path).name}: {self.within}: {self.text}"

    def __str__(self) -> str:
        return f"{self.path}:{self.line} in {self.within}: {self.text}"


def sites_in(folder: Path, shared: Set[str] = frozenset()) -> frozenset[Site]:
    """The places in the modules of *folder* that ask a vendor. *shared*: what asks beside the seeds."""
    modules = [path for path in sorted(folder.glob("*.py")) if not path.stem.startswith(_LOCAL)]
    names = asking_names(modules, SEEDS | shared)
    return frozenset(
        Site(str(path), *_lines(node, comprehension), within, _text(node))
        for path in modules
        for within, _function, comprehension, node in _calls(path)
        if _called(path, node) & names and _asks(node)
    )


def asking_names(modules: list[Path], names: Set[str]) -> frozenset[str]:
    """*names*, and those of the functions in *modules* that hand a path of their caller's on to one of them."""
    known = frozenset(names) | {f".{name}" for name in names & SEEDS}
    while True:
        more = {
            _known_as(path, function.name, method=f".{function.name}" in within)
            for path in modules
            for within, function, _comprehension, node in _calls(path)
            if function is not None
            and _called(path, node) & known
            and _asks(node)
            and _hands_on(function, node)
        }
        if more <= known:
            return known
        known |= more


def asked_from(folder: Path) -> frozenset[tuple[str, int]]:
    """File and line in *folder* of everything that is under way now, in any thread."""
    root = str(folder)
    found = set()
    for frame in sys._current_frames().values():  # noqa: SLF001 - the only way to another thread's
        at = frame
        while at is not None:
            if at.f_code.co_filename.startswith(root):
                found.add((at.f_code.co_filename, at.f_lineno))
            at = at.f_back  # type: ignore[assignment]
    return frozenset(found)


def reached(sites: Set[Site], lines: Set[tuple[str, int]]) -> frozenset[Site]:
    """Those of *sites* that requests came from: of two around a line, the narrower."""
    found = set()
    for path, line in lines:
        around = [site for site in sites if site.path == path and site.line <= line <= site.last]
        if around:
            narrowest = min(site.last - site.line for site in around)
            found |= {site for site in around if site.last - site.line == narrowest}
    return frozenset(found)


_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_Found = tuple[str, _Function | None, _Comprehension | None, ast.Call]
"""The names around a call, the function and the comprehension that it stands in, and the call."""


@functools.cache
def _calls(path: Path) -> tuple[_Found, ...]:
    return tuple(_calls_in(ast.parse(path.read_text("utf-8")), "", None, None))


def _calls_in(
    node: ast.AST, within: str, function: _Function | None, inside: _Comprehension | None
) -> Iterator[_Found]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield within, function, inside, child
        if isinstance(child, _Function | ast.ClassDef):
            name = f"{within}.{child.name}" if within else child.name
            inner = child if isinstance(child, _Function) else function
            yield from _calls_in(child, name, inner, None)
        else:
            around = child if isinstance(child, _Comprehension) else inside
            yield from _calls_in(child, within, function, around)


def _lines(call: ast.Call, comprehension: _Comprehension | None) -> tuple[int, int]:
    """Where whoever asks can be while it is under way: a generator runs wherever its comprehension is."""
    around = comprehension or call
    return around.lineno, around.end_lineno or around.lineno


def _known_as(path: Path, name: str, *, method: bool) -> str:
    """A module's own names are its own, and a method is no function of that name."""
    named = f".{name}" if method else name
    return f"{path}:{named}" if name.startswith("_") else named


def _called(path: Path, call: ast.Call) -> frozenset[str]:
    """What a call may be of: a method or another module's function, or a function here."""
    name = _name(call)
    ways = (True, False) if isinstance(call.func, ast.Attribute) else (False,)
    return frozenset(_known_as(path, name, method=method) for method in ways)


def _name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _text(call: ast.Call) -> str:
    return f"{ast.unparse(call.func)}({', '.join(ast.unparse(one) for one in call.args[:2])})"


def _asks(call: ast.Call) -> bool:
    """Whether it is one, and not a mapping's ``get`` or a function that somebody was handed."""
    if not call.args:
        return False
    first = call.args[0]
    if _name(call) != "get" or isinstance(first, ast.JoinedStr):
        return True
    if isinstance(first, ast.Name):
        return first.id == "path"
    return isinstance(first, ast.Constant) and (first.value == "" or "/" in str(first.value))


def _hands_on(function: _Function, call: ast.Call) -> bool:
    """Whether what is asked for is the caller's choice: method, path or both are a parameter."""
    arguments = function.args
    given = {one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    given -= _CONVERSATION
    if any(isinstance(one, ast.Starred) for one in call.args[:2]):
        return True
    return any(_root(one) in given for one in call.args[:2]) and not any(
        isinstance(one, ast.Constant) and "/" in str(one.value) for one in call.args[:2]
    )


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
