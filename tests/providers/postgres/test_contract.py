"""PostgreSQL's provider keeps what every one promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.plugins.provider import Found
from remediate.testing.providers import ProviderContract
from remediate.testing.surroundings import found, nowhere
from remediate_providers.postgres.provider import PostgresProvider


class TestPostgres(ProviderContract):
    make = PostgresProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        port = nowhere().rpartition(":")[2]
        place = f"127.0.0.1:{port}"
        shared = "one" + "-password"
        return [
            [found(f"postgres://app:secret-{port}@{place}/db")],
            [found(f"postgresql+psycopg2://app:p%40ss-{port}@{place}/db?sslmode=disable")],
            [
                found(f"postgres://two:{shared}@{place}/one"),
                found(f"postgres://two:{shared}@{place}/other"),
                found(shared),
            ],
        ]

    def foreign(self) -> Sequence[Found]:
        return [
            found("postgres://app@db/name"),
            found("postgres://app:${PASSWORD}@db/name"),
            found("postgres://app:<password>@db/name"),
            found("mysql://app:secret@db/name"),
            found("postgres://app:secret@db:99999/name"),
            found("https://user:secret@example.com/"),
        ]

    def environment(self, base: str) -> Mapping[str, str]:
        host, _, port = base.removeprefix("http://").partition(":")
        return {"PGHOST": host, "PGPORT": port, "PGUSER": "warden", "PGPASSWORD": "not" + "-told"}
