"""Connection URLs: any password comes out as it went in, and nothing else of the text changes."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.secret import Secret
from remediate_providers.postgres.url import parsed

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)


@given(role=TEXTS, old=TEXTS, new=TEXTS)
def test_any_password_is_read_and_replaced(role: str, old: str, new: str) -> None:
    head = f"postgresql://{quote(role, safe='')}:"
    tail = "@db.example.com:6543/app?sslmode=require&x=%20y"
    address = parsed(Secret(f"{head}{quote(old, safe='')}{tail}"))
    if address is None:
        return  # a placeholder, or longer than anybody's
    assert address.password == Secret(old)
    assert address.where.role == role
    assert address.where.hosts == ("db.example.com",)
    assert address.where.ports == ("6543",)
    assert address.where.database == "app"
    assert address.where.sslmode == "require"
    again = address.with_password(Secret(new)).reveal_text()
    assert again == f"{head}{quote(new, safe='')}{tail}"


@pytest.mark.parametrize(
    ("url", "hosts", "ports", "database"),
    [
        ("postgres://a:b-1@h", ("h",), ("5432",), "a"),
        ("postgres://a:b-1@h:1,i:2/d", ("h", "i"), ("1", "2"), "d"),
        ("postgres://a:b-1@[::1]:5/d", ("::1",), ("5",), "d"),
        ("postgres://a:b-1@%2Fvar%2Frun/d", ("/var/run",), ("5432",), "d"),
        ("postgres://a:b-1@/d?host=/tmp", ("/tmp",), ("5432",), "d"),
        ("postgres://a:p@ss@h/d", ("h",), ("5432",), "d"),
    ],
)
def test_the_forms_of_libpq(
    url: str, hosts: tuple[str, ...], ports: tuple[str, ...], database: str
) -> None:
    address = parsed(Secret(url))
    assert address is not None
    assert (address.where.hosts, address.where.ports) == (hosts, ports)
    assert address.where.database == database
    assert address.with_password(address.password).reveal_text().replace("%40", "@") == url


def test_it_shows_no_password() -> None:
    address = parsed(Secret("postgres://app:hidden" + "-one@db/app"))
    assert address is not None
    assert "hidden" not in repr(address)
