"""Every encoding of a secret: found, replaced, decodable afterwards, and seen by the verifier."""

from __future__ import annotations

import base64
import html
import json
import random
import string
import textwrap
import urllib.parse
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from remediate.history.matcher import Matcher
from remediate.history.model import Needle
from remediate.history.prefilter import Plain
from remediate.history.readings import Reader, wanted
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo
from remediate.history.verify import verify
from remediate.secret import Secret

if TYPE_CHECKING:
    from tests.history.conftest import Lab

Encode = Callable[[bytes], bytes]

_RANDOM = random.Random(11)
TOKEN = "ghx_" + "".join(_RANDOM.choices(string.ascii_letters + string.digits, k=36))
SLASHED = (
    "".join(_RANDOM.choices(string.ascii_letters + string.digits + "/+=", k=20)) + "/+&\"='<x>"
)


def _each(style: str) -> Encode:
    return lambda text: b"".join((style % byte).encode() for byte in text)


TEXT_FORMS: dict[str, Encode] = {
    "plain": lambda t: t,
    "json": lambda t: json.dumps(t.decode()).encode(),
    "json with slashes": lambda t: json.dumps(t.decode()).replace("/", "\\/").encode(),
    "json codes": _each("\\u%04x"),
    "json codes in capitals": _each("\\u%04X"),
    "percent": lambda t: urllib.parse.quote(t, safe="").encode(),
    "percent throughout": _each("%%%02x"),
    "html": lambda t: html.escape(t.decode()).encode(),
    "html codes": _each("&#%d;"),
    "html hex codes": _each("&#x%X;"),
    "c": _each("\\x%02x"),
    "octal": _each("\\%03o"),
    "some codes": lambda t: (
        t.replace(b"+", b"\\u002b").replace(b"/", b"&#x2F;").replace(b"=", b"%3D")
    ),
}

KEPT_FORMS: dict[str, Encode] = {
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "base64 without padding": lambda t: base64.b64encode(t).rstrip(b"="),
    "base64 in lines of 76": base64.encodebytes,
    "base64 in lines of 40": lambda t: "\n".join(
        textwrap.wrap(base64.b64encode(t).decode(), 40)
    ).encode(),
    "base64 twice": lambda t: base64.b64encode(base64.b64encode(t)),
    "base64 twice, in lines": lambda t: base64.encodebytes(
        "\n".join(textwrap.wrap(base64.b64encode(t).decode(), 40)).encode()
    ),
    "hex": lambda t: t.hex().encode(),
    "hex in lines of 60": lambda t: "\n".join(textwrap.wrap(t.hex(), 60)).encode(),
    "HEX": lambda t: t.hex().upper().encode(),
    "utf-16": lambda t: t.decode().encode("utf-16"),
    "utf-16-le": lambda t: t.decode().encode("utf-16-le"),
    "utf-16-be": lambda t: t.decode().encode("utf-16-be"),
    "powershell": lambda t: base64.b64encode(t.decode().encode("utf-16-le")),
}


def _needle(value: str) -> Needle:
    return Needle("n", Secret(value), b"REMOVED-secret")


_MATCHERS = {value: Matcher([_needle(value)]) for value in (TOKEN, SLASHED)}
_READERS = {value: Reader([wanted("n", value.encode())]) for value in (TOKEN, SLASHED)}


@pytest.mark.parametrize("value", [TOKEN, SLASHED], ids=["letters", "signs"])
@pytest.mark.parametrize("form", TEXT_FORMS)
def test_written_otherwise(form: str, value: str) -> None:
    text = b"before " + TEXT_FORMS[form](value.encode()) + b" after"
    assert _READERS[value].find(text)
    clean = _MATCHERS[value].replace(text)
    assert clean in (b"before REMOVED-secret after", b'before "REMOVED-secret" after')
    assert not _READERS[value].find(clean)


