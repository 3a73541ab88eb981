"""A number and its word agree, everywhere that something is counted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate.wording import bent, count, rewriting, sentence, share

ROOT = Path(__file__).resolve().parent.parent


def test_one_and_more() -> None:
    assert [count(n, "credential") for n in (0, 1, 2)] == [
        "0 credentials",
        "1 credential",
        "2 credentials",
    ]
    assert count(1, "copy", "copies") == "1 copy"
    assert count(3, "copy", "copies") == "3 copies"
    assert bent(1, "is", "are") == "is"


def test_a_part_of_a_whole() -> None:
    assert share(0, 1, "credential", "is", "are") == "0 of 1 credential is"
    assert share(1, 3, "credential", "is", "are") == "1 of 3 credentials is"
    assert share(2, 3, "credential", "is", "are") == "2 of 3 credentials are"
    assert rewriting(1, 1, 1) == "1 of 1 commit gets a new id, 1 file a new content"
    assert rewriting(2, 5, 0) == "2 of 5 commits get a new id, 0 files a new content"


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for folder in (ROOT / "remediate", ROOT / "providers"):
        for path in sorted(folder.rglob("*.py")):
            yield path, ast.parse(path.read_text("utf-8"))


def counted(tree: ast.Module) -> Iterator[str]:
    """The words that ``count`` is given, as several of them are called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "count":
            words = [a.value for a in node.args[1:] if isinstance(a, ast.Constant)]
            if words:
                many = str(words[1] if len(words) > 1 else f"{words[0]}s")
                yield from (word for word in many.split() if re.search("[^s]s$", word))


def interpolated(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Line, what is put in, and the text after it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, after in zip(node.values, node.values[1:], strict=False):
            if isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant):
                yield value.lineno, ast.unparse(value.value), str(after.value)


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="needs the source tree")
def test_nothing_is_counted_with_a_word_that_never_bends() -> None:
    """``f"{n} refs"`` says "1 refs" one day: `remediate.wording.count` is the one way.

    A constant (a limit) is what it is and may stand before its word.
    """
    files = list(trees())
    words = {word for _, tree in files for word in counted(tree)}
    assert {"credentials", "refs", "commits", "files"} <= words
    many = re.compile(rf" (?:[a-z-]*[a-rt-z] )?(?:{'|'.join(sorted(words))})\b")
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {{{what}}}{after[:30]}"
        for path, tree in files
        for line, what, after in interpolated(tree)
        if many.match(after) and not re.fullmatch(r"[A-Z_0-9 *.]+", what)
    ]
    assert not wrong, "\n".join(wrong)


def test_a_reason_is_a_sentence_and_a_name_stays_as_it_is() -> None:
    assert sentence("the token was refused") == "The token was refused."
    assert sentence("it said: is that so?") == "It said: is that so?"
    for name in ("api.github.com: nobody answered", "iam:ListUsers was denied", "max_age is over"):
        assert sentence(name) == f"{name}."
