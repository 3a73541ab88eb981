"""Which functions of ours may refuse something, told from their source: what raises, what calls what.

A method is told by its class where an annotation, or what made the object, says which that is; else it may
be any of that name but those in `_ANYBODYS`.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from remediate import errors
from remediate.incident.refusals import refuses

#: What a ``with`` is given that writes refusals into a journal (`again` by what it rests on).
WRITES = frozenset({"noted", "noted_of", "refusals", "again"})
#: Names that objects of the standard library have too; of those, only methods of a known class are followed.
_ANYBODYS = frozenset(
    {
        *("__init__", "add", "append", "choice", "close", "get", "open", "put", "read", "run"),
        *("send", "write"),
    }
)
#: Rooms whose classes a method may be of.
_ROOMS = ("api", "cli", "incident")


@cache
def counted() -> frozenset[str]:
    """The error classes that count as refusals, by name."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    kinds = [kind for kind in kinds if issubclass(kind, errors.Error)]
    return frozenset(kind.__name__ for kind in kinds if refuses(kind.__new__(kind)))


@dataclass(frozen=True)
class Place:
    """A function: its module, and its name there, with its class before it."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module.removeprefix('remediate.')}:{self.name}"


@dataclass
class Body:
    """What a function does outside of whatever writes refusals."""

    raises: set[str] = field(default_factory=set)
    """Error classes, or functions that make an error."""
    calls: set[Place] = field(default_factory=set)


class Source:
    """Every function of the package *top*, and of modules beside it: name to text."""

    def __init__(self, top: Path, beside: Mapping[str, str] = MappingProxyType({})) -> None:
        self.bodies: dict[Place, Body] = {}
        self._methods: dict[str, set[Place]] = {}
        self._trees: dict[str, ast.Module] = {}
        for path in sorted(top.rglob("*.py")):
            parts = path.relative_to(top.parent).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__")
            self._trees[name] = ast.parse(path.read_text("utf-8"))
        self._trees |= {name: ast.parse(text) for name, text in beside.items()}
        for module, tree in self._trees.items():
            for place, node in _functions(module, tree):
                self.bodies[place] = Body()
                if "." in place.name and module.split(".")[1] in _ROOMS:
                    self._methods.setdefault(node.name, set()).add(place)
        self._makers = self._that_make_errors()
        self._gives = {
            Place(module, place.name): _class(node.returns)
            for module, tree in self._trees.items()
            for place, node in _functions(module, tree)
        }
        self._fields = {
            (place.name.split(".")[0], name): kind
            for module, tree in self._trees.items()
            for place, node in _functions(module, tree)
            if node.name == "__init__"
            for name, kind in _kept(node)
        }
        for module, tree in self._trees.items():
            around = _imports(tree)
            for place, node in _functions(module, tree):
                _Reader(self, place, around | _imports(node)).begin(node)

    def _that_make_errors(self) -> set[str]:
        """Functions that give a counted error to be raised, by name."""
        found = set()
        for module, tree in self._trees.items():
            for _, node in _functions(module, tree):
                if isinstance(node.returns, ast.Name) and node.returns.id in counted():
                    found.add(node.name)
        return found

    def kind_of(self, place: Place, node: ast.expr, names: dict[str, str]) -> str:
        """The class, by its last name, of what *node* in *place* is; empty where that is not told."""
        if isinstance(node, ast.Call):
            if _name(node)[:1].isupper():
                return _name(node)
            kinds = {self._gives.get(one, "") for one in self.called(place, node.func, names)}
            return kinds.pop() if len(kinds) == 1 else ""
        return ""

    def called(
        self,
        place: Place,
        node: ast.expr,
        names: dict[str, str],
        kinds: dict[str, str] | None = None,
    ) -> Iterator[Place]:
        """What a call of *node*, in *place*, may be; *kinds*: the class of what a local name stands for."""
        if isinstance(node, ast.Name):
            whole = names.get(node.id, f"{place.module}.{node.id}")
            yield from self._named(whole)
        elif isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in names:
                found = list(self._named(f"{names[node.value.id]}.{node.attr}"))
                yield from found
                if found or names[node.value.id] in self._trees:
                    return
            kind = self.kind_of(place, node.value, names)
            if isinstance(node.value, ast.Attribute) and _name(node.value.value) == "self":
                kind = self._fields.get((place.name.split(".")[0], node.value.attr), "")
            if isinstance(node.value, ast.Name):
                kind = (kinds or {}).get(node.value.id, "")
                if node.value.id[:1].isupper():
                    kind = node.value.id
            found = [p for p in self._methods.get(node.attr, ()) if p.name.startswith(f"{kind}.")]
            if kind:
                yield from found
            elif node.attr not in _ANYBODYS:
                yield from self._methods.get(node.attr, ())

    def _named(self, whole: str) -> Iterator[Place]:
        module, _, name = whole.rpartition(".")
        for wanted in (name, f"{name}.__init__"):
            if (place := Place(module, wanted)) in self.bodies:
                yield place

    def is_refusal(self, raised: str) -> bool:
        """Whether what is raised, or what makes it, counts."""
        return raised in counted() or raised in self._makers

    def refusing(self) -> set[Place]:
        """Every function out of which a refusal may come that nobody wrote down."""
        found = {p for p, body in self.bodies.items() if any(map(self.is_refusal, body.raises))}
        while True:
            more = {p for p, body in self.bodies.items() if p not in found and body.calls & found}
            if not more:
                return found
            found |= more


def leaks(source: Source, start: Place, but: Container[str] = ()) -> dict[Place, Place]:
    """Each function out of which a refusal may reach *start* with nobody writing it down, and who calls it.

    What is below the functions *but*, by their whole name, is not looked at.
    """
    refusing = source.refusing()
    found: dict[Place, Place] = {}
    seen, waiting = {start}, [start]
    while waiting:
        place = waiting.pop()
        for called in source.bodies[place].calls & refusing - seen:
            if str(called) in but:
                continue
            seen.add(called)
            waiting.append(called)
            if any(map(source.is_refusal, source.bodies[called].raises)):
                found[called] = place
    return found


class _Reader:
    """Reads one function's body, but not what stands in a ``with`` that writes refusals."""

    def __init__(self, source: Source, place: Place, names: dict[str, str]) -> None:
        self._source, self._place, self._names = source, place, names
        self._kinds: dict[str, str] = {}

    def begin(self, node: ast.FunctionDef) -> None:
        """Read the whole function, with what is known of its names."""
        if "." in self._place.name:
            self._kinds["self"] = self._place.name.split(".")[0]
        given = node.args
        for one in (*given.posonlyargs, *given.args, *given.kwonlyargs):
            self._kinds[one.arg] = self._kinds.get(one.arg, "") or _class(one.annotation)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Assign) and isinstance(inner.targets[0], ast.Name):
                self._made(inner.targets[0], inner.value)
            elif isinstance(inner, ast.withitem) and isinstance(inner.optional_vars, ast.Name):
                self._made(inner.optional_vars, inner.context_expr)
            elif isinstance(inner, ast.Assign) and isinstance(inner.value, ast.Tuple):
                # where, here = repository(repo), installation()
                names = getattr(inner.targets[0], "elts", ())
                for name, value in zip(names, inner.value.elts, strict=False):
                    if isinstance(name, ast.Name):
                        self._made(name, value)
        self.read(node)

    def _made(self, name: ast.Name, value: ast.expr) -> None:
        kind = self._source.kind_of(self._place, value, self._names)
        self._kinds[name.id] = kind or self._kinds.get(name.id, "")

    def read(self, node: ast.AST) -> None:
        for inner in ast.iter_child_nodes(node):
            self._one(inner)

    def _one(self, node: ast.AST) -> None:
        body = self._source.bodies[self._place]
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            # A function within is read where it stands: whoever made it calls it.
            self.read(node)
            return
        if isinstance(node, ast.With):
            for item in node.items:
                if _name(item.context_expr) in WRITES:
                    return
                self._one(item)
            for inner in node.body:
                self._one(inner)
            return
        if isinstance(node, ast.Try) and any(_writes(handler) for handler in node.handlers):
            for inner in (*node.orelse, *node.finalbody):
                self._one(inner)
            return
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = _name(node.exc) if isinstance(node.exc, ast.Call) else ""
            body.raises.add(raised)
        if isinstance(node, ast.Call):
            body.calls |= set(self._source.called(self._place, node.func, self._names, self._kinds))
        self.read(node)


