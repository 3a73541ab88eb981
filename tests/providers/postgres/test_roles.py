"""Roles of a real PostgreSQL: looked at, ended, given a new password."""

from __future__ import annotations

import stat
from pathlib import Path

import psycopg
import pytest

from remediate.plugins.outcome import Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.surroundings import surroundings
from remediate_providers.postgres import responder
from remediate_providers.postgres.kinds import address_of
from remediate_providers.postgres.provider import PostgresProvider

from .conftest import ADMIN, ADMIN_PASSWORD, Server, hold, successor

PROVIDER = PostgresProvider()
LEAKED = "leaked" + "-Pa55"


def password_in(values: dict[str, Secret]) -> str:
    return values["password"].reveal_text()


def replaced(postgres: Server, held: Held, *, admin: bool) -> dict[str, Secret]:
    """What the pipeline does for a new one."""
    made = PROVIDER.reissue(held, postgres.around(admin=admin))
    assert made.outcome.status is Status.DONE, made.outcome.reason
    outcome = PROVIDER.install(
        held, successor(held, dict(made.values)), postgres.around(admin=admin)
    )
    assert outcome.status is Status.DONE, outcome.reason
    return dict(made.values)


def test_a_live_password_a_wrong_one_and_no_server_are_told_apart(postgres: Server) -> None:
    role = postgres.role()
    assert PROVIDER.check(hold(postgres.url(role)), postgres.around()).alive is True
    wrong = PROVIDER.check(hold(postgres.url(role, "wrong-one")), postgres.around())
    assert wrong.alive is False
    assert "28P01" in wrong.evidence[0].saw
    nobody = PROVIDER.check(hold(postgres.url("no_such_role")), postgres.around())
    assert nobody.alive is False
    silent = PROVIDER.check(hold(postgres.url(role, port=1)), postgres.around())
    assert silent.alive is None
    other = postgres.url(role).replace("/postgres?", "/no_such_database?")
    missing = PROVIDER.check(hold(other), postgres.around())
    assert missing.alive is None
    assert "does not exist" in missing.reason


def test_a_server_that_asks_for_no_password_proves_nothing(postgres: Server) -> None:
    postgres.sql("CREATE ROLE trusted LOGIN PASSWORD 'x'")
    check = PROVIDER.check(hold(postgres.url("trusted", "anything")), postgres.around())
    assert check.alive is None
    assert "pg_hba.conf" in check.reason
    held = hold(postgres.url("trusted", "anything"))
    outcome = PROVIDER.revoke([held], postgres.around())[held.id]
    assert outcome.status is Status.DONE
    assert outcome.data["open"], "the other door is said to be open"
    rows = postgres.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'trusted'")
    assert rows == [(None,)]


def test_an_address_that_is_not_let_in_is_a_persons_work(postgres: Server) -> None:
    postgres.sql("CREATE ROLE shut LOGIN PASSWORD 'x'")
    held = hold(postgres.url("shut", "anything"))
    check = PROVIDER.check(held, postgres.around(admin=False))
    assert check.alive is None
    outcome = PROVIDER.revoke([held], postgres.around(admin=False))[held.id]
    assert outcome.status is Status.MANUAL
    assert "pg_hba" in outcome.reason


def test_a_responder_takes_the_password_away_and_ends_the_sessions(postgres: Server) -> None:
    role = postgres.role()
    held = hold(postgres.url(role))
    with psycopg.connect(postgres.url(role), application_name="thief") as thief:
        facts = PROVIDER.preserve(held, postgres.around())
        assert facts.known["sessions"][0]["application"] == "thief"  # type: ignore[index, call-overload]
        outcome = PROVIDER.revoke([held], postgres.around())[held.id]
        assert outcome.status is Status.DONE
        # Ours, closed a moment ago, may still be on the list.
        assert outcome.data["sessions_ended"] >= 1  # type: ignore[operator]
        with pytest.raises(psycopg.OperationalError):
            thief.execute("SELECT 1")
    assert not postgres.accepts(role, LEAKED)
    assert PROVIDER.revoke([held], postgres.around())[held.id].status is Status.DONE
    new = password_in(replaced(postgres, held, admin=True))
    assert postgres.accepts(role, new)
    again = PROVIDER.revoke([held], postgres.around())[held.id]
    assert again.status is Status.DONE
    assert postgres.accepts(role, new), "killing the old one again leaves the new one alone"


