"""The stand-in keeps to the real one's manners, so that what works against it means something."""

from __future__ import annotations

import re
import threading
import tomllib

import pytest

from remediate.http import Http
from remediate.model import ManualStep
from remediate.plugins.registry import local_vendors, providers
from remediate_providers.stripe.local import LocalStripe
from remediate_providers.stripe.server import PREVIEW

KEYS = "/v2/iam/api_keys"


@pytest.fixture
def ask(stripe):
    """Asks as the platform does; each header can be left out or replaced."""
    usual = {
        "Authorization": f"Bearer {stripe.state.platform.reveal_text()}",
        "Stripe-Context": stripe.state.account,
        "Stripe-Version": PREVIEW,
    }

    def send(method: str, path: str, json: object = None, **headers: str | None):
        given = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
        sent = {name: value for name, value in given.items() if value is not None}
        with Http({}) as http:
            return http.send(method, stripe.url + path, headers=sent, json=json)

    return send


def test_it_is_found_by_its_entry_point() -> None:
    assert isinstance(local_vendors.get("stripe"), LocalStripe)
    assert providers.get("stripe").name == "stripe"


def test_managed_keys_are_the_platforms_alone(stripe, ask) -> None:
    own = stripe.plant().values["value"].reveal_text()
    assert ask("GET", KEYS).status == 200
    assert ask("GET", KEYS, Stripe_Context=None).status == 403
    assert ask("GET", KEYS, Authorization=f"Bearer {own}").status == 403
    assert ask("GET", KEYS, Stripe_Version=None).status == 400
    assert ask("GET", f"{KEYS}?limit=101").status == 400
    assert ask("GET", KEYS, Authorization=None).status == 401


def test_lists_are_plain_in_test_mode_and_redacted_in_live_mode(start, stripe, ask) -> None:
    value = stripe.plant().values["value"].reveal_text()
    assert value not in ask("GET", KEYS).body.decode()
    test = start(live=False)
    planted = test.plant().values["value"].reveal_text()
    headers = {
        "Authorization": f"Bearer {test.state.platform.reveal_text()}",
        "Stripe-Context": test.state.account,
        "Stripe-Version": PREVIEW,
    }
    with Http({}) as http:
        listed = http.send("GET", test.url + KEYS, headers=headers)
    assert planted in listed.body.decode()


def test_a_live_key_needs_an_envelope_and_unknown_fields_are_refused(ask) -> None:
    assert ask("POST", KEYS, {"type": "secret_key"}).status == 400
    weak = {"pem_key": {"algorithm": "RSA", "data": "-----BEGIN PUBLIC KEY-----\nx\n"}}
    assert ask("POST", KEYS, {"type": "secret_key", "public_key": weak}).status == 400
    assert ask("POST", KEYS, {"type": "secret_key", "status": "active"}).status == 400


def test_expiring_again_is_a_404_and_rotating_ends_the_old_at_once(stripe, ask) -> None:
    key = stripe.state.issue()
    assert ask("POST", f"{KEYS}/{key.id}/expire", {}).status == 200
    assert key.works, "an expired key works on for a moment"
    assert ask("POST", f"{KEYS}/{key.id}/expire", {}).status == 404
    assert ask("GET", f"{KEYS}/{key.id}").status == 404
    other = stripe.state.issue()
    from remediate_providers.stripe.jwe import Envelope

    public = {"public_key": {"pem_key": {"algorithm": "RSA", "data": Envelope().public_pem}}}
    rotated = ask("POST", f"{KEYS}/{other.id}/rotate", public)
    assert rotated.status == 200
    assert rotated.json()["id"] != other.id
    assert not other.works


def test_what_it_plants_looks_like_the_real_thing(stripe) -> None:
    planted = stripe.plant()
    text = planted.values["value"].reveal_text()
    assert re.fullmatch(r"rk_live_51[A-Za-z0-9]{97}", text)
    assert text in planted.files["config/payments.ini"]
    (table,) = tomllib.loads(planted.policy)["credential"]
    assert table == {
        "match": "stripe",
        "stores": ["dotenv:.env.payments#STRIPE_API_KEY"],
    }
    assert text not in repr(planted.values)


def test_two_stand_side_by_side_and_leave_nothing_running() -> None:
    before = threading.active_count()
    one, two = LocalStripe().start(), LocalStripe().start()
    assert one.url != two.url
    assert one.plant().values != two.plant().values
    one.close()
    two.close()
    assert threading.active_count() == before


def test_a_person_can_not_be_led_elsewhere(stripe) -> None:
    stripe.plant()
    step = ManualStep("s", "t", "w", url="https://elsewhere.example/apikeys", takes_value=True)
    assert stripe.person(step) is None
    assert stripe.requests == []


def test_the_page_shows_no_whole_key_before_one_is_rolled(stripe) -> None:
    value = stripe.plant().values["value"].reveal_text()
    with Http({}) as http:
        page = http.send("GET", f"{stripe.url}/apikeys").body.decode()
        other = http.send("GET", f"{stripe.url}/test/apikeys")
    assert value not in page
    assert value[-4:] in page
    assert other.status == 404