@pytest.mark.parametrize("value", [TOKEN, SLASHED], ids=["letters", "signs"])
@pytest.mark.parametrize("form", KEPT_FORMS)
@pytest.mark.parametrize("before", range(4))
def test_encoded_whole(form: str, value: str, before: int) -> None:
    encode = KEPT_FORMS[form]
    whole = b"a" * before + value.encode() + b" and the rest of it"
    if "16" in form:
        whole = b"ab" * before + whole
    text = encode(whole)
    assert _READERS[value].find(text)
    clean = _MATCHERS[value].replace(text)
    assert len(clean) == len(text)
    assert not _READERS[value].find(clean)
    filled = b"REMOVED-secret".ljust(len(value), b"*")
    assert encode(whole.replace(value.encode(), filled)) == clean


@pytest.mark.parametrize("form", KEPT_FORMS)
def test_encoded_alone(form: str) -> None:
    for value in (TOKEN, SLASHED):
        text = b"x: " + KEPT_FORMS[form](value.encode()) + b"\n"
        clean = _MATCHERS[value].replace(text)
        filled = b"REMOVED-secret".ljust(len(value), b"*")
        assert clean == b"x: " + KEPT_FORMS[form](filled) + b"\n"


@given(
    st.lists(st.integers(0, 255), min_size=12, max_size=40, unique=True).map(bytes),
    st.binary(max_size=5),
    st.binary(max_size=5),
    st.sampled_from([base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes]),
)
@settings(max_examples=40, deadline=None)
def test_any_bytes_in_base64(value: bytes, before: bytes, after: bytes, encode: Encode) -> None:
    assume((before + value + after).find(value) == len(before))
    matcher = Matcher([Needle("n", Secret(value), b"REMOVED")], engine=Plain)
    text = encode(before + value + after)
    filled = b"REMOVED".ljust(len(value), b"*")[: len(value)]
    clean = matcher.replace(text, keep_length=False)
    assert (
        base64.b64decode(clean.translate(bytes.maketrans(b"-_", b"+/"))) == before + filled + after
    )


@given(st.text(string.printable, min_size=6, max_size=30), st.sampled_from(sorted(TEXT_FORMS)))
@settings(max_examples=40, deadline=None)
def test_any_text_written_otherwise(value: str, form: str) -> None:
    matcher = Matcher([_needle(value)], engine=Plain)
    text = b"<" + TEXT_FORMS[form](value.encode()) + b">"
    found = matcher.find(text)
    assert found and found[0].start in (1, 2)
    assert Matcher([_needle(value)]).find(text) == found


def test_a_key_in_base64_and_in_der_and_in_utf16() -> None:
    body = base64.b64encode(_RANDOM.randbytes(609)).decode()
    pem = "\n".join(
        ["-----BEGIN PRIVATE KEY-----", *textwrap.wrap(body, 64), "-----END PRIVATE KEY-----"]
    )
    matcher, reader = Matcher([_needle(pem)]), Reader([wanted("n", pem.encode())])
    texts = {
        "base64": base64.b64encode(pem.encode() + b"\n"),
        "wrapped": base64.encodebytes(b"a: " + pem.encode()),
        "crlf": base64.b64encode(pem.replace("\n", "\r\n").encode()),
        "der": b"\x30\x82" + base64.b64decode(body) + b"\0",
        "utf-16": (pem + "\n").encode("utf-16"),
        "utf-16-be": ("x\n" + pem.replace("\n", "\r\n")).encode("utf-16-be"),
    }
    for name, text in texts.items():
        clean = matcher.replace(text)
        assert clean != text and len(clean) == len(text), name
        assert not matcher.find(clean) and not reader.find(clean), name
        if name != "der":
            assert reader.find(text), name
    assert texts["utf-16"].decode("utf-16").splitlines()[1] == body[:64]
    assert matcher.replace(texts["utf-16"]).decode("utf-16").startswith("REMOVED-secret***")


def test_what_is_only_alike_stays() -> None:
    for value in (TOKEN, SLASHED):
        matcher = _MATCHERS[value]
        for other in (value[:-1], value[1:], value.swapcase(), value[:20] + "x" + value[20:]):
            for encode in (*TEXT_FORMS.values(), *KEPT_FORMS.values()):
                text = b"a " + encode(other.encode()) + b" b"
                assert matcher.replace(text) == text