def test_without_a_responder_the_role_replaces_itself(postgres: Server) -> None:
    role = postgres.role()
    url = postgres.url(role)
    held = hold(url)
    assert PROVIDER.replaces_itself(held, postgres.around(admin=False))
    assert not PROVIDER.replaces_itself(held, postgres.around())
    with psycopg.connect(url) as thief:
        values = replaced(postgres, held, admin=False)
        with pytest.raises(psycopg.OperationalError):
            thief.execute("SELECT 1")
    assert values["value"].reveal_text() == url.replace(LEAKED, password_in(values))
    assert postgres.accepts(role, password_in(values))
    outcome = PROVIDER.revoke([held], postgres.around(admin=False))[held.id]
    assert outcome.status is Status.DONE
    assert postgres.accepts(role, password_in(values))
    assert PROVIDER.confirm(successor(held, values), postgres.around(admin=False)).alive is True


def test_installing_again_after_a_crash_changes_nothing(postgres: Server) -> None:
    role = postgres.role()
    held = hold(postgres.url(role))
    values = replaced(postgres, held, admin=False)
    before = postgres.sql("SELECT rolpassword FROM pg_authid WHERE rolname = %s", role)
    again = PROVIDER.install(held, successor(held, values), postgres.around(admin=False))
    assert again.status is Status.DONE
    assert postgres.sql("SELECT rolpassword FROM pg_authid WHERE rolname = %s", role) == before


def test_with_no_place_for_a_new_one_the_role_locks_itself_out(postgres: Server) -> None:
    role = postgres.role()
    held = hold(postgres.url(role))
    outcome = PROVIDER.revoke([held], postgres.around(admin=False))[held.id]
    assert outcome.status is Status.DONE
    assert not postgres.accepts(role, LEAKED)
    by_hand = PROVIDER.reissue(held, postgres.around(admin=False))
    assert by_hand.outcome.status is Status.MANUAL
    assert "PGSERVICE" in by_hand.outcome.reason


def test_the_only_superuser_at_hand_is_not_locked_out(postgres: Server) -> None:
    role = postgres.role(more="SUPERUSER")
    held = hold(postgres.url(role))
    outcome = PROVIDER.revoke([held], postgres.around(admin=False))[held.id]
    assert outcome.status is Status.MANUAL
    assert postgres.accepts(role, LEAKED)


def test_policy_can_keep_the_leaked_one_unused(postgres: Server) -> None:
    role = postgres.role()
    held = hold(postgres.url(role))
    outcome = PROVIDER.revoke([held], postgres.around(admin=False, use_leaked=False))[held.id]
    assert outcome.status is Status.MANUAL
    assert postgres.accepts(role, LEAKED)
    outcome = PROVIDER.revoke([held], postgres.around(use_leaked=False))[held.id]
    assert outcome.status is Status.DONE, "the server's own list is the witness"
    assert not postgres.accepts(role, LEAKED)


def test_missing_rights_are_named(postgres: Server) -> None:
    role, weak = postgres.role(), postgres.role("weak" + "-one")
    environment = {**postgres.environment(), "PGUSER": weak, "PGPASSWORD": "weak" + "-one"}
    held = hold(postgres.url(role))
    outcome = PROVIDER.revoke([held], surroundings(environment, seconds=2))[held.id]
    assert outcome.status is Status.MANUAL
    assert "CREATEROLE" in outcome.reason


def test_no_password_goes_to_the_servers_log(postgres: Server) -> None:
    role = postgres.role("told" + "-by-the-test")
    held = hold(postgres.url(role, "told" + "-by-the-test"))
    values = replaced(postgres, held, admin=True)
    log = postgres.log()
    assert f'ALTER ROLE "{role}" PASSWORD \'SCRAM-SHA-256$' in log
    assert password_in(values) not in log


