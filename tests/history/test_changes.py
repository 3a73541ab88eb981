"""What changes in the newest version of each file, shown without the secret."""

from __future__ import annotations

import base64
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from remediate.history.changes import compare, masked, newest_changes
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo

from .conftest import Lab, needle

VALUE = "q7Zp" + "Xw93LkTa" * 4
MARKS = {"REMOVED-secret": "[secret]"}
WORDS = st.text("abAB09+/= .\n'é", max_size=20)


def test_each_file_as_the_branch_has_it_and_one_that_is_gone(lab: Lab, tmp_path: Path) -> None:
    encoded = base64.b64encode(f"key={VALUE}\n".encode()).decode()
    lab.write({"a.env": f"one\nTOKEN={VALUE} # live\nthree\n", "gone.txt": VALUE})
    lab.commit()
    lab.write({"gone.txt": None, "b.yaml": f"data: {encoded}\n", "c.bin": b"\0" + VALUE.encode()})
    lab.commit()
    wanted = [needle(VALUE)]
    made = rehearse(open_repo(lab.path), wanted, tmp_path / "quarantine")
    found = {c.path: c for c in newest_changes(made, wanted, MARKS, "refs/heads/main")}
    assert found["a.env"].lines[:4] == (
        (" ", "one"),
        ("-", "TOKEN=[secret] # live"),
        ("+", "TOKEN=REMOVED-secret # live"),
        (" ", "three"),
    )
    assert found["a.env"].ref == "refs/heads/main"
    assert found["gone.txt"].ref is None and ("-", "[secret]") in found["gone.txt"].lines
    assert ("-", "data: [secret, encoded]") in found["b.yaml"].lines
    assert found["c.bin"].what == "binary"
    assert VALUE not in repr(found) and encoded[8:24] not in repr(found)


def test_a_file_with_a_copy_that_would_be_left_is_not_shown(lab: Lab, tmp_path: Path) -> None:
    nested = base64.b64encode(VALUE.encode().hex().encode()).decode()
    lab.write({"f": f"plain {VALUE}\nnested {nested}\n"})
    lab.commit()
    wanted = [needle(VALUE)]
    made = rehearse(open_repo(lab.path), wanted, tmp_path / "quarantine")
    assert made.remnants, "no longer a form that is left: find another for this test"
    (change,) = newest_changes(made, wanted, MARKS, "refs/heads/main")
    assert change.what == "left" and not change.lines


def test_a_key_of_many_lines_becomes_one() -> None:
    body = "".join(f"{n}{VALUE}\n" for n in range(9))
    what, lines = compare(f"a\n{body}b\n".encode(), b"a\nREMOVED-secret\nb\n", MARKS)
    assert what == "text"
    assert VALUE[:8] not in repr(lines) and ("+", "REMOVED-secret") in lines
    assert any(sign == "-" and "secret" in line for sign, line in lines)


@given(WORDS, WORDS, WORDS)
def test_nothing_is_shown_but_what_the_new_text_has(before: str, middle: str, after: str) -> None:
    old = f"{before}{VALUE}{middle}{VALUE}{after}"
    new = old.replace(VALUE, "REMOVED-secret")
    assert masked(old, new, MARKS) == new.replace("REMOVED-secret", "[secret]")
    other = masked(old, new.replace("REMOVED-secret", "UkVNT1ZFRA"), MARKS)
    assert VALUE[:4] not in other and VALUE[-4:] not in other
