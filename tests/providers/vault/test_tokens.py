"""Tokens of a real OpenBao: looked at, ended, replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from remediate.model import Json
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.surroundings import surroundings
from remediate_providers.vault.provider import VaultProvider

PROVIDER = VaultProvider()
Hold = Callable[[str], Held]


def learned(bao: Any, held: Held) -> dict[str, Json]:
    """What the pipeline would know of it when it is killed."""
    known = dict(PROVIDER.describe(held, bao.around()).known)
    return known | dict(PROVIDER.preserve(held, bao.around(known=known)).known)


def test_what_a_token_is_is_told(bao: Any, held: Hold) -> None:
    made = bao.token(display_name="app", period="2h")
    facts = PROVIDER.describe(held(made["client_token"]), bao.around())
    assert facts.known["accessor"] == made["accessor"]
    assert facts.known["scopes"] == ["default"]
    assert facts.known["owner"] == "token-app"
    assert facts.known["period"] == 7200


def test_looking_spends_no_use_of_a_token_that_has_few(bao: Any, held: Hold) -> None:
    made = bao.token(num_uses=2)
    leaked = held(made["client_token"])
    for _ in range(3):
        assert PROVIDER.describe(leaked, bao.around()).known["uses_left"] == 2


def test_a_token_is_ended_with_what_it_made_and_that_is_named(
    bao: Any, held: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server is the other tests', too, whose tokens live on.
    monkeypatch.setattr("remediate_providers.vault.facts.MOST", 10_000)
    bao.policy("mother", 'path "auth/token/create" { capabilities = ["update"] }')
    made = bao.token(policies=["mother"])
    child = bao.call(
        "POST",
        "auth/token/create",
        {"ttl": "1h", "display_name": "child"},
        token=made["client_token"],
    )["auth"]
    other = bao.token(display_name="other")
    leaked = held(made["client_token"])
    outcome = PROVIDER.revoke([leaked], bao.around(known=learned(bao, leaked)))[leaked.id]
    assert outcome.status is Status.DONE
    assert not bao.lives(made["client_token"])
    assert not bao.lives(child["client_token"])
    assert bao.lives(other["client_token"])
    gone = outcome.data["children_gone"]
    assert {"accessor": child["accessor"], "display_name": "token-child"} in gone  # type: ignore[operator]
    assert other["accessor"] not in str(gone)
    assert "revoke-accessor" in outcome.evidence[0].probe
    again = PROVIDER.revoke([leaked], bao.around())[leaked.id]
    assert again.status is Status.DONE, "ending what is dead is harmless"


def test_a_token_ends_itself_where_nobody_else_may(bao: Any, held: Hold) -> None:
    made = bao.token()
    leaked = held(made["client_token"])
    kept = PROVIDER.revoke([leaked], bao.around(token="", use_leaked=False))[leaked.id]
    assert kept.status is Status.MANUAL
    assert bao.lives(made["client_token"])
    outcome = PROVIDER.revoke([leaked], bao.around(token=""))[leaked.id]
    assert outcome.status is Status.DONE
    assert not bao.lives(made["client_token"])


def test_a_responder_without_rights_falls_back_on_the_token_itself(bao: Any, held: Hold) -> None:
    weak = bao.token()["client_token"]
    made = bao.token()
    leaked = held(made["client_token"])
    outcome = PROVIDER.revoke([leaked], bao.around(token=weak))[leaked.id]
    assert outcome.status is Status.DONE
    assert not bao.lives(made["client_token"])


def test_a_token_that_may_not_look_at_itself_is_not_called_dead(bao: Any, held: Hold) -> None:
    made = bao.token(policies=["nothing"], no_default_policy=True)
    leaked = held(made["client_token"])
    check = PROVIDER.check(leaked, bao.around(token=""))
    assert check.alive is None
    assert "does not let the token itself look it up" in check.reason
    assert PROVIDER.check(leaked, bao.around()).alive is True
    outcome = PROVIDER.revoke([leaked], bao.around())[leaked.id]
    assert outcome.status is Status.DONE, "your own token may look and end it"


def test_a_batch_token_is_a_persons_work(bao: Any, held: Hold) -> None:
    made = bao.token(type="batch")
    leaked = held(made["client_token"])
    assert leaked.credential.kind == "vault-batch-token"
    outcome = PROVIDER.revoke([leaked], bao.around())[leaked.id]
    assert outcome.status is Status.MANUAL
    assert "it ends by itself at" in outcome.reason


def test_a_new_one_has_the_rights_of_the_old_one_and_outlives_the_responder(
    bao: Any, held: Hold
) -> None:
    bao.policy("app", 'path "secret/data/app" { capabilities = ["read"] }')
    made = bao.token(policies=["app"], period="3h", explicit_max_ttl="0")
    leaked = held(made["client_token"])
    known = learned(bao, leaked)
    PROVIDER.revoke([leaked], bao.around(known=known))
    new = PROVIDER.reissue(leaked, bao.around(known=known))
    assert new.outcome.status is Status.DONE
    value = new.values["value"]
    seen = bao.call("POST", "auth/token/lookup", {"token": value.reveal_text()})["data"]
    assert sorted(seen["policies"]) == sorted(known["policies"])  # type: ignore[arg-type]
    assert seen["period"] == 10800
    assert seen["orphan"] is True
    assert new.public_id == seen["accessor"]
    assert PROVIDER.confirm(Held(leaked.credential, new.values), bao.around()).alive is True


def test_without_sudo_the_new_one_is_a_child_of_yours_and_it_is_said(bao: Any, held: Hold) -> None:
    bao.policy("issuer", 'path "auth/token/create" { capabilities = ["update"] }')
    bao.policy("app2", 'path "secret/data/app" { capabilities = ["read"] }')
    issuer = bao.token(policies=["issuer", "app2"])["client_token"]
    made = bao.token(policies=["app2"])
    leaked = held(made["client_token"])
    known = learned(bao, leaked)
    new = PROVIDER.reissue(leaked, bao.around(token=issuer, known=known))
    assert new.outcome.status is Status.DONE
    assert "ends with it" in new.outcome.summary
    nobody = bao.token(policies=["app2"])["client_token"]
    none = PROVIDER.reissue(leaked, bao.around(token=nobody, known=known))
    assert none.outcome.status is Status.MANUAL
    assert "auth/token/create-orphan" in none.outcome.reason


def test_no_root_token_is_made_and_no_login_repeated(bao: Any, held: Hold) -> None:
    leaked = held("hvs." + "aB3" * 32)
    for known in (
        {"policies": ["root"], "made_by": "auth/token/create"},
        {"policies": ["app"], "made_by": "auth/approle/login"},
    ):
        new = PROVIDER.reissue(leaked, bao.around(known=known))
        assert new.outcome.status is Status.MANUAL
        assert not new.values


def test_one_that_was_made_and_lost_is_found_and_revoked(bao: Any, held: Hold) -> None:
    made = bao.token()
    leaked = held(made["client_token"])
    known = learned(bao, leaked)
    before = PROVIDER.before_reissue(leaked, bao.around(known=known))
    lost = PROVIDER.reissue(leaked, bao.around(known=known)).values["value"]
    found_again = PROVIDER.reconcile_reissue(leaked, before, bao.around(known=known))
    assert found_again.status is Status.DONE
    assert not bao.lives(lost.reveal_text())
    nothing = PROVIDER.reconcile_reissue(leaked, before, bao.around(known=known))
    assert nothing.status is Status.UNCHANGED


def test_where_tokens_cant_be_listed_a_person_looks(bao: Any, held: Hold) -> None:
    weak = bao.token()["client_token"]
    leaked = held(bao.token()["client_token"])
    before = PROVIDER.before_reissue(leaked, bao.around(token=weak))
    assert before["listed"] is False
    outcome = PROVIDER.reconcile_reissue(leaked, before, bao.around(token=weak))
    assert outcome.status is Status.MANUAL
    assert outcome.manual is not None


def test_a_value_that_a_person_brings_is_looked_at(bao: Any, held: Hold) -> None:
    old, new = bao.token()["client_token"], bao.token()["client_token"]
    leaked = held(old)
    assert PROVIDER.accept(leaked, Secret(f"{new}\n"), bao.around()).values["value"] == Secret(new)
    for wrong in (
        old,
        "hvs." + "zZ9" * 32,
        "password",
        bao.call("POST", "auth/token/create", {})["auth"]["client_token"],
    ):
        refused = PROVIDER.accept(leaked, Secret(wrong), bao.around())
        assert refused.outcome.status is Status.REFUSED
        assert refused.outcome.reason


def test_no_server_is_guessed(held: Hold) -> None:
    leaked = held("hvs." + "aB3" * 32)
    outcome = PROVIDER.revoke([leaked], surroundings({}))[leaked.id]
    assert outcome.status is Status.MANUAL
    assert "VAULT_ADDR" in outcome.reason


def test_the_token_file_of_vault_login_is_yours(tmp_path: Any) -> None:
    (tmp_path / ".vault-token").write_text("hvs." + "qW5" * 32 + "\n")
    environment: Mapping[str, str] = {"HOME": str(tmp_path)}
    values = PROVIDER.responder_values(surroundings(environment))
    assert values == (Secret("hvs." + "qW5" * 32),)
