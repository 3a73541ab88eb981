from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.history.matcher import Matcher, cleaner
from remediate.history.model import Needle
from remediate.history.prefilter import Hyperscan, Plain
from remediate.secret import Secret

MakeNeedle = Callable[..., Needle]


def _needle(value: bytes, kind: str = "secret") -> Needle:
    return Needle(kind + value.hex(), Secret(value), b"REMOVED-" + kind.encode())


def test_each_place_is_found_once(make_needle: MakeNeedle) -> None:
    needle = make_needle("tok/en+1234")
    found = Matcher([needle]).find(b'a tok/en+1234 "tok\\/en\\u002b1234" tok/en+123')
    assert [(m.start, m.end, m.encoding) for m in found] == [(2, 13, "plain"), (15, 32, "json")]


def test_the_replacement_stands_for_every_form(make_needle: MakeNeedle) -> None:
    clean = cleaner([make_needle("tok/en+1234", "kind")])
    assert clean(b"x=tok/en+1234; y=tok\\/en+1234") == b"x=REMOVED-kind; y=REMOVED-kind"


def test_where_there_is_a_nul_the_length_stays(make_needle: MakeNeedle) -> None:
    clean = cleaner([make_needle("0123456789abcdef" * 2, "k"), make_needle("short", "long-kind")])
    data = b"\0" + b"0123456789abcdef" * 2 + b"\0short\0"
    assert clean(data) == b"\0REMOVED-k" + b"*" * 23 + b"\0REMOV\0"


def test_overlapping_secrets_leave_nothing_of_either() -> None:
    one, two = _needle(b"abcdefgh", "one"), _needle(b"fghijklmnop", "two")
    for needles in ([one, two], [two, one]):
        assert cleaner(needles)(b"[abcdefghijklmnop]") == b"[REMOVED-two]"


def test_the_longer_of_two_that_contain_one_another_wins() -> None:
    short, long = _needle(b"inner-value", "short"), _needle(b"an inner-value whole", "long")
    for needles in ([short, long], [long, short]):
        clean = cleaner(needles)
        assert clean(b"an inner-value whole, inner-value") == b"REMOVED-long, REMOVED-short"


def test_the_outcome_depends_on_values_not_on_ids_or_order() -> None:
    values = [b"aaaa-bbbb", b"bbbb-cccc", b"cccc-aaaa"]
    text = b"aaaa-bbbb-cccc-aaaa-bbbb cccc-aaaa"
    kinds = [Needle(i, Secret(v), b"REMOVED-" + v[:1]) for i, v in zip("123", values, strict=True)]
    others = [Needle(i, Secret(v), b"REMOVED-" + v[:1]) for i, v in zip("321", values, strict=True)]
    assert cleaner(kinds)(text) == cleaner(reversed(others))(text)


def test_an_empty_secret_finds_nothing() -> None:
    assert Matcher([_needle(b"")]).find(b"anything") == []
    assert Matcher([]).replace(b"anything") == b"anything"


_LETTERS = st.sampled_from(list(b'ab/"\\\n\0\xff+'))
_TEXTS = st.lists(_LETTERS, max_size=60).map(bytes)


@given(st.lists(st.lists(_LETTERS, min_size=1, max_size=6).map(bytes), max_size=4), _TEXTS)
@settings(max_examples=60, deadline=None)
def test_both_engines_find_the_same(values: list[bytes], text: bytes) -> None:
    needles = [_needle(value) for value in values]
    for value in values:
        text += value + json.dumps(value.decode("latin-1")).encode()
    fast, slow = Matcher(needles, engine=Hyperscan), Matcher(needles, engine=Plain)
    assert fast.find(text) == slow.find(text) == fast.fork().find(text)


@given(
    st.lists(st.lists(_LETTERS, min_size=3, max_size=8).map(bytes), min_size=1, max_size=4), _TEXTS
)
@settings(max_examples=60, deadline=None)
def test_nothing_is_left_after_replacing(values: list[bytes], text: bytes) -> None:
    text = text + b"|".join(values)
    matcher = Matcher([_needle(value) for value in values])
    assert matcher.find(text)
    assert matcher.find(matcher.replace(text)) == []
    fixed = matcher.replace(text, keep_length=True)
    assert len(fixed) == len(text) and matcher.find(fixed) == []


@pytest.mark.parametrize("engine", [Hyperscan, Plain])
def test_an_anchor_hits_across_the_whole_text(engine: Callable[..., Hyperscan | Plain]) -> None:
    search = engine([b"abc", b"\\x00\\xff"])
    assert sorted(search.hits(b"abcabc\0\xff")) == [(0, 3), (0, 6), (1, 8)]
    assert search.fork().hits(memoryview(b"xxabc")[1:]) == [(0, 4)]
    assert engine([]).hits(b"abc") == []


def test_more_patterns_than_are_compiled_together_keep_their_numbers() -> None:
    patterns = [b"p%06dp" % number for number in range(100_001)]
    text = b" ".join(patterns[number] for number in (0, 47_999, 48_000, 96_000, 100_000))
    hits = sorted(number for number, _ in Hyperscan(patterns).fork().hits(text))
    assert hits == [0, 47_999, 48_000, 96_000, 100_000]


def test_thousands_of_secrets_that_begin_alike_take_no_gigabytes() -> None:
    made = (
        "import re; from remediate.history.matcher import Matcher;"
        "from remediate.history.model import Needle; from remediate.secret import Secret;"
        "values = [b'a-value-of-some-length-8f14e45f%05d' % n for n in range(2000)];"
        "m = Matcher(Needle(v.hex(), Secret(v), b'R') for v in values);"
        "print(len(m.find(b'x' + values[0] + b' ' + values[-1])));"
        # Not ru_maxrss, which a process takes over from whoever began it.
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    done = subprocess.run([sys.executable, "-c", made], capture_output=True, check=True)
    found, kilobytes = map(int, done.stdout.split())
    assert found == 2
    # All at once: 520 MB.
    assert kilobytes < 350_000


def test_a_very_long_secret_without_eight_letters_in_a_row() -> None:
    value = b"ab-" * 2000
    matcher = Matcher([Needle("a", Secret(value), b"REMOVED-x")])
    assert matcher.replace(b"k = '" + value + b"'") == b"k = 'REMOVED-x'"
    assert matcher.replace(b'"' + value.replace(b"-", b"\\u002d") + b'"') == b'"REMOVED-x"'
