from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest

from remediate.model import Finding, Hints, Location
from remediate.reports.candidates import candidates, entropy
from remediate.reports.recover import Recovery, look, recover
from remediate.secret import Secret

SAMPLES = Path(__file__).resolve().parents[2] / "fixtures" / "reports"
KEY = (SAMPLES / "planted_key.pem").read_bytes().rstrip(b"\n")
COMMIT = "600f521d641a3f62b97d2708731fb2d88ddf23a7"

#: Made here, so that no file holds a value that looks alive.
TOKEN = b"tok_" + bytes(b"aZ3kQ9xL7mP2vR8nT5wY"[i % 20] for i in range(7, 37))
OTHER = b"oth_" + bytes(b"bX4jW8yK6nQ1uS7mV3zR"[i % 20] for i in range(3, 33))


def finding(
    line: int | None = 1, hints: Hints | None = None, end: int | None = None, path: str = "a"
) -> Finding:
    return Finding(None, Location(COMMIT, path, line, end), hints=hints)


def found(
    text: bytes, hints: Hints | None = None, line: int = 1, end: int | None = None
) -> Recovery:
    return look(finding(line, hints, end), lambda _commit, _path: text)


def value_of(recovery: Recovery) -> bytes | None:
    assert (recovery.value is None) == bool(recovery.reason)
    return recovery.value.reveal() if recovery.value else None


def exact(value: bytes) -> Hints:
    """What gitleaks always tells: the value's entropy, as a 32-bit float."""
    return Hints(entropy=round(entropy(value), 7))


LINES = {
    "shell": b"export TOKEN=%s\n",
    "shell with a note": b"TOKEN=%s # for ci\n",
    "quotes": b'TOKEN = "%s"\n',
    "single quotes": b"'token' => '%s',\n",
    "yaml": b"token: %s\r\n",
    "json": b'{"user": "ada", "token": "%s", "n": 1}\n',
    "json in json": b'{\\"token\\": \\"%s\\"}',
    "header": b"Authorization: Bearer %s\n",
    "address": b"url=https://ada:%s@example.com/path?x=1\n",
    "query": b"curl https://example.com/?token=%s&x=1\n",
    "ini": b"token = %s\n",
    "xml": b"<token>%s</token>\n",
    "call": b"connect(token=`%s`);\n",
    "alone": b"%s",
    "markdown": b"| the token | %s |\n",
}


@pytest.mark.parametrize("how", LINES)
def test_a_value_is_found_by_its_entropy(how: str) -> None:
    assert value_of(found(LINES[how] % TOKEN, exact(TOKEN))) == TOKEN


@pytest.mark.parametrize("how", LINES)
def test_a_value_is_found_by_nothing_but_its_line(how: str) -> None:
    assert value_of(found(LINES[how] % TOKEN)) == TOKEN


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("how", LINES)
def test_columns_choose_even_where_they_are_off_by_one(how: str, shift: int) -> None:
    text = b"old " + OTHER + b" new " + LINES[how] % TOKEN
    start = text.index(TOKEN) + 1
    hints = Hints(columns=(start + shift, start + shift + len(TOKEN) - 1))
    assert value_of(found(text, hints)) == TOKEN


def test_columns_alone_cut_nothing_out() -> None:
    text = b"x = " + TOKEN + b" and some words\n"
    assert value_of(found(text, Hints(columns=(8, 20)))) == TOKEN, "the columns fit nothing"
    assert value_of(found(b"some quite usual words\n", Hints(columns=(6, 16)))) is None


def test_what_no_structure_tells_is_cut_only_where_the_entropy_proves_it() -> None:
    odd = b"a;b,c d'e(f)g"
    text = b"left " + odd + b" right\n"
    start = text.index(odd) + 1
    columns = (start + 1, start + len(odd))
    assert value_of(found(text, Hints(columns, entropy(odd)))) == odd
    assert value_of(found(text, Hints(columns))) is None


def test_a_stretch_one_off_may_have_the_same_entropy_and_is_not_taken() -> None:
    """gitleaks' columns are one off, and the space after a value may be as rare in it as its first
    letter: then the text in those columns has the very same entropy."""
    value = b"Z" + bytes(b"abcdefghijklmnopqrstuvwxy0123456789"[i % 35] for i in range(39))
    text = b"OTHER=" + value + b" X=1\n"
    start = text.index(value) + 1
    wrong = text[start : start + len(value)]
    assert wrong != value
    assert entropy(wrong) == entropy(value)
    hints = Hints((start + 1, start + len(value)), entropy(value))
    assert value_of(found(text, hints)) == value


def test_a_full_stop_is_no_part_of_a_value_and_padding_is() -> None:
    for text, value in (
        (b"use " + TOKEN + b". or not\n", TOKEN),
        (b"use " + TOKEN.replace(b"_", b"+") + b"= or not\n", TOKEN.replace(b"_", b"+") + b"="),
    ):
        start = text.index(value) + 1
        for end in (start + len(value) - 1, start + len(value)):
            assert value_of(found(text, Hints(columns=(start, end)))) == value


