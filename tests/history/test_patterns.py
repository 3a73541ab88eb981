"""Rules that are patterns: the stock tool is the oracle, and what can't be followed is refused by name."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from remediate.errors import ExitStatus, UsageError
from remediate.history.expressions import read_expressions
from remediate.history.model import Needle
from remediate.history.overreach import rehearse_with_care
from remediate.history.patterns import LONGEST, MOST_TEXTS, expand
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo

from .conftest import Lab, needle
from .histories import Maker, secrets
from .test_oracle import commits, git, stock, tree

CASES = int(os.environ.get("REMEDIATE_PATTERN_CASES", "330"))
TOGETHER = 30

#: What matches by its own text alone: the same in every place.
_PATTERNS = (
    r"regex:tok_[A-Za-z0-9_]{4,}==>GONE",
    r"regex:tok_\w+",
    r"regex:tok_(\w{4})(?P<rest>\w*)==>[\1] \g<1>? \\no",
    r"regex:tok_.*?[A-M]==>",
    r"regex:(?i)TOK_(?:[a-z]+|[0-9]+)==>T",
    r"regex:k='([^'\r\n]*)'==>k=<\1>",
    r"regex:x[^\s'\xc3]{6,}==>x-\\-x",
    r"regex:tok_[^\n]*-\wlonger==>long",
    r"glob:k='?*'==>k=?",
    r"glob:tok_???==>seven",
    r"glob:[wp]l?in==>dull",
)


@pytest.mark.parametrize("seed", range(-(-CASES // TOGETHER)))
def test_our_trees_are_the_stock_tools(seed: int, tmp_path: Path) -> None:
    dice = random.Random(1000 + seed)
    values = secrets(dice)
    maker = Maker(tmp_path / "lab.git", dice, values)
    for number in range(min(TOGETHER, CASES - seed * TOGETHER)):
        maker.history(number)
    maker.close()
    written = tmp_path / "rules"
    # One pattern, or several that do not match what another puts there.
    lines = [_PATTERNS[seed % len(_PATTERNS)]]
    if seed % 3 == 1 and "tok_" in lines[0]:
        lines += ["regex:odd .==>even", f"literal:{values[0]}-==>dash"]
    written.write_text("\n".join(lines) + "\n")
    repo = open_repo(tmp_path / "lab.git")
    rules = read_expressions(written)
    found = [*rules.literals, *expand(repo, rules)]
    assert found
    needles = [replace(needle(r.secret.reveal()), replacement=r.replacement) for r in found]
    made = rehearse(repo, needles, tmp_path / "quarantine")
    theirs = stock(tmp_path / "lab.git", written, tmp_path / "stock.git")
    before = commits(tmp_path / "lab.git")
    after = commits(tmp_path / "quarantine", list(made.commits.values()))
    for old, expected in theirs.items():
        new = made.commits.get(old)
        assert tree(after[new] if new else before[old]) == expected, f"{lines}, commit {old}"


def rules_in(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "rules"
    path.write_text("\n".join(lines))
    return path


def texts(lab: Lab, tmp_path: Path, *lines: str) -> dict[bytes, bytes]:
    found = expand(open_repo(lab.path), read_expressions(rules_in(tmp_path, *lines)))
    return {rule.secret.reveal(): rule.replacement for rule in found}


def test_every_place_with_text_is_searched(lab: Lab, tmp_path: Path) -> None:
    lab.commit({"tok-1aaa.txt": b"x tok-2bbb y", "bin": b"\0tok-9zzz"}, "tok-3ccc")
    lab.git("branch", "tok-4ddd")
    lab.git("tag", "-a", "-m", "tok-5eee", "v1")
    lab.git("hash-object", "-w", "--stdin", stdin=b"tok-6fff")
    lab.git("-c", "user.name=tok-7ggg", "commit", "-q", "--allow-empty", "-m", "m")
    found = texts(lab, tmp_path, r"regex:tok-\d(\w+)==>\1")
    assert found == {
        b"tok-%d%s" % (n, 3 * b" abcdefg"[n : n + 1]): 3 * b" abcdefg"[n : n + 1]
        for n in range(1, 8)
    }


def test_what_looks_around_itself_is_replaced_everywhere(lab: Lab, tmp_path: Path) -> None:
    lab.commit({"a": b"key=Xy7kQ92mPw\n", "b": b"not a key: Xy7kQ92mPw\n"})
    assert texts(lab, tmp_path, "regex:(?<=^key=).+==>no") == {b"Xy7kQ92mPw": b"no"}


def test_rules_are_followed_in_the_stock_tools_order(lab: Lab, tmp_path: Path) -> None:
    lab.commit({"a": b"aaaa1111 bbbb2222"})
    found = texts(
        lab, tmp_path, r"regex:[ab]{4}\d+==>first", r"regex:\w+\d==>second", "literal:bbbb==>-"
    )
    assert found == {b"aaaa1111": b"first", b"2222": b"second"}


def test_overlapping_matches_leave_no_half_of_a_secret(lab: Lab, tmp_path: Path) -> None:
    lab.commit({"a": b"tok_Xy7kQ92m", "b": b"tok_Xy7kQ92mtok_Xy7kQ92m"})
    found = texts(lab, tmp_path, "regex:tok_[A-Za-z0-9]+")
    needles = [needle(text) for text in found]
    made = rehearse(open_repo(lab.path), needles, tmp_path / "q")
    new = made.commits[lab.git("rev-parse", "HEAD")]
    # The stock tool leaves "_Xy7kQ92m" of the second.
    assert git(tmp_path / "q", "show", f"{new}:b") == b"REMOVED-secret"


@pytest.mark.parametrize(
    ("rules", "content", "why"),
    [
        (["regex:q*==>x"], b"abc", "empty text"),
        (["", "regex:(?s)a.*==>x"], b"a" * (LONGEST + 1), "more than 4,096 bytes"),
        (["", r"regex:\d{4}-\d"], b" ".join(b"%04d-1" % n for n in range(MOST_TEXTS + 1)), "1,000"),
        (["", "regex:a(?=(.))==>\\1"], b"ab ac", "different ones"),
        ([r"regex:(tok)_\w+==>\1_\g<0>"], b"tok_abcdefg", "puts back"),
        (["literal:old==>new", "regex:k=\\w+"], b"k=old1", "another rule"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    lab: Lab, tmp_path: Path, rules: list[str], content: bytes, why: str
) -> None:
    lab.commit({"a": content})
    with pytest.raises(UsageError) as caught:
        texts(lab, tmp_path, *rules)
    assert why in caught.value.message and f"line {len(rules)}" in caught.value.message
    assert "literal:VALUE==>NEW" in caught.value.hint
    assert caught.value.exit_status is ExitStatus.USAGE


def test_a_rule_that_changes_nothing_matches_nothing(lab: Lab, tmp_path: Path) -> None:
    lab.commit({"a": b"id=7"})
    assert texts(lab, tmp_path, r"regex:\w*(?==)==>\g<0>", r"regex:\w=\d==>\g<0>") == {}


def test_words_that_a_pattern_matched_are_held_back(
    lab: Lab, tmp_path: Path, make_needle: Callable[..., Needle]
) -> None:
    lab.commit({"a": b"pass=word pass=Xy7kQ92mPw"})
    found = texts(lab, tmp_path, "regex:(?<=pass=)\\w+")
    needles = [make_needle(text) for text in found]
    made = rehearse_with_care(open_repo(lab.path), needles, tmp_path / "q", insisted=())
    (held,) = made.held
    assert held == make_needle("word").id
    assert "literal:VALUE==>NEW" in made.messages[0]
