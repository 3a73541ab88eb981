"""Asking before the kill: side by side, in the order of the credentials, and never for long."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from remediate.errors import UsageError
from remediate.history.repo import Repo
from remediate.incident.rows import Kind
from remediate.model import Credential
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import Held
from remediate.secret import InstallationKey
from remediate.stages import askingall
from remediate.stages.askingall import ask_all, ask_each
from tests.incident.test_run import opened, repo

__all__ = ["repo"]


def credentials(count: int) -> list[Credential]:
    return [Credential(f"acme:{at}", "acme", "acme-token", {}) for at in range(count)]


def test_each_answer_is_its_own_and_they_are_asked_at_once(
    folder: Path, key: InstallationKey, repo: Repo
) -> None:
    together = threading.Barrier(4, timeout=20)

    def ask(held: Held, vendor: VendorContext) -> Facts:
        together.wait()  # passes only where four ask at the same time
        return Facts({"owner": held.id})

    with opened(folder, key, repo, []) as run:
        some = credentials(4)
        ask_all(run, "identity", "identify", [(one, ask) for one in some])
        for one in some:
            facts = run.knows("identity", one)
            assert facts is not None
            assert facts.known == {"owner": one.id}
        rows = [row.data["credential"] for row in run.rows if row.kind == Kind.FACT]
    assert rows == [one.id for one in some], (
        "in the order of the credentials, whoever answered first"
    )


def test_after_the_kill_each_has_its_own_time_and_they_are_asked_at_once(
    folder: Path, key: InstallationKey, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(askingall, "BEFORE_THE_KILL", -1.0)
    together = threading.Barrier(4, timeout=20)

    def ask(held: Held, vendor: VendorContext) -> Facts:
        together.wait()
        return Facts({"patience": vendor.deadline() - time.monotonic() > 100})

    with opened(folder, key, repo, []) as run:
        some = credentials(4)
        ask_each(run, "footholds", "triage", [(one, ask) for one in some])
        for one in some:
            assert run.knows("footholds", one) == Facts({"patience": True})


def test_a_fault_over_one_leaves_the_others(folder: Path, key: InstallationKey, repo: Repo) -> None:
    def ask(held: Held, vendor: VendorContext) -> Facts:
        if held.id == "acme:1":
            raise RuntimeError("with-a-value-in-its-text")
        return Facts({"owner": held.id})

    with opened(folder, key, repo, []) as run:
        some = credentials(3)
        ask_all(run, "identity", "identify", [(one, ask) for one in some])
        broken = run.knows("identity", some[1])
        assert broken is not None
        assert "RuntimeError" in broken.unknown["identity"]
        assert "value" not in broken.unknown["identity"]
        assert run.knows("identity", some[2]) == Facts({"owner": "acme:2"})


def test_what_stops_a_run_stops_it_after_the_answers_are_kept(
    folder: Path, key: InstallationKey, repo: Repo
) -> None:
    def ask(held: Held, vendor: VendorContext) -> Facts:
        if held.id == "acme:0":
            raise UsageError("An address is wrong.", hint="Mend it.")
        return Facts({"owner": held.id})

    with opened(folder, key, repo, []) as run:
        some = credentials(2)
        with pytest.raises(UsageError):
            ask_all(run, "identity", "identify", [(one, ask) for one in some])
        assert run.knows("identity", some[1]) == Facts({"owner": "acme:1"})


def test_the_kill_is_not_kept_waiting(
    folder: Path, key: InstallationKey, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No time at all: nothing is asked, each is written down as not known, with the reason."""
    monkeypatch.setattr(askingall, "BEFORE_THE_KILL", -1.0)

    def ask(held: Held, vendor: VendorContext) -> Facts:
        raise AssertionError("asked")

    with opened(folder, key, repo, []) as run:
        some = credentials(2)
        ask_all(run, "preserved", "preserve", [(one, ask) for one in some])
        facts = run.knows("preserved", some[1])
        assert facts is not None
        assert "before the kill" in facts.unknown["preserved"]
    assert ask_all(run, "preserved", "preserve", []) is None
