"""Every test runs sealed: its own HOME, no git config, fixed dates, no network but loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"


# What outlives a test (a world of a whole session) is made before one is sealed, and would write to this
# machine's own keyring.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So a shell begins what it runs in the background, and a child would inherit it: nothing that is
    # tried here could be interrupted any more.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """What a test logged reaches the terminal from a worker process, as UTF-8: bytes of no text too."""
    report = yield
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode())
        for title, text in report.sections
    ]
    return report


@pytest.fixture(autouse=True)
def sealed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own; nothing of the machine's git, AWS, GitHub or keyring reaches a test."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(
            (
                "GIT_",
                "AWS_",
                "AZURE_",
                "BAO_",
                "CLOUDSDK_",
                "GITHUB_",
                "GITLAB_",
                "GH_",
                "GOOGLE_",
                "KUBE",
                "PG",
                "SLACK_",
                "STRIPE_",
                "VAULT_",
                "VERCEL_",
                "REMEDIATE_",
                "XDG_",
            )
        ):
            monkeypatch.delenv(name)
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    values = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "REMEDIATE_HOME": str(home / "remediate"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_AUTHOR_DATE": "2026-01-02T03:04:05+00:00",
        "GIT_COMMITTER_DATE": "2026-01-02T03:04:05+00:00",
        "GIT_EDITOR": "false",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "TZ": "UTC",
        "COLUMNS": "100",
        "TERM": "dumb",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada Dev\n\temail = ada@example.com\n"
        '[init]\n\tdefaultBranch = main\n[protocol "file"]\n\tallow = always\n'
    )
    return home


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A connection to anything but loopback fails at once."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if (
            isinstance(address, tuple)
            and not str(address[0]).startswith("127.")
            and address[0]
            not in (
                "localhost",
                "::1",
            )
        ):
            raise ConnectionRefusedError(f"a test tried to reach {address[0]}")
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    yield


@pytest.fixture
def fixtures() -> Path:
    """The folder of fixtures, copied with the repository so that a clone stands alone."""
    return FIXTURES


@pytest.fixture
def bash(tmp_path: Path) -> Callable[..., str]:
    """Run shell lines in a folder (default: the test's own), as a person would; gives stdout."""

    def run(script: str, cwd: Path | None = None) -> str:
        return subprocess.run(
            ["bash", "-euc", script],
            cwd=cwd or tmp_path,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    return run


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """A working clone of the sample repository, with both branches and the tag."""
    where = tmp_path / "acme"
    subprocess.run(
        ["git", "clone", "-q", str(FIXTURES / "reports" / "acme.bundle"), str(where)], check=True
    )
    subprocess.run(["git", "branch", "-q", "feature", "origin/feature"], cwd=where, check=True)
    return where


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[str], Path]:
    """Make a self-signed certificate for a host name, with its key, in one file."""

    def make(host: str) -> Path:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file = tmp_path / f"{host}.pem"
        file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
        return file

    return make
