"""Telling GitHub's tokens apart, offline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.plugins.provider import Found
from remediate.secret import InstallationKey, Secret
from remediate_providers.github import tokens
from remediate_providers.github.local_state import make_value
from remediate_providers.github.provider import GitHubProvider

KEY = InstallationKey(b"k" * 32)
KINDS = [kind.name for kind in tokens.KINDS]


def found(value: Secret) -> Found:
    return Found(KEY.fingerprint(value), value)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_by_its_prefix(kind: str) -> None:
    value = make_value(kind)
    (one,) = GitHubProvider().identify([found(value)])
    fingerprint = KEY.fingerprint(value)
    assert one.credential.kind == kind
    assert one.credential.id == f"github:{fingerprint[:12]}"
    assert one.credential.parts == {"value": fingerprint}
    assert one.kinds == {fingerprint: kind}
    assert one.credential.labels == {}


def test_the_installation_token_of_2026() -> None:
    # ghs_<app>_<JWT>, about 520 characters, with two dots.
    value = Secret("ghs_" + "12345_" + ".".join(["eyJ" + "a" * 60, "b" * 300, "c-_" * 50]))
    assert tokens.kind_of(value) == tokens.INSTALLATION
    assert tokens.checksum_fits(value) is None


def test_the_sample_token_is_known(fixtures: Path) -> None:
    planted = json.loads((fixtures / "reports" / "planted.json").read_text())
    (one,) = GitHubProvider().identify([found(Secret(planted["ghp"]))])
    assert (one.credential.kind, one.credential.labels) == ("github-pat", {})


def test_a_checksum_that_does_not_fit_is_a_label_and_no_reason_to_pass_it_over() -> None:
    (one,) = GitHubProvider().identify([found(Secret("ghp_" + "a" * 36))])
    assert one.credential.kind == "github-pat"
    assert "checksum" in one.credential.labels


def test_the_checksum_is_githubs() -> None:
    # A token that its owner published after its death, to explain the format; in parts on purpose.
    body = "zQWBuTSOoRi4A9sp" + "HcVY5ncnsDkxkJ"
    assert tokens.checksum(body.encode()) == b"0mLq17"
    assert tokens.checksum_fits(Secret("ghp" + "_" + body + "0mLq17")) is True


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ghp_",
        "ghp_tooshort",
        "ghx_" + "a" * 36,
        " ghp_" + "a" * 36,
        "ghp_" + "a" * 36 + "\n",
        "ghp_" + "a" * 30 + "-" + "a" * 5,
        "GITHUB_TOKEN=ghp_" + "a" * 36,
        "github_pat_short",
        "a" * 40,
    ],
)
def test_what_is_none(text: str) -> None:
    assert tokens.kind_of(Secret(text)) is None


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_looked_at_without_harm(raw: bytes) -> None:
    value = Secret(raw)
    assert tokens.kind_of(value) is None or raw.startswith((b"gh", b"github_pat_"))
    tokens.checksum_fits(value)


@given(st.text(alphabet="abcXYZ019", min_size=30, max_size=30))
@settings(max_examples=50, deadline=None)
def test_a_changed_checksum_never_fits(body: str) -> None:
    right = tokens.checksum(body.encode()).decode()
    assert len(right) == 6
    assert tokens.checksum_fits(Secret(f"ghp_{body}{right}")) is True
    wrong = right[:-1] + ("a" if right[-1] != "a" else "b")
    assert tokens.checksum_fits(Secret(f"ghp_{body}{wrong}")) is False


def test_several_values_give_several_credentials_and_others_are_left() -> None:
    values = [make_value(tokens.CLASSIC), Secret("sk_live_" + "x" * 24), make_value(tokens.OAUTH)]
    got = GitHubProvider().identify([found(value) for value in values])
    assert [one.credential.kind for one in got] == [tokens.CLASSIC, tokens.OAUTH]


def test_the_hash_is_what_githubs_documentation_makes() -> None:
    # echo -n TOKEN | openssl dgst -sha256 -binary | base64
    assert tokens.hashed(Secret("TOKEN")) == "+YED6SF/CZIIVp0pXBsnbxghNIY2wmjIVLsqCG4AN80="
