"""The table: each row knows its own values and no other's, and says what a person does."""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from remediate.plugins import registry
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Found, Held, Identified
from remediate.secret import Secret
from remediate.testing.providers import ProviderContract, well_told
from remediate.testing.surroundings import found, nowhere, surroundings
from remediate_providers.table.page import called, listing
from remediate_providers.table.provider import TableProvider
from remediate_providers.table.row import Row
from remediate_providers.table.rows import AGE_KEY, BY_KIND, JWT, PRIVATE_KEY, ROWS, row_of

PROVIDER = TableProvider()
NOWHERE = {row.calls.address: nowhere() for row in ROWS if row.calls is not None}
VENDOR = surroundings(NOWHERE, use_leaked=False, longest=0)
SIMPLE = [row for row in ROWS if row is not PRIVATE_KEY]


@functools.cache
def sample(row: Row) -> Secret:
    """A value of that row, built from its pattern when it is needed: none stands in this file."""
    values: list[str] = []

    @settings(max_examples=1, derandomize=True, database=None, phases=[Phase.generate])
    @given(st.from_regex(row.looks, fullmatch=True, alphabet=st.characters(codec="ascii")))
    def take(text: str) -> None:
        values.append(text)

    take()
    return Secret(values[0])


def hold(value: Secret) -> Held:
    (one,) = PROVIDER.identify([found(value)])
    return Held(one.credential, {"value": value})


def by_kind(made: Sequence[Identified]) -> dict[str, Identified]:
    return {one.credential.kind: one for one in made}


def test_there_are_enough_and_none_twice() -> None:
    assert len(ROWS) >= 60
    assert len(BY_KIND) == len(ROWS)


@pytest.mark.parametrize("row", SIMPLE, ids=lambda row: row.kind)
def test_a_row_knows_its_own(row: Row) -> None:
    value = sample(row)
    assert row_of(value) is row, "the first row that a value matches is its own"
    (one,) = PROVIDER.identify([found(value)])
    assert one.credential.kind == row.kind
    assert one.credential.id == f"{row.vendor}:{found(value).fingerprint[:12]}"
    for around in (b" %s", b"%s\n", b"X=%s", b'"%s"'):
        other = row_of(Secret(around % value.reveal()))
        assert other is not row, "the whole value or nothing"


@pytest.mark.parametrize("row", SIMPLE, ids=lambda row: row.kind)
def test_no_other_provider_takes_a_rows_values(row: Row) -> None:
    value = found(sample(row))
    for provider in registry.providers:
        if provider.name != "table":
            assert not provider.identify([value]), f"{provider.name} takes a {row.kind}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind)
def test_a_row_is_well_told(row: Row) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row.kind)
    assert row.page is None or row.page.startswith("https://")
    assert row.page or row.where, "where to go"
    assert row.page is not None or row.checked, "only an address can be from memory"
    assert row.end.endswith((".", ")"))


@pytest.mark.parametrize("row", SIMPLE, ids=lambda row: row.kind)
def test_the_steps_of_a_row_can_be_followed(row: Row) -> None:
    held = hold(sample(row))
    short = held.credential.parts["value"][:8]
    ended = PROVIDER.revoke([held], VENDOR)[held.id]
    # Handing a token in to be ended, as Hugging Face wants it, is no use of it.
    assert ended.status in (Status.MANUAL, Status.UNREACHABLE)
    assert ended.manual is not None
    assert ended.manual.id == f"revoke-{row.vendor}-{short}"
    assert not ended.manual.takes_value
    well_told(ended.manual)
    made = PROVIDER.reissue(held, VENDOR)
    assert made.values == {}
    if row.reissue:
        assert made.outcome.manual is not None
        assert made.outcome.manual.id == f"replace-{row.vendor}-{short}"
        assert made.outcome.manual.takes_value
        well_told(made.outcome.manual)
    else:
        assert made.outcome.status is Status.SKIPPED


def test_the_sample_report_is_told_apart(fixtures: Path) -> None:
    planted = json.loads((fixtures / "reports" / "planted.json").read_text())
    made = by_kind(PROVIDER.identify([found(text) for text in planted.values()]))
    assert not made, "AWS, GitHub, GitLab, Slack and Stripe have their own"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "hunter2" * 5,
        "AKIA" + "A" * 16,
        "sk_live_" + "a" * 24,
        "ghp_" + "a" * 36,
        "a" * 40,
        "-" * 80,
    ],
)
def test_what_is_nobodys(text: str) -> None:
    assert row_of(Secret(text)) is None


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_looked_at_without_harm(raw: bytes) -> None:
    PROVIDER.identify([found(raw)])


