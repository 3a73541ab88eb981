from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from remediate.history.nesting import Nesting, doomed_trees


def _raw(number: int) -> bytes:
    return number.to_bytes(20, "big")


#: A tree may hold those of lower numbers only: there are no circles.
_SHAPES = st.lists(st.lists(st.integers(0, 11), max_size=5), min_size=1, max_size=12)


@given(_SHAPES, st.sets(st.integers(0, 11), max_size=3), st.integers(1, 4), st.integers(1, 3))
def test_what_reaches_a_holder_is_what_a_walk_finds(
    shapes: list[list[int]], holding: set[int], cut: int, groups: int
) -> None:
    within = {n: [i for i in shape if i < n] for n, shape in enumerate(shapes)}
    parts = []
    for begin in range(0, len(shapes), cut):
        part = Nesting()
        for number in range(begin, min(begin + cut, len(shapes))):
            if within[number]:
                held = [_raw(inner) for inner in within[number]]
                part.add(_raw(number), b"%d" % (number % groups), held)
        part.close()
        parts.append(part)
    holders: Mapping[bytes, set[str]] = {_raw(n): {f"blob {n}"} for n in sorted(holding)}
    expected: dict[int, set[str]] = {n: {f"blob {n}"} for n in holding}
    for number in within:  # lower ones first
        if reached := {i for i in within[number] if i in expected}:
            expected.setdefault(number, set()).update(_raw(i).hex() for i in reached)
    found = doomed_trees(holders, parts)
    assert {k: set(v) for k, v in found.items()} == {_raw(n).hex(): v for n, v in expected.items()}
    assert all(len(set(v)) == len(v) for v in found.values())
