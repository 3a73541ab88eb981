"""A real PostgreSQL server, for all tests of this folder; skipped where there is none."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.surroundings import found, surroundings
from remediate_providers.postgres.provider import PostgresProvider

ADMIN = "warden"
ADMIN_PASSWORD = "keys" + "-of-the-house"


@dataclass
class Server:
    """The server, and what a test asks it for behind the back of what is tested."""

    port: int
    folder: Path
    number: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**9)))

    def sql(
        self, text: str, *values: Any, role: str = ADMIN, password: str = ADMIN_PASSWORD
    ) -> Any:
        """Run one statement; its rows, if it has any."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=role,
            password=password,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            cursor = connection.execute(text, values or None)
            return cursor.fetchall() if cursor.description else None

    def role(self, password: str = "leaked" + "-Pa55", more: str = "") -> str:
        """A new role that may log in."""
        name = f"app{next(self.number)}"
        self.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' {more}")
        return name

    def accepts(self, role: str, password: str) -> bool:
        """Whether that log-in works: the server's own truth."""
        import psycopg

        try:
            self.sql("SELECT 1", role=role, password=password)
        except psycopg.OperationalError:
            return False
        return True

    def url(self, role: str, password: str = "leaked" + "-Pa55", port: int | None = None) -> str:
        """A connection URL."""
        return (
            f"postgresql://{role}:{password}@127.0.0.1:{port or self.port}/postgres?sslmode=disable"
        )

    def environment(self, port: int | None = None) -> dict[str, str]:
        """A responder's, with a role that may alter others."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port or self.port),
            "PGUSER": ADMIN,
            "PGPASSWORD": ADMIN_PASSWORD,
        }

    def around(self, *, admin: bool = True, port: int | None = None, **more: Any) -> VendorContext:
        """Surroundings in which nobody sleeps long."""
        environment = self.environment(port) if admin else {}
        return surroundings(environment, longest=0.02, seconds=5, **more)

    def log(self) -> str:
        """What the server wrote into its log."""
        return (self.folder / "log").read_text(errors="replace")


def hold(*values: str) -> Held:
    """Values as the pipeline would hold them."""
    reported = [found(value) for value in values]
    (one,) = PostgresProvider().identify(reported)
    by_fingerprint = {each.fingerprint: each.value for each in reported}
    parts = {part: by_fingerprint[name] for part, name in one.credential.parts.items()}
    return Held(one.credential, parts)


def successor(held: Held, values: dict[str, Secret]) -> Held:
    """New values as the pipeline would hold them."""
    return Held(held.credential, values)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server, up. Its files end with it."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: remediate[postgres]")
    yield from _started()


@pytest.fixture(scope="module")
def with_times() -> Iterator[Server]:
    """One that keeps times of changes, as few do: other tests' roles would be signs of a foothold."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: remediate[postgres]")
    yield from _started("-c", "track_commit_timestamp=on")


def _started(*options: str) -> Iterator[Server]:
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    user = None
    if os.geteuid() == 0:
        user = "postgres"  # PostgreSQL refuses to run as root
        try:
            pwd.getpwnam(user)
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    folder = Path(tempfile.mkdtemp(prefix="remediate-postgres-"))
    try:
        if user is not None:
            shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
        yield from _running(programs, folder, user, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _running(
    programs: Path, folder: Path, user: str | None, options: Sequence[str]
) -> Iterator[Server]:
    group = pwd.getpwnam(user).pw_gid if user is not None else None
    as_user: dict[str, Any] = {} if user is None else {"user": user, "group": group}
    if user is not None:
        as_user["extra_groups"] = []
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    words = folder / "password"
    words.write_text(ADMIN_PASSWORD + "\n")
    words.chmod(0o644)
    subprocess.run(
        [
            programs / "initdb",
            f"--pgdata={folder / 'data'}",
            f"--username={ADMIN}",
            f"--pwfile={words}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        env=environment,
        cwd=folder,
        **as_user,
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # One role is let in without being asked, as pg_hba.conf's trust does it.
    hba = folder / "data" / "pg_hba.conf"
    hba.write_text(
        "host all trusted 127.0.0.1/32 trust\n"
        "host all shut 127.0.0.1/32 reject\n"
        "host all all 127.0.0.1/32 scram-sha-256\n"
    )
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                programs / "postgres",
                "-D",
                folder / "data",
                *("-c", f"port={port}", "-c", "listen_addresses=127.0.0.1"),
                *("-c", f"unix_socket_directories={folder}", "-c", "fsync=off"),
                *options,
                *("-c", "log_statement=all", "-c", "log_min_messages=info"),
            ],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd=folder,
            **as_user,
        )
        try:
            made = Server(port, folder)
            _wait(made, server)
            yield made
        finally:
            # Fast: a plain termination would wait for whoever is still connected.
            server.send_signal(signal.SIGINT)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(10)


def _programs() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    # Debian keeps a server's programs off PATH, a folder for each version.
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _wait(made: Server, server: subprocess.Popen[bytes]) -> None:
    for _try in range(600):
        if server.poll() is not None:
            raise AssertionError(f"PostgreSQL ended: {made.log()[-500:]}")
        if made.accepts(ADMIN, ADMIN_PASSWORD):
            return
        time.sleep(0.05)
    raise AssertionError("PostgreSQL did not come up")
