"""What a responder's own token may do, against a real server."""

from __future__ import annotations

from remediate.plugins.context import VendorContext
from remediate.testing.surroundings import nowhere, surroundings
from remediate_providers.vault.provider import VaultProvider

from .conftest import ROOT, Bao

PROVIDER = VaultProvider()


def may(vendor: VendorContext) -> dict[str, bool | None]:
    standing = PROVIDER.standing(vendor)
    assert standing is not None and standing.works
    return {right.does: right.may for right in standing.rights}


def around(bao: Bao, token: str) -> VendorContext:
    return surroundings({"VAULT_ADDR": bao.base, "VAULT_TOKEN": token})


def test_root_may_all_that_has_to_do_with_tokens(bao: Bao) -> None:
    standing = PROVIDER.standing(around(bao, ROOT))
    assert standing is not None and standing.who == "token (root)"
    assert may(around(bao, ROOT)) == {
        "look at a token without using it up": True,
        "end tokens": True,
        "make new ones": True,
        "put new values": None,
    }


def test_an_ordinary_token_may_next_to_nothing(bao: Bao) -> None:
    found = may(around(bao, bao.token()["client_token"]))
    assert set(found.values()) == {False, None}


def test_one_of_two_ways_is_enough(bao: Bao) -> None:
    bao.policy("ender", 'path "auth/token/revoke-accessor" { capabilities = ["update"] }')
    found = may(around(bao, bao.token(policies=["default", "ender"])["client_token"]))
    assert found["end tokens"] is True
    assert found["make new ones"] is False


def test_orphans_want_sudo(bao: Bao) -> None:
    bao.policy("half", 'path "auth/token/create-orphan" { capabilities = ["update"] }')
    found = may(around(bao, bao.token(policies=["default", "half"])["client_token"]))
    assert found["make new ones"] is False


def test_a_token_that_may_not_ask_about_itself(bao: Bao) -> None:
    bao.policy("blind", 'path "auth/token/lookup-self" { capabilities = ["read"] }')
    token = bao.token(policies=["blind"], no_default_policy=True)["client_token"]
    assert set(may(around(bao, token)).values()) == {None}


def test_a_dead_token_and_no_server(bao: Bao) -> None:
    dead = PROVIDER.standing(around(bao, "s.never-was-one"))
    assert dead is not None and dead.works is False and dead.reason
    gone = PROVIDER.standing(
        surroundings({"VAULT_ADDR": nowhere(), "VAULT_TOKEN": "x"}, longest=0.01)
    )
    assert gone is not None and gone.works is None and gone.reason
    unnamed = PROVIDER.standing(surroundings({"VAULT_TOKEN": "x"}))
    assert unnamed is not None and "VAULT_ADDR" in unnamed.reason
    assert PROVIDER.standing(surroundings({"VAULT_ADDR": bao.base})) is None
