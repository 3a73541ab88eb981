"""What may have been left in a server: a sign where its time is known, and else a list that is none."""

from __future__ import annotations

import pytest

from remediate.clock import rfc3339
from remediate_providers.postgres.provider import PostgresProvider

from .conftest import Server, hold
from .test_faults import MOST, Line, line

__all__ = ["line"]

PROVIDER = PostgresProvider()


def now(with_times: Server) -> str:
    """The server's own time, rounded up: commit times are finer than a second."""
    return rfc3339(with_times.sql("SELECT date_trunc('second', now()) + interval '1 second'")[0][0])


def thief(with_times: Server, role: str, text: str) -> None:
    with_times.sql(text, role=role, password="leaked" + "-Pa55")


def test_what_is_younger_than_the_leak_is_a_sign(with_times: Server) -> None:
    role = with_times.role(more="CREATEROLE")
    older = with_times.role()
    with_times.sql(f"GRANT CREATE ON SCHEMA public TO {role}")
    with_times.sql("SELECT pg_sleep(1.1)")
    since = now(with_times)
    with_times.sql("SELECT pg_sleep(1.1)")
    back = f"back_{role}"
    thief(with_times, role, f"CREATE ROLE {back} LOGIN PASSWORD 'x' IN ROLE {role}")
    thief(with_times, role, f"CREATE FUNCTION public.f_{role}() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'")  # fmt: skip
    with_times.sql(f"ALTER ROLE {role} PASSWORD NULL")  # as the kill does
    facts = PROVIDER.triage(hold(with_times.url(role)), since, with_times.around())
    found = {
        (one["what"], str(one["id"]).split("(")[0].strip()) for one in facts.known["footholds"]
    }
    assert ("role that may log in", back) in found
    assert ("membership", f"{back} in {role}") in found
    assert ("function with its owner's rights", f"f_{role}") in found
    names = {name for _, name in found}
    assert role not in names, "its own row is younger by our own hand"
    assert older not in names
    assert all(one["at"] >= since for one in facts.known["footholds"])
    assert "when things were made" not in facts.unknown


def test_nothing_made_since_is_no_sign(with_times: Server) -> None:
    role = with_times.role()
    with_times.sql("SELECT pg_sleep(1.1)")
    facts = PROVIDER.triage(hold(with_times.url(role)), now(with_times), with_times.around())
    assert facts.known["footholds"] == []
    assert "other databases" in facts.unknown["footholds elsewhere"]


def test_where_no_times_are_kept_a_list_is_no_sign(postgres: Server) -> None:
    role = postgres.role()
    postgres.sql(f"GRANT CREATE ON SCHEMA public TO {role}")
    thief(postgres, role, "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'")  # fmt: skip
    facts = PROVIDER.triage(hold(postgres.url(role)), "2026-01-02T03:04:05Z", postgres.around())
    assert facts.known["footholds"] == []
    assert [one["id"] for one in facts.known["of_the_role"]] == ["f()"]
    assert "no evidence kept" in facts.unknown["when things were made"]


def test_what_only_a_superuser_may_read_is_said(with_times: Server) -> None:
    role = with_times.role()
    vendor = with_times.around(admin=False)
    facts = PROVIDER.triage(hold(with_times.url(role)), "2026-01-02T03:04:05Z", vendor)
    assert facts.unknown["role that may log in"] == "only a superuser may read it"
    dead = hold(with_times.url(role, password="another" + "-Pa55"))
    facts = PROVIDER.triage(dead, "2026-01-02T03:04:05Z", vendor)
    assert facts.known["footholds"] == []
    assert "no evidence" in facts.unknown["footholds"]
    assert "another" not in repr(facts)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_line_that_breaks_leaves_no_wrong_answer(
    with_times: Server, line: Line, after: bool
) -> None:
    held = hold(with_times.url(with_times.role(), port=line.port))
    for at in range(0, MOST, 3):
        line.arm(at, after=after)
        vendor = with_times.around(port=line.port, use_leaked=False)
        facts = PROVIDER.triage(held, "2030-01-02T03:04:05Z", vendor)
        broken = line.broken
        line.arm(None)
        assert facts.known["footholds"] == []
        if broken and not facts.evidence:
            assert "no evidence" in facts.unknown["footholds"]
        if not broken:
            return
    raise AssertionError("the flow has no end")