@pytest.mark.parametrize("text", [b"T=%s\n", b"T=%s", b"one\nT=%s\n", b"T=%s\ntwo\nthree\n"])
def test_a_line_that_is_one_off_is_found_by_the_entropy_alone(text: bytes) -> None:
    for line in (1, 2):
        assert value_of(found(text % TOKEN, exact(TOKEN), line=line)) == TOKEN
    hints = Hints(columns=(5, 1), entropy=entropy(TOKEN))
    assert value_of(found(b"T=" + TOKEN + b"\nNAME=x\n", hints, line=1, end=2)) == TOKEN
    assert value_of(found(b"\n" + TOKEN, line=1)) is None


def test_two_values_on_a_line_are_told_apart_or_not_guessed() -> None:
    text = TOKEN + b" " + OTHER + b"\n"
    assert value_of(found(text, exact(OTHER))) == OTHER
    assert (
        found(text).reason == "more than one value that agrees with the report stands on that line"
    )
    # Two of the same letters: nothing but the columns can tell.
    twin = TOKEN[::-1]
    text = TOKEN + b" " + twin + b"\n"
    assert value_of(found(text, exact(TOKEN))) is None
    columns = (1, len(TOKEN))
    assert value_of(found(text, Hints(columns, entropy(TOKEN)))) == TOKEN


def test_the_part_that_redaction_left_has_to_be_there() -> None:
    text = TOKEN + b" " + OTHER + b"\n"
    assert value_of(found(text, Hints(beginning=Secret(OTHER[:9])))) == OTHER
    assert value_of(found(text, Hints(beginning=Secret(b"none")))) is None
    assert value_of(found(b"pass=hunter22x\n", Hints(beginning=Secret(b"hunt")))) == b"hunter22x"


def test_the_text_around_has_to_be_there() -> None:
    text = b'KEY = "' + TOKEN + b'"; OLD = "' + OTHER + b'"\n'
    around = Hints(before=Secret(b'OLD = "'), after=Secret(b'"'))
    assert value_of(found(text, around)) == OTHER
    odd = b"two words, (odd)"
    around = Hints(entropy=entropy(odd), before=Secret(b"<!--"), after=Secret(b"-->"))
    assert value_of(found(b"x <!--" + odd + b"--> y", around)) == odd


def test_nothing_is_taken_that_the_report_speaks_against() -> None:
    recovery = found(b"TOKEN=" + TOKEN + b"\n", exact(OTHER))
    assert recovery.reason == "no value that agrees with the report stands on that line"
    assert value_of(found(b"nothing to see here\n")) is None
    assert value_of(found(b"AWS_SECRET_ACCESS_KEY_FOR_PRODUCTION=\n")) is None


@pytest.mark.parametrize(
    "encode",
    [
        base64.b64encode,
        base64.urlsafe_b64encode,
        lambda value: value.hex().encode(),
        lambda value: value.replace(b"_", b"%5F"),
        lambda value: base64.b64encode(b'{"token": "' + value + b'"}'),
        lambda value: base64.b64encode(base64.b64encode(value)),
    ],
    ids=["base64", "base64url", "hex", "percent", "within base64", "twice"],
)
def test_an_encoded_value_is_found_by_its_entropy(encode: object) -> None:
    text = b"data: " + encode(TOKEN) + b"\n"  # type: ignore[operator]
    assert value_of(found(text, exact(TOKEN))) == TOKEN


def test_nothing_but_a_proof_makes_a_decoded_value_the_one_that_was_meant() -> None:
    text = b"data: " + base64.b64encode(TOKEN) + b"\n"
    assert value_of(found(text, Hints(beginning=Secret(TOKEN[:4])))) is None
    assert value_of(found(text)) == base64.b64encode(TOKEN)


@pytest.mark.parametrize("sign", [b" = ", b"=", b": ", b":", b" => "])
@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_long_name_is_not_taken_for_its_value(sign: bytes, quote: bytes) -> None:
    name = quote + b"S3_SECRET_ACCESS_KEY_FOR_PRODUCTION" + quote
    assert value_of(found(name + sign + b'"short"\n')) is None
    assert value_of(found(name + sign + b'"' + TOKEN + b'"\n')) == TOKEN


