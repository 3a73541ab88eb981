"""Forms that are not replaced: the verifier names them, so that nothing is called clean."""

from __future__ import annotations

import base64
import quopri
import random
import string
import textwrap
from collections.abc import Callable

import pytest

from remediate.history.readings import Reader, wanted

_RANDOM = random.Random(31)
TOKEN = "".join(_RANDOM.choices(string.ascii_letters + string.digits + "=+/", k=40)).encode()

Encode = Callable[[bytes], bytes]


def _dump(sep: str) -> Encode:
    return lambda text: text.hex(sep).encode()


FORMS: dict[str, Encode] = {
    "blanks": _dump(" "),
    "dashes": _dump("-"),
    "pairs": lambda t: t.hex(" ", -2).encode(),
    "dump in lines": lambda t: "\n".join(textwrap.wrap(t.hex(" "), 48)).encode(),
    "quoted-printable": quopri.encodestring,
    "quoted-printable in hex": lambda t: quopri.encodestring(t.hex().encode()),
    "utf-32": lambda t: t.decode().encode("utf-32-le"),
    "hex in base64": lambda t: base64.b64encode(t.hex().encode()),
    "base64 in hex": lambda t: base64.b64encode(t).hex().encode(),
    "base64 in lines in JSON": lambda t: base64.encodebytes(t * 3).replace(b"\n", b"\\n"),
    "base64 three times": lambda t: base64.b64encode(base64.b64encode(base64.b64encode(t))),
    "json in json in base64 in base64": lambda t: base64.b64encode(
        base64.b64encode(t.replace(b"/", b"\\\\\\/").replace(b"=", b"\\\\u003d"))
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_it_is_named(form: str) -> None:
    reader = Reader([wanted("n", TOKEN)])
    text = b"before " + FORMS[form](b"a: " + TOKEN + b"\n") + b" after\n"
    assert {needle for needle, _ in reader.find(text)} == {"n"}
    other = bytes(reversed(TOKEN))
    assert not reader.find(b"before " + FORMS[form](b"a: " + other + b"\n") + b" after\n")
