"""The list of managed keys: read to its end, from its own address, matched to one or none."""

from __future__ import annotations

import json

import pytest

from remediate.secret import Secret
from remediate_providers.loopback import Fault
from remediate_providers.stripe import managed
from remediate_providers.stripe.managed import ManagedKey, TroubleError, match
from remediate_providers.stripe.server import Api

BODY = "51Hq" + "aB3" * 30
VALUE = Secret(f"rk_live_{BODY}wXyZ")


def key(name: str, redacted: str = "", token: str | None = None) -> ManagedKey:
    return ManagedKey(
        name, name, True, True, None, None, None, (), (), (), Secret(token) if token else None,
        redacted,
    )  # fmt: skip


@pytest.mark.parametrize(
    "redacted",
    ["rk_live_...wXyZ", "rk_live_*****wXyZ", "rk_live_51Hq…wXyZ", "…wXyZ", "rk_live_51Hq••••"],
)
def test_the_visible_ends_tell_one_key(redacted: str) -> None:
    assert match([key("a", "rk_live_...0000"), key("b", redacted)], VALUE) is not None


@pytest.mark.parametrize(
    "redacted",
    [
        "",
        "rk_live_...",
        "rk_live_...yZ",
        "rk_test_...wXyZ",
        "rk_live_...WXYZ",
        "a...b...wXyZ",
        "***",
    ],
)
def test_too_little_or_other_ends_tell_nothing(redacted: str) -> None:
    assert match([key("a", redacted)], VALUE) is None


def test_two_that_look_alike_are_none() -> None:
    assert match([key("a", "rk_live_...wXyZ"), key("b", "…wXyZ")], VALUE) is None


def test_a_plain_token_decides_over_looks() -> None:
    plain = VALUE.reveal_text()
    assert match([key("a", "…wXyZ"), key("b", "…wXyZ", plain)], VALUE) == key("b", "…wXyZ", plain)
    assert match([key("a", "rk_live_...wXyZ", plain[:-5] + "0wXyZ")], VALUE) is None


def test_a_redacted_form_as_long_as_the_key_is_no_match() -> None:
    assert match([key("a", f"rk_live_{BODY}...{BODY}wXyZ")], VALUE) is None


def test_nothing_of_a_key_is_shown() -> None:
    shown = repr(key("a", "rk_live_...wXyZ", VALUE.reveal_text()))
    assert "wXyZ" not in shown
    assert "wXyZ" not in json.dumps(key("a", "rk_live_...wXyZ", "x").public())


def test_a_list_of_several_pages_is_read_to_its_end(stripe, around) -> None:
    ids = [stripe.state.issue(name=f"k{n}").id for n in range(230)]
    api = Api(around(stripe.environment()))
    assert [k.id for k in managed.keys(api, True)] == ids
    assert stripe.requests.count("GET /v2/iam/api_keys") == 3


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/v2/iam/api_keys?page=2",
        "https://evil.example/v2/iam/api_keys?page=2",
        "//evil.example/v2/iam/api_keys",
        "/v2/iam/other?page=2",
        "/v2/iam/api_keys/../../v1/charges",
    ],
)
def test_the_responders_key_goes_to_no_other_address(stripe, around, address: str) -> None:
    page = {"data": [], "next_page_url": address}
    stripe.fail("GET", "/v2/iam/api_keys", Fault(200, json.dumps(page).encode()))
    with pytest.raises(TroubleError, match="another address"):
        managed.keys(Api(around(stripe.environment())), True)
    assert stripe.requests == ["GET /v2/iam/api_keys"]


def test_a_list_without_end_is_given_up(stripe, around) -> None:
    page = json.dumps({"data": [], "next_page_url": "/v2/iam/api_keys?page=1"}).encode()
    stripe.fail("GET", "/v2/iam/api_keys", *[Fault(200, page)] * 30)
    with pytest.raises(TroubleError, match="more than"):
        managed.keys(Api(around(stripe.environment())), True)


def test_an_id_out_of_an_answer_leads_nowhere_else(stripe, around) -> None:
    api = Api(around(stripe.environment()))
    managed.expire(api, True, "../../v1/account?x=", "i")
    assert stripe.requests == ["POST /v2/iam/api_keys/..%2F..%2Fv1%2Faccount%3Fx%3D/expire"]
