"""The allow-list of keyrings: what is safe, what is not, and that nothing outside can widen it."""

from __future__ import annotations

import keyring.core
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import SecretService, fail, null
from keyring.backends.chainer import ChainerBackend

from remediate.keyrings import safe_keyring, why_not


class PlainFile(KeyringBackend):
    """What keyrings.alt's plain-text back end is to the library: chosen when nothing better is."""

    priority = 0.5  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError("a plain-text back end was written to")


class Pretender(SecretService.Keyring):
    """A subclass of a safe back end is another class, and not trusted for its parent."""


def chain(monkeypatch: pytest.MonkeyPatch, *members: KeyringBackend) -> ChainerBackend:
    monkeypatch.setattr(ChainerBackend, "backends", list(members))
    return ChainerBackend()


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch):
    def choose(ring: KeyringBackend | None) -> None:
        monkeypatch.setattr(keyring.core, "_keyring_backend", ring)

    choose(None)
    return choose


@pytest.mark.parametrize(
    ("ring", "says"),
    [
        (fail.Keyring(), "no OS keyring"),
        (null.Keyring(), "keeps none"),
        (PlainFile(), "PlainFile"),
        (Pretender(), "Pretender"),
    ],
    ids=["fail", "null", "plain", "pretender"],
)
def test_an_unsafe_keyring_is_refused_and_said(use, ring, says) -> None:
    use(ring)
    assert safe_keyring() is None
    assert says in why_not()


def test_the_null_back_end_named_in_the_environment_is_refused(use, monkeypatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    assert safe_keyring() is None
    assert "PYTHON_KEYRING_BACKEND" in why_not()


def test_a_back_end_that_does_not_exist_is_no_crash(use, monkeypatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no.such.module.Keyring")
    assert safe_keyring() is None
    assert "can't be loaded" in why_not()


def test_the_secret_service_is_safe(use) -> None:
    ring = SecretService.Keyring()
    use(ring)
    assert safe_keyring() is ring
    assert why_not() == ""


def test_a_chain_gives_its_first_safe_member_and_never_the_rest(use, monkeypatch) -> None:
    safe = SecretService.Keyring()
    use(chain(monkeypatch, PlainFile(), safe))
    assert safe_keyring() is safe


@pytest.mark.parametrize("members", [(), (PlainFile(),)], ids=["empty", "plain"])
def test_a_chain_without_a_safe_member_is_refused(use, monkeypatch, members) -> None:
    use(chain(monkeypatch, *members))
    assert safe_keyring() is None
    assert why_not()


def test_only_the_caller_can_widen_the_list(use) -> None:
    ring = PlainFile()
    use(ring)
    assert safe_keyring(also=(PlainFile,)) is ring
    assert why_not(also=(PlainFile,)) == ""
    assert safe_keyring() is None