@pytest.mark.parametrize(
    "prefix",
    [
        "glpat-",
        "xoxb-",
        "sk-",
        "eyJ",
        "-----BEGIN RSA PRIVATE KEY-----",
        "SG.",
        "https://hooks.slack.com/services/",
    ],
)
def test_a_huge_value_takes_no_long(prefix: str) -> None:
    assert row_of(Secret(prefix + "aB3_.-/=" * 200_000 + "\x00")) in (None, PRIVATE_KEY)


# -- a new value ---------------------------------------------------------------------------------


def test_a_new_value_is_taken_by_its_shape() -> None:
    held = hold(sample(BY_KIND["gitlab-scim-token"]))
    new = Secret("glsoat-" + "n3W_" * 5)
    made = PROVIDER.accept(held, Secret(b"  " + new.reveal() + b"\n"), VENDOR)
    assert made.outcome.status is Status.DONE
    assert made.values == {"value": new}
    assert "not asked" in made.outcome.summary


def test_another_kind_of_the_same_vendor_is_taken() -> None:
    held = hold(sample(BY_KIND["gitlab-scim-token"]))
    assert PROVIDER.accept(held, Secret("glcbt-64_" + "n3W_" * 7), VENDOR).values


def test_a_shape_that_is_new_is_taken_and_said() -> None:
    made = PROVIDER.accept(hold(sample(BY_KIND["gitlab-scim-token"])), Secret("glnew-123"), VENDOR)
    assert made.values
    assert "shape" in str(made.outcome.data["note"])


@pytest.mark.parametrize("text", [b"", b" \n"])
def test_an_empty_value_is_refused(text: bytes) -> None:
    made = PROVIDER.accept(hold(sample(BY_KIND["gitlab-scim-token"])), Secret(text), VENDOR)
    assert made.outcome.status is Status.REFUSED
    assert made.values == {}


def test_the_old_value_and_another_vendors_are_refused() -> None:
    old = sample(BY_KIND["gitlab-scim-token"])
    made = PROVIDER.accept(hold(old), Secret(old.reveal() + b"\n"), VENDOR)
    assert "leaked one" in made.outcome.reason
    made = PROVIDER.accept(hold(old), sample(BY_KIND["npm-token"]), VENDOR)
    assert "npm" in made.outcome.reason
    assert made.values == {}


# -- JSON Web Tokens -----------------------------------------------------------------------------


def jwt(claims: object) -> Secret:
    def part(data: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    return Secret(f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.{'s1G_' * 8}")


def test_a_jwt_says_who_issued_it_and_when_it_ends() -> None:
    held = hold(jwt({"iss": "https://issuer.example", "exp": 1767225600, "sub": "ada"}))
    assert held.credential.kind == JWT.kind
    assert held.credential.labels == {
        "issuer": "https://issuer.example",
        "expires": "2026-01-01T00:00:00.000Z",
    }


@pytest.mark.parametrize(
    "claims",
    [{"iss": 3, "exp": "soon"}, {"exp": 1e300}, {"exp": True}, {"iss": "a\nb"}, {"iss": "x" * 500}],
)
def test_strange_claims_are_left_out(claims: object) -> None:
    assert hold(jwt(claims)).credential.labels == {}


def test_an_age_key_is_told_as_what_nobody_can_end() -> None:
    held = hold(sample(AGE_KEY))
    step = PROVIDER.revoke([held], VENDOR)[held.id].manual
    assert step is not None
    assert "Nobody can end" in step.instructions[0]


# -- documentation, contract ---------------------------------------------------------------------


def test_the_page_lists_the_table_as_it_is() -> None:
    root = Path(__file__).resolve().parents[3]
    if not (root / "pyproject.toml").exists():
        pytest.skip("needs the source tree, not the wheel")
    page = root / "docs" / "providers" / "table.md"
    text = page.read_text("utf-8")
    assert called() in text and listing() in text, (
        "make it anew: python -m remediate_providers.table.page docs/providers/table.md"
    )


class TestTable(ProviderContract):
    make = TableProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        return [
            [found(sample(BY_KIND[kind]))] for kind in ("gitlab-scim-token", "npm-token", "jwt")
        ]

    def environment(self, base: str) -> dict[str, str]:
        return {}