def test_what_a_role_may_do_is_told(postgres: Server) -> None:
    role = postgres.role(more="CREATEDB")
    postgres.sql(f"GRANT pg_monitor TO {role}")
    for admin in (True, False):
        facts = PROVIDER.describe(hold(postgres.url(role)), postgres.around(admin=admin))
        assert facts.known["scopes"] == ["createdb", "member of pg_monitor"]
        assert "postgres" in facts.known["databases"]  # type: ignore[operator]


def test_odd_names_and_passwords_are_quoted(postgres: Server) -> None:
    role = 'Odd "name'
    postgres.sql('CREATE ROLE "Odd ""name" LOGIN PASSWORD \'le%aked @/\'')
    held = hold(postgres.url("Odd%20%22name", "le%25aked%20%40%2F"))
    values = replaced(postgres, held, admin=False)
    assert postgres.accepts(role, password_in(values))


def test_a_value_that_a_person_brings_is_tried(postgres: Server) -> None:
    role = postgres.role()
    held = hold(postgres.url(role))
    postgres.sql(f"ALTER ROLE {role} PASSWORD 'by-hand-1'")
    around = postgres.around(admin=False)
    for value in ("by-hand-1\n", postgres.url(role, "by-hand-1")):
        made = PROVIDER.accept(held, Secret(value), around)
        assert made.values["value"] == Secret(postgres.url(role, "by-hand-1"))
        done = PROVIDER.install(held, successor(held, dict(made.values)), around)
        assert done.status is Status.DONE
    for wrong in (LEAKED, "another", postgres.url("somebody", "x-1")):
        assert PROVIDER.accept(held, Secret(wrong), around).outcome.status is Status.REFUSED


def test_the_process_environment_leads_nowhere_else(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = postgres.role()
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    monkeypatch.setenv("PGPASSWORD", "of-somebody-else")
    monkeypatch.setenv("PGOPTIONS", "-c no_such_setting=1")
    assert PROVIDER.check(hold(postgres.url(role)), postgres.around(admin=False)).alive is True


def test_urls_with_one_password_are_one_credential(postgres: Server) -> None:
    role = postgres.role()
    other = postgres.url(role).replace("/postgres?", "/template1?")
    held = hold(postgres.url(role), other, LEAKED)
    assert set(held.credential.parts) == {"value", "value-2", "password"}
    values = replaced(postgres, held, admin=True)
    assert set(values) == {"value", "value-2", "password"}
    new = password_in(values)
    urls = {values["value"].reveal_text(), values["value-2"].reveal_text()}
    assert urls == {postgres.url(role, new), other.replace(LEAKED, new)}


def test_a_responders_login_is_for_its_own_server_alone(tmp_path: Path) -> None:
    held = hold("postgres://app:leaked-1@db.example.com/app")
    address = address_of(held)
    assert address is not None
    (tmp_path / ".pg_service.conf").write_text(
        "[here]\nhost=db.example.com\nuser=boss\n[there]\nhost=other.example.com\nuser=boss\n"
    )
    passes = tmp_path / ".pgpass"
    passes.write_text("# mine\nother:*:*:*:x\ndb.example.com:5432:*:boss:a\\:b\\\\c\n")
    passes.chmod(0o600)
    home = {"HOME": str(tmp_path)}
    here = responder.login_for(address.where, {**home, "PGSERVICE": "here"})
    assert here is not None
    assert here.password == Secret("a:b\\c")
    assert responder.login_for(address.where, {**home, "PGSERVICE": "there"}) is None
    assert responder.login_for(address.where, {**home, "PGUSER": "boss"}) is None, "no host named"
    same = {**home, "PGUSER": "app", "PGHOST": "db.example.com"}
    assert responder.login_for(address.where, same) is None, "the leaked role is no responder"
    assert responder.values({**home, "PGSERVICE": "here"}) == [Secret("a:b\\c")]
    passes.chmod(passes.stat().st_mode | stat.S_IRGRP)
    shared = responder.login_for(address.where, {**home, "PGSERVICE": "here"})
    assert shared is not None
    assert shared.password is None, "a file that others may read is not used"


def test_the_admins_password_is_the_responders(postgres: Server) -> None:
    assert PROVIDER.responder_values(postgres.around()) == [Secret(ADMIN_PASSWORD)]
    assert ADMIN in postgres.environment()["PGUSER"]