@pytest.mark.parametrize("before", range(3))
@pytest.mark.parametrize("form", ["base64", "base64 twice", "hex", "utf-16-le", "powershell"])
def test_two_secrets_side_by_side(form: str, before: int) -> None:
    encode = KEPT_FORMS[form]
    other = "_".join(reversed(TOKEN.split("_")))
    needles = [_needle(TOKEN), Needle("o", Secret(other), b"REMOVED-other")]
    start = "a" * before
    clean = Matcher(needles).replace(encode(f"{start}{TOKEN}{other}.".encode()))
    filled = b"REMOVED-secret".ljust(len(TOKEN), b"*") + b"REMOVED-other".ljust(len(other), b"*")
    assert clean == encode(start.encode() + filled + b".")


def test_a_secret_within_another_in_base64() -> None:
    needles = [_needle("postgres://app:" + TOKEN + "@db"), Needle("o", Secret(TOKEN), b"REMOVED-o")]
    text = base64.b64encode(b"url=postgres://app:" + TOKEN.encode() + b"@db\n")
    clean = base64.b64decode(Matcher(needles).replace(text))
    assert clean == b"url=" + b"REMOVED-secret".ljust(len(TOKEN) + 18, b"*") + b"\n"


def test_a_rehearsal_replaces_every_form(lab: Lab) -> None:
    needle = _needle(TOKEN)
    files = {name: encode(b"a " + TOKEN.encode() + b" b") for name, encode in KEPT_FORMS.items()}
    files |= {f"{name}.txt": encode(TOKEN.encode()) for name, encode in TEXT_FORMS.items()}
    message = base64.b64encode(TOKEN.encode()).decode()
    lab.commit({**files, message: "x"}, message=f"see {message}")
    lab.commit({message: None})
    result = rehearse(open_repo(lab.path), [needle], lab.path.parent / "quarantine")
    assert result.remnants == () and result.unreadable == ()
    assert result.blobs == len(set(files.values()))
    assert {p.encoding for p in result.places} >= {"plain", "json", "base64", "hex", "utf-16"}


def test_a_rehearsal_replaces_a_key_in_base64_however_it_was_broken(lab: Lab) -> None:
    body = base64.b64encode(_RANDOM.randbytes(609)).decode()
    dashes = "-" * 5
    lines = [f"{dashes}BEGIN KEY{dashes}", *textwrap.wrap(body, 64), f"{dashes}END KEY{dashes}"]
    key = _needle("\n".join(lines))
    files = {
        str(number): b"a: "
        + base64.encodebytes(b"x" * number + end.join(lines).encode() + b"\nb\n")
        for number, end in enumerate(("\n", "\r\n", "\n    ", "\\n"))
    }
    files["wide"] = base64.b64encode("\n".join(lines).encode("utf-16"))
    lab.commit(files)
    result = rehearse(open_repo(lab.path), [key], lab.path.parent / "quarantine")
    assert result.remnants == () and result.blobs == len(files)


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(base64.b64encode(base64.b64encode(TOKEN.encode()))),
        base64.b64encode(TOKEN.encode().hex().encode()),
        base64.b64encode(TOKEN.encode()).hex().encode(),
    ],
    ids=["three times", "hex in base64", "base64 in hex"],
)
def test_what_is_not_replaced_is_reported(text: bytes, lab: Lab) -> None:
    needle = _needle(TOKEN)
    assert Matcher([needle]).replace(text) == text
    lab.commit({"other": text, "with it": text + b"\n" + TOKEN.encode()})
    repo = open_repo(lab.path)
    result = rehearse(repo, [needle], lab.path.parent / "quarantine")
    assert len(result.remnants) == 1 and result.remnants[0].needle == "n"
    found = {left.object for left in verify(repo, [needle]).remnants}
    assert lab.git("rev-parse", "HEAD:other") in found