def _name(node: ast.AST) -> str:
    """The last name of what is called."""
    func = node.func if isinstance(node, ast.Call) else node
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def _kept(init: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Each field that holds what the object was given or made, and the class of it."""
    given = {a.arg: _class(a.annotation) for a in (*init.args.args, *init.args.kwonlyargs)}
    for node in ast.walk(init):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            made = _name(node.value) if isinstance(node.value, ast.Call) else ""
            kind = made if made[:1].isupper() else given.get(_name(node.value), "")
            yield node.targets[0].attr, kind


def _class(annotation: ast.expr | None) -> str:
    """The class that an annotation names, one of ours or none."""
    if isinstance(annotation, ast.BinOp):  # Known | None
        annotation = annotation.left
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    if isinstance(annotation, ast.Subscript):  # Iterator[Run], of a context manager
        if _name(annotation.value) not in ("Iterator", "AbstractContextManager", "closing"):
            return ""
        annotation = annotation.slice
    return _name(annotation) if annotation is not None else ""


def _writes(handler: ast.ExceptHandler) -> bool:
    """Whether it catches every error of ours and writes refusals down: the runner's."""
    everything = isinstance(handler.type, ast.Name) and handler.type.id == "Error"
    calls = [node for node in ast.walk(handler) if isinstance(node, ast.Call)]
    return everything and any(_name(call) == "refuse" for call in calls)


def _functions(module: str, tree: ast.Module) -> Iterator[tuple[Place, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield Place(module, node.name), node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield Place(module, f"{node.name}.{inner.name}"), inner


def _imports(tree: ast.AST) -> dict[str, str]:
    """Local name to whole name of what is imported, in functions too where *tree* is one."""
    found = {}
    nodes = ast.walk(tree) if isinstance(tree, ast.FunctionDef) else ast.iter_child_nodes(tree)
    for node in nodes:
        if isinstance(node, ast.If):  # TYPE_CHECKING
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.asname: a.name for a in node.names if a.asname}
    return found
