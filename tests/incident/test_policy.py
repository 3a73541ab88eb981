"""The policy file: read strictly, each mistake told with its line."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.errors import PolicyError
from remediate.incident.policy import Policy, changed, load, parse, table_settings
from remediate.incident.policy import settings as said_by
from remediate.model import Credential, Json
from remediate.stages.targets import validate

WHOLE = b"""\
[incident]
severity = "critical"
approve = ["publish"]
signers = "who"
max_revocations = 300

[[credential]]
match = "aws"
strategy = "replace-first"
stores = ["aws-secrets-manager:prod/app#K=id,S=secret"]
deploy = ["./deploy.sh", "now"]
check = ["./smoke.sh"]
delete = "never"
insist = true
use_leaked = false

[[credential]]
match = "github-pat"

[history]
replacement = "GONE-{kind}"
paths = ["src"]
keep_backup = "2w"

[publish]
remote = "upstream"
lift_protection = false
ci = "run"
"""


def test_every_key_of_the_design_is_read() -> None:
    policy = parse(WHOLE, "p")
    assert (policy.severity, policy.approve, policy.max_revocations) == (
        "critical",
        ("publish",),
        300,
    )
    aws = policy.credentials[0]
    assert (aws.strategy, aws.delete, aws.insist, aws.use_leaked) == (
        "replace-first",
        "never",
        True,
        False,
    )
    assert aws.deploy == ("./deploy.sh", "now")
    assert (policy.replacement, policy.keep_backup_hours) == ("GONE-{kind}", 336)
    assert (policy.remote, policy.lift_protection, policy.ci) == ("upstream", False, "run")


def test_an_empty_file_is_the_defaults() -> None:
    assert parse(b"", "p") == Policy(source="p")


MISTAKES = {
    "[incident]\nseverety = 'high'\n": (2, "severety"),
    "[incident]\nseverity = 'huge'\n": (2, "one of"),
    "\n\n[histroy]\n": (3, "histroy"),
    "[[credential]]\nmatch = 'aws'\n\n[[credential]]\nmatch = 'x'\nstore = ['a']\n": (6, "store"),
    "[[credential]]\nstores = []\n": (1, "match"),
    "[incident]\nmax_revocations = 0\n": (2, "1 or more"),
    "[incident]\nmax_revocations = true\n": (2, "number"),
    "[incident]\nmax_revocations = '20'\n": (2, "number"),
    "[publish]\nlift_protection = 1\n": (2, "true or false"),
    "[history]\nreplacement = 'a b'\n": (2, "letters"),
    "[history]\nkeep_backup = 'soon'\n": (2, "time"),
    "[history]\npaths = [1]\n": (2, "list of strings"),
    "incident = 3\n": (None, "table"),
    "[credential]\nmatch = 'aws'\n": (None, "two brackets"),
    "a = [\n": (None, "TOML"),
    "x = 1\n": (1, "one of [incident]"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_each_mistake_has_its_line(text: str) -> None:
    line, words = MISTAKES[text]
    with pytest.raises(PolicyError) as error:
        parse(text.encode(), "remediate.toml")
    assert words in error.value.message
    if line is not None:
        assert error.value.line == line


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse(data, "p")
    except PolicyError as error:
        assert error.message.startswith("p")


def test_a_file_that_everybody_can_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "remediate.toml"
    path.write_text("")
    path.chmod(0o666)
    with pytest.raises(PolicyError, match="only you"):
        load(path, required=False)


def test_a_file_that_anybody_could_replace_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    (folder / "remediate.toml").write_text("")
    folder.chmod(0o777)
    with pytest.raises(PolicyError, match="folder that only you"):
        load(folder / "remediate.toml", required=False)
    folder.chmod(0o1777)
    assert load(folder / "remediate.toml", required=False) == Policy(
        source=str(folder / "remediate.toml")
    )


def test_a_link_in_the_repository_is_refused_and_one_that_was_named_is_followed(
    tmp_path: Path,
) -> None:
    (tmp_path / "real").write_text('[incident]\nseverity = "low"\n')
    link = tmp_path / "remediate.toml"
    link.symlink_to("real")
    with pytest.raises(PolicyError, match="symbolic link"):
        load(link, required=False)
    assert load(link, required=True).severity == "low"


@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "huge", "deep"])
def test_what_never_ends_or_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "remediate.toml"
    match kind:
        case "fifo":
            os.mkfifo(path, 0o600)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "huge":
            with path.open("wb") as stream:
                stream.truncate(1 << 40)
        case "deep":
            path.write_text("x = " + "[" * 100_000)
    with pytest.raises(PolicyError):
        load(path, required=True)


def test_a_change_of_policy_is_told_in_words() -> None:
    def said(text: bytes) -> dict[str, Json]:
        return said_by(parse(text, "p"))

    old = b'[incident]\napprove = ["publish"]\n[[credential]]\nmatch = "aws"\n'
    assert changed(said(old), said(old)) == []
    assert changed(said(b""), said(b'[publish]\nci = "run"\n')) == ["ci: pause, now run"]
    assert changed(said(old), said(old.replace(b'"publish"', b""))) == [
        "approve: publish, now nothing"
    ]
    more = old + b"insist = true\n"
    assert changed(said(old), said(more)) == ["credential 1 insist: False, now True"]
    assert "credential 1 match: aws, now nothing" in changed(said(old), said(b""))


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "remediate.toml"
    path.write_bytes(WHOLE)
    assert load(path, required=True).digest == hashlib.sha256(WHOLE).hexdigest()


def test_a_missing_file_is_an_error_only_when_asked_for(tmp_path: Path) -> None:
    assert load(tmp_path / "none", required=False) == Policy()
    with pytest.raises(PolicyError, match="nothing there"):
        load(tmp_path / "none", required=True)


def credential(**changes: object) -> Credential:
    values: dict[str, object] = {
        "id": "aws:AKIAX",
        "provider": "aws",
        "kind": "aws-access-key-id",
        "parts": {"id": "ab" * 32, "secret": "cd" * 32},
    }
    return Credential(**{**values, **changes})  # type: ignore[arg-type]


def test_the_closest_table_rules() -> None:
    text = "".join(
        f'[[credential]]\nmatch = "{m}"\ndeploy = ["{m}"]\n'
        for m in ("aws", "aws-access-key-id", "cd" * 6)
    )
    policy = parse(text.encode(), "p")
    assert policy.for_credential(credential()).deploy == ("cd" * 6,)
    other = credential(parts={"id": "00" * 32})
    assert policy.for_credential(other).deploy == ("aws-access-key-id",)
    third = credential(parts={"id": "00" * 32}, kind="aws-session")
    assert policy.for_credential(third).deploy == ("aws",)
    assert policy.for_credential(credential(provider="x", kind="y", parts={})).deploy == ()


def test_a_short_prefix_of_a_fingerprint_matches_nothing() -> None:
    policy = parse(b'[[credential]]\nmatch = "cdcdcd"\ndeploy = ["x"]\n', "p")
    assert policy.for_credential(credential()).deploy == ()


def test_another_provider_and_what_it_is_told() -> None:
    policy = parse(
        b'[[credential]]\nmatch = "secret"\nprovider = "command"\n'
        b'with = { check = ["./check", "it"], seconds = "5" }\n',
        "p",
    )
    (table,) = policy.credentials
    assert table.provider == "command"
    told = {"check": ["./check", "it"], "seconds": "5"}
    assert table_settings(table)["with"] == told
    assert hash(table)
    assert not changed(said_by(policy), json.loads(json.dumps(said_by(policy))))


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ('match = "a"\nwith = { check = ["x"] }', 3),
        ('match = "a"\nprovider = "command"\nwith = { check = 5 }', 4),
        ('match = "a"\nprovider = "command"\nwith = "x"', 4),
        ('match = "a"\nprovider = 5', 3),
    ],
)
def test_what_a_provider_is_told_is_texts_and_lists(lines: str, line: int) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(f"[[credential]]\n{lines}\n".encode(), "p")
    assert caught.value.line == line


def test_only_a_provider_that_takes_any_can_be_named(tmp_path: Path) -> None:
    for named in ("aws", "no-such-provider", "command"):
        text = (
            f'[[credential]]\nmatch = "secret"\nprovider = "{named}"\nwith = {{ revok = ["x"] }}\n'
        )
        with pytest.raises(PolicyError) as caught:
            validate(parse(text.encode(), "p"), tmp_path)
        assert caught.value.hint


def test_a_number_of_more_digits_than_python_reads_is_refused() -> None:
    with pytest.raises(PolicyError, match="TOML"):
        parse(b"[incident]\nmax_revocations = " + b"9" * 5000, "p")