class TestKeys:
    FILE = b"# a key\n" + KEY + b"\n# after it\n"

    def test_a_key_is_taken_whole_though_only_its_first_line_is_named(self) -> None:
        assert value_of(found(self.FILE, line=2)) == KEY
        assert value_of(found(self.FILE, line=2, end=28)) == KEY
        header = KEY.split(b"\n")[0]
        hints = Hints(columns=(1, len(header)), entropy=entropy(header))
        assert value_of(found(self.FILE, hints, line=2)) == KEY

    def test_the_entropy_of_all_of_it_agrees(self) -> None:
        assert value_of(found(self.FILE, exact(KEY), line=2, end=28)) == KEY
        assert value_of(found(self.FILE, exact(TOKEN), line=2, end=28)) is None

    @pytest.mark.parametrize("newline", [b"\r\n", b"\n  "], ids=["CRLF", "indented"])
    def test_it_comes_out_canonical(self, newline: bytes) -> None:
        text = b"key: |\n  " + KEY.replace(b"\n", newline) + b"\nafter: x\n"
        assert value_of(found(text, line=2)) == KEY
        assert value_of(found(text, exact(KEY.replace(b"\n", newline)), line=2, end=28)) == KEY

    def test_on_one_line_of_json(self) -> None:
        text = json.dumps({"key": KEY.decode(), "id": TOKEN.decode()}).encode()
        escaped = KEY.replace(b"\n", b"\\n")
        assert value_of(found(text, exact(escaped))) == KEY
        start = text.index(escaped) + 1
        assert value_of(found(text, Hints(columns=(start, start + len(escaped) - 1)))) == KEY
        start = text.index(TOKEN) + 1
        assert value_of(found(text, Hints(columns=(start, start + len(TOKEN) - 1)))) == TOKEN
        assert value_of(found(text, exact(TOKEN))) == TOKEN

    def test_a_key_that_never_ends_is_none(self) -> None:
        assert value_of(found(KEY[:500], line=1)) is None

    def test_two_keys_on_one_line_are_not_guessed(self) -> None:
        one, two = KEY.replace(b"\n", b"\\n"), KEY.replace(b"RSA ", b"").replace(b"\n", b"\\n")
        text = b"'" + one + b"' '" + two + b"'"
        assert value_of(found(text)) is None
        assert value_of(found(text, exact(two))) == two.replace(b"\\n", b"\n")

    def test_a_key_before_the_named_lines_is_not_taken(self) -> None:
        assert value_of(found(self.FILE, line=29)) is None


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (Location(url="https://example.com"), "the place is not in the repository"),
        (Location(COMMIT), "the report names no file within the repository"),
        (Location(COMMIT, "../a", 1), "the report names no file within the repository"),
        (Location(COMMIT, "/etc/passwd", 1), "the report names no file within the repository"),
        (Location(COMMIT, "a\\b", 1), "the report names no file within the repository"),
        (Location(COMMIT, "a"), "the report names the whole file, not a line of it"),
        (Location(COMMIT, "a", 0), "the report names the whole file, not a line of it"),
        (Location("--all", "a", 1), "what the report gives as a commit is none"),
    ],
)
def test_nothing_is_read_for_a_place_that_is_none(place: Location, reason: str) -> None:
    def read(_commit: str | None, _path: str) -> bytes | None:
        raise AssertionError("nothing may be read")

    assert look(Finding(None, place), read) == Recovery(None, reason)


def test_a_file_that_is_not_there() -> None:
    assert look(finding(), lambda _c, _p: None).reason.startswith(
        "there is no such file in that commit"
    )
    nowhere = Finding(None, Location(None, "a", 1))
    assert "the newest commit" in look(nowhere, lambda _c, _p: None).reason


@pytest.mark.parametrize(("text", "line"), [(b"", 1), (b"one\n", 2), (b"one\ntwo", 3)])
def test_a_line_that_is_not_there(text: bytes, line: int) -> None:
    assert found(text, line=line).reason == "the file has fewer lines than the report says"


def test_a_value_that_is_known_is_not_looked_for() -> None:
    known = Finding(Secret(b"known"), Location())
    assert recover(known, lambda _c, _p: b"") == Secret(b"known")
    assert recover(finding(), lambda _c, _p: TOKEN) == Secret(TOKEN)


def test_a_line_of_many_megabytes_is_read_around_the_columns() -> None:
    filler = b'{"k": "some words here"}, ' * 200_000
    text = filler + b'"' + TOKEN + b'", ' + filler
    start = len(filler) + 2
    hints = Hints(columns=(start, start + len(TOKEN) - 1), entropy=entropy(TOKEN))
    assert value_of(found(text, hints)) == TOKEN


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "piece",
    [
        *(b"a", b"A", b"a.", b"a=", b"=", b" ", b",", b"\t", b"\xff", b"a,", b"a1=b2;"),
        *(b"\\", b'\\"', b'"', b"'", b'"a', b"://", b"a://", b"?a=", b"%41", b"QUJD"),
        *(b"-----BEGIN A-----", b"-----BEGIN A-----\\n", b"-----END A-----", b"abcdefgh1234567 "),
    ],
)
def test_no_line_takes_long(piece: bytes) -> None:
    text = piece * ((1 << 17) // len(piece))
    began = time.monotonic()
    found(text, Hints(columns=(1000, 1040), entropy=4.2, beginning=Secret(b"x")))
    found(text)
    assert time.monotonic() - began < 5


def test_entropy_is_what_gitleaks_says() -> None:
    for name in ("gitleaks.json", "gitleaks-dir.json"):
        for entry in json.loads((SAMPLES / name).read_text()):
            assert abs(entropy(entry["Secret"].encode()) - entry["Entropy"]) < 1e-6
    assert entropy(b"") == 0.0


def test_a_candidate_does_not_show_its_value() -> None:
    assert all(TOKEN.decode() not in repr(c) for c in candidates(b"k=" + TOKEN))
