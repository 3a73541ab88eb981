"""What is written into a .env file comes back the same from python-dotenv and from a shell."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate_providers.dotenv.lines import UnwritableError, edited, values_in, written

ODD = st.text(alphabet="ab1'\"\\$`#= \t\n{}!~%&;()é€\u2028*?:-_.,n0", min_size=1, max_size=9)
FILES = st.sampled_from(
    ["", "K=old\n", "export K='o' # c\n", 'K="o"\n', "K=old\t# c\n", "K = a # b\n", "K=#x\n", "K\n"]
)


@given(pairs=st.lists(st.tuples(ODD, FILES), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_every_reader_reads_the_same(pairs: list[tuple[str, str]]) -> None:
    wanted: dict[str, str] = {}
    text = "A=1\n"
    for number, (value, line) in enumerate(pairs):
        name = f"K{number}"
        try:
            text = edited(text + line.replace("K", name), {name: value})
        except UnwritableError:
            continue
        wanted[name] = value
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ".env"
        file.write_text(text, newline="")
        assert {k: v for k, v in dotenv_values(file).items() if k in wanted} == wanted
        asked = "".join(f'printf "%s\\0" "${name}"; ' for name in wanted)
        shell = subprocess.run(
            ["sh", "-eu", "-c", f'. "{file}"; {asked}'],
            capture_output=True,
            check=True,
            cwd=folder,
            timeout=30,
        ).stdout.decode()
    assert shell.split("\0")[:-1] == list(wanted.values())
    assert values_in(text)["A"] == "1", "what stood there is kept"


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("rk_live_51Hab", "rk_live_51Hab"),
        ("a b", "'a b'"),
        ("a$b`c", "'a$b`c'"),
        ("a#b", "'a#b'"),
        ("it's", '"it\'s"'),
        ('"', "'\"'"),
        ("C:\\x", "'C:\\x'"),
        ("a\\\\b", '"a\\\\\\\\b"'),
        ("one\ntwo", "'one\ntwo'"),
        ("grün", "'grün'"),
    ],
)
def test_the_form_is_the_plainest_that_carries_the_value(value: str, form: str) -> None:
    assert written(value) == form


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "empty"),
        ("a\rb", "control"),
        ("a\0b", "control"),
        ("a${HOME}b", "variable"),
        ("it's $5", "readers disagree"),
        ("ends with \\", "readers disagree"),
        ("\udcff", "UTF-8"),
    ],
)
def test_what_no_form_carries_is_refused_without_showing_it(value: str, why: str) -> None:
    with pytest.raises(UnwritableError, match=why) as caught:
        written(value)
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "K=new\n"),
        ("A=1", "A=1\nK=new\n"),
        ("A=1\r\nB=2\r\n", "A=1\r\nB=2\r\nK=new\r\n"),
        ("# head\n\nK=old # why\nZ=9\n", "# head\n\nK=new # why\nZ=9\n"),
        ("  export K='old'\r\nZ=9", "  export K='new'\r\nZ=9"),
        ('K="old"#c\n', 'K="new" #c\n'),
        ("K=old\t#c\n", "K=new\t #c\n"),
        ("K=a#old\n", "K=new\n"),
        ("K= # later\n", "K=new # later\n"),
        ("K='two\nlines'\nZ=9\n", "K='new'\nZ=9\n"),
        ("K=one\nK=two\n", "K=new\nK=new\n"),
        ("#K=old\nKK=1\n", "#K=old\nKK=1\nK=new\n"),
        ("\ufeffK=old\n", "\ufeffK=new\n"),
        ("K : old\n", "K : old\nK=new\n"),
        ("caf\udce9=1\nK=old\n", "caf\udce9=1\nK=new\n"),
        ("M='\nK=trap\n'\nK=old\n", "M='\nK=trap\n'\nK=new\n"),
    ],
)
def test_only_the_value_changes(before: str, after: str) -> None:
    assert edited(before, {"K": "new"}) == after


@given(st.text(alphabet="K=old'\"# \n\r\texport\\${}\ufeff", max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_edited_or_refused_never_a_crash(text: str) -> None:
    try:
        edited(text, {"K": "new"})
    except UnwritableError as error:
        assert str(error)
