from __future__ import annotations

import base64
import json
import random
import textwrap
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.history.matcher import Matcher
from remediate.history.model import Needle
from remediate.history.multiline import block

MakeNeedle = Callable[..., Needle]

_BODY = base64.b64encode(random.Random(7).randbytes(1190)).decode()


def _pem(label: str = "RSA PRIVATE KEY", width: int = 64, body: str = _BODY) -> str:
    lines = textwrap.wrap(body, width)
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"])


_PEM = _pem()

FORMS = {
    "plain": _PEM + "\n",
    "crlf": _PEM.replace("\n", "\r\n") + "\r\n",
    "json": json.dumps({"key": _PEM + "\n"}),
    "json twice": json.dumps(json.dumps({"key": _PEM})),
    "json with crlf": json.dumps({"key": _PEM.replace("\n", "\r\n")}),
    "json with slashes": json.dumps({"key": _PEM}).replace("/", "\\/"),
    "yaml": "key: |\n" + textwrap.indent(_PEM, "    ") + "\nnext: 1\n",
    "tabs": textwrap.indent(_PEM, "\t\t"),
    "env": f'KEY="{_PEM}"\n',
    "one line": _PEM.replace("\n", " "),
    "body": f"key={_BODY}\n",
    "body lines": "\n".join(textwrap.wrap(_BODY, 64)),
    "joined strings": " +\n".join(f'  "{line}\\n"' for line in _PEM.split("\n")) + ";",
    "python strings": "\n".join(f"    '{line}\\n'" for line in _PEM.split("\n")),
    "comment": textwrap.indent(_PEM, "# "),
    "c comment": textwrap.indent(_PEM, " * "),
    "quoted mail": textwrap.indent(_PEM, "> "),
    "url": urllib.parse.quote(_PEM, safe=""),
    "html": _PEM.replace("\n", "<br>\n"),
    "width 76": _pem(width=76),
    "width 1": _pem(width=1),
    "width 70": _pem(width=70),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("given_as", ["plain", "crlf", "json"])
def test_every_form_of_a_key_is_replaced_whole(
    form: str, given_as: str, make_needle: MakeNeedle
) -> None:
    value = {"plain": _PEM, "crlf": _PEM.replace("\n", "\r\n"), "json": _PEM.replace("\n", "\\n")}
    matcher = Matcher([make_needle(value[given_as], "private-key")])
    text = f"before\n{FORMS[form]}\nafter\n"
    clean = matcher.replace(text.encode()).decode()
    assert clean.count("REMOVED-private-key") == 1
    assert clean.startswith("before\n") and clean.endswith("\nafter\n")
    assert "KEY-----" not in clean
    for at in range(0, len(_BODY) - 12, 4):
        assert _BODY[at : at + 12] not in clean


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("plain", "plain"),
        ("crlf", "crlf"),
        ("json", "json"),
        ("yaml", "indented"),
        ("body", "body"),
        ("width 76", "rewrapped"),
        ("url", "percent"),
    ],
)
def test_the_form_is_named(form: str, name: str, make_needle: MakeNeedle) -> None:
    for value in (_PEM, _PEM.replace("\n", "\\n")):
        (found,) = Matcher([make_needle(value)]).find(FORMS[form].encode())
        assert found.encoding == name


def test_what_stands_around_a_key_stays(make_needle: MakeNeedle) -> None:
    clean = Matcher([make_needle(_PEM, "private-key")]).replace
    text = json.dumps({"a": 1, "private_key": _PEM + "\n", "b": "-----BEGIN X-----"}, indent=2)
    assert json.loads(clean(text.encode())) == {
        "a": 1,
        "private_key": "REMOVED-private-key\n",
        "b": "-----BEGIN X-----",
    }
    yaml = "a:\n  key: |\n" + textwrap.indent(_PEM, "    ") + "\n  other: 1\n"
    assert clean(yaml.encode()) == b"a:\n  key: |\n    REMOVED-private-key\n  other: 1\n"
    certificate = _pem("CERTIFICATE", body="QUJD" * 40)
    both = f"{certificate}\n{_PEM}\n{certificate}\n"
    assert clean(both.encode()).decode() == f"{certificate}\nREMOVED-private-key\n{certificate}\n"


def test_two_labels_with_one_body_are_told_apart(make_needle: MakeNeedle) -> None:
    rsa = make_needle(_PEM, "rsa")
    pkcs8 = make_needle(_pem("PRIVATE KEY").replace("\n", "\\n"), "pkcs8")
    text = f"{_PEM}\n{json.dumps(_pem('PRIVATE KEY'))}\n{_BODY}\n".encode()
    for needles in ([rsa, pkcs8], [pkcs8, rsa]):
        matcher = Matcher(needles)
        assert [m.needle.id for m in matcher.find(text)][:2] == [rsa.id, pkcs8.id]
        assert matcher.replace(text).startswith(b'REMOVED-rsa\n"REMOVED-pkcs8"\nREMOVED-')
    assert Matcher([rsa, pkcs8]).replace(text) == Matcher([pkcs8, rsa]).replace(text)


def test_headers_within_a_key_go_with_it(make_needle: MakeNeedle) -> None:
    head = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF\n\n"
    pem = _PEM.replace("KEY-----\n", "KEY-----\n" + head, 1)
    matcher = Matcher([make_needle(pem)])
    assert matcher.replace(f"a\n{pem}\nb".encode()) == b"a\nREMOVED-secret\nb"
    assert matcher.replace(json.dumps(pem).encode()) == b'"REMOVED-secret"'


def test_another_key_that_begins_alike_stays(make_needle: MakeNeedle) -> None:
    other = _BODY[:40] + "".join(reversed(_BODY[40:]))
    text = _pem(body=other).encode()
    assert Matcher([make_needle(_PEM)]).replace(text) == text


def test_other_text_is_no_key() -> None:
    assert block(b"AKIA1234567890") is None
    assert block(b"-----BEGIN RSA PRIVATE KEY-----") is None
    assert block(b"-----BEGIN X-----\nshort\n-----END X-----") is None
    assert block(_PEM.encode()) is not None


@given(
    st.integers(1, 120),
    st.sampled_from(["\n", "\r\n", "\\n", "\\r\\n"]),
    st.text(" \t", max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_any_width_any_line_end_any_indentation(width: int, end: str, indent: str) -> None:
    from remediate.secret import Secret

    lines = _pem(width=width).split("\n")
    text = "x\n" + end.join(indent + line for line in lines) + "\ny"
    matcher = Matcher([Needle("n", Secret(_PEM), b"REMOVED")])
    assert matcher.replace(text.encode()) == f"x\n{indent}REMOVED\ny".encode()
