"""kingfisher: asked to revoke and for nothing else; what it answers, and what that proves."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from remediate.errors import UsageError
from remediate.model import Credential, Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Outcome, Status
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.surroundings import KEY, surroundings
from remediate_providers.kingfisher.provider import KingfisherProvider

PROVIDER = KingfisherProvider()
LEAKED = Secret("leaked" + "x0" * 12)
RULE = "betterleaks.twitch-api-token"


def hold() -> Held:
    name = KEY.fingerprint(LEAKED)
    return Held(Credential(f"secret:{name[:12]}", "", "secret", {"value": name}), {"value": LEAKED})


def around(path: str, root: Path, *, insist: bool = False, **options: Json) -> VendorContext:
    settings: dict[str, Json] = {"with": {"rule": RULE, **options}, "insist": insist}
    vendor = surroundings({"PATH": path}, settings=settings, longest=0.01, seconds=3)
    return replace(vendor, root=root)


def stand_in(folder: Path, status: str) -> str:
    """A kingfisher that answers so, in the form of 2.14.0; gives the PATH that finds it."""
    folder.mkdir(exist_ok=True)
    file = folder / "kingfisher"
    answer = f'{{"rule_id": "{RULE}", "message": "said so", "revocation_status": "{status}"}}'
    file.write_text(f"#!/bin/sh\ncat >got\nprintf '%s ' \"$@\" >arguments\necho '{answer}'\n")
    file.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def revoke(vendor: VendorContext) -> Outcome:
    held = hold()
    return PROVIDER.revoke([held], vendor)[held.id]


def test_the_value_goes_over_standard_input_and_nothing_is_validated(tmp_path: Path) -> None:
    outcome = revoke(around(stand_in(tmp_path / "bin", "revoked"), tmp_path))
    assert (tmp_path / "got").read_bytes() == LEAKED.reveal()
    arguments = (tmp_path / "arguments").read_text()
    assert arguments == f"revoke --no-update-check --rule {RULE} --format json - "
    assert outcome.status is Status.UNKNOWN, "its word is no proof"
    assert "insist" in outcome.reason


def test_a_check_of_your_own_or_your_word_makes_it_done(tmp_path: Path) -> None:
    path = stand_in(tmp_path / "bin", "revoked")
    refused = around(path, tmp_path, check=["sh", "-c", "test -e got && exit 3 || exit 0"])
    assert revoke(refused).status is Status.DONE
    assert revoke(around(path, tmp_path, insist=True)).status is Status.DONE
    accepted = around(path, tmp_path, check=["true"])
    assert revoke(accepted).status is Status.UNKNOWN


@pytest.mark.parametrize("status", ["failed", "not_authorized"])
def test_a_refusal_is_a_persons_work(tmp_path: Path, status: str) -> None:
    outcome = revoke(around(stand_in(tmp_path / "bin", status), tmp_path, insist=True))
    assert outcome.status is Status.MANUAL
    assert "said so" in outcome.reason


def test_without_it_a_person_does_it(tmp_path: Path) -> None:
    outcome = revoke(around("relative:/nowhere", tmp_path))
    assert outcome.status is Status.MANUAL
    assert "not installed" in outcome.reason


def test_a_rule_has_to_be_named() -> None:
    for options in ({}, {"rule": ["x"]}, {"rule": "x", "revoke": ["y"]}):
        with pytest.raises(UsageError):
            PROVIDER.check_options(options)  # type: ignore[arg-type]


def test_the_real_one_takes_these_arguments(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("kingfisher")
    if not program.exists():
        pytest.skip("kingfisher is not installed here: pip install kingfisher-bin")
    path = f"{program.parent}:{os.environ['PATH']}"
    outcome = revoke(around(path, tmp_path, rule="no-such-rule", insist=True))
    assert outcome.status is Status.MANUAL
    assert "ended with" in outcome.reason or "rule" in outcome.reason.lower()
