"""SSH keys at GitHub: the contract, every call gone wrong, and what is particular to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from remediate.errors import UsageError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.provider import Found, Held
from remediate.secret import Secret
from remediate.testing.faults import ProviderFaults, Scene, every_trouble, hold
from remediate.testing.providers import ProviderContract, well_told
from remediate.testing.proxy import Trouble
from remediate.testing.surroundings import surroundings
from remediate_providers.github import ssh_keys
from remediate_providers.github.local import REPOSITORY, RESPONDER, LocalGitHub, RunningGitHub
from remediate_providers.github.local_host import HostedRepository
from remediate_providers.github.ssh import GitHubSshProvider
from remediate_providers.github.ssh_keys import USER
from remediate_providers.table.provider import TableProvider

PROVIDER = GitHubSshProvider()
OPEN = {"with": {"repositories": [REPOSITORY]}}
SETTINGS = {"with": {"repositories": [REPOSITORY], "elsewhere": "checked"}}
"""A person has looked at the other servers."""
RSA = rsa.generate_private_key(65537, 2048)


def leaked(form: s.PrivateFormat = s.PrivateFormat.OpenSSH, passphrase: bytes = b"") -> Held:
    """A private key as the table holds it: the policy hands it over from there."""
    lock = s.BestAvailableEncryption(passphrase) if passphrase else s.NoEncryption()
    return hold(TableProvider(), {"value": Secret(RSA.private_bytes(s.Encoding.PEM, form, lock))})


def row(number: int, title: str = "ci of acme", **more: Any) -> dict[str, Any]:
    line = RSA.public_key().public_bytes(s.Encoding.OpenSSH, s.PublicFormat.OpenSSH).decode()
    return {"id": number, "key": line, "title": title, "read_only": True, **more}


def stranger(number: int) -> dict[str, Any]:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    line = key.public_bytes(s.Encoding.OpenSSH, s.PublicFormat.OpenSSH).decode()
    return {"id": number, "key": line, "title": "ci of acme", "read_only": False}


def started(*deploy: Mapping[str, Any], user: Sequence[Mapping[str, Any]] = ()) -> RunningGitHub:
    running = LocalGitHub(lag=0.01).start()
    keys = [dict(one) for one in deploy]
    hosted = HostedRepository(admins={RESPONDER: 7}, deploy_keys=keys)
    running.host.repositories[REPOSITORY] = hosted
    running.host.ssh_keys[RESPONDER] = [dict(one) for one in user]
    return running


def deployed(running: RunningGitHub) -> list[dict[str, Any]]:
    return running.host.repositories[REPOSITORY].deploy_keys


def test_the_repository_that_it_leaked_in_need_not_be_named() -> None:
    running = started(row(2))
    try:
        vendor = surroundings(running.environment(), settings={"with": {}})
        held = leaked()
        assert PROVIDER.check(held, vendor).alive is None
        remotes = [f"{running.url}/{REPOSITORY}.git", "git@gitlab.com:else/where.git"]
        vendor = replace(vendor, remotes=lambda: remotes)
        assert PROVIDER.check(held, vendor).alive is True
        PROVIDER.revoke([held], vendor)
        assert deployed(running) == []
    finally:
        running.close()


def test_a_signing_key_is_named_and_stays() -> None:
    running = started(user=[row(2)])
    try:
        signing = [row(3, "laptop"), stranger(4)]
        running.footholds.ssh_signing_keys[RESPONDER] = list(signing)
        poor = PROVIDER.describe(leaked(), surroundings(running.environment(), settings=OPEN))
        assert ssh_keys.SIGNING in poor.unknown
        scopes = ("repo", "admin:public_key", "read:ssh_signing_key")
        running.responder = running.state.issue(RESPONDER, scopes=scopes)
        vendor = surroundings(running.environment(), settings=OPEN)
        told = PROVIDER.describe(leaked(), vendor)
        assert told.known["signing"] == ["laptop"]
        (outcome,) = PROVIDER.revoke([leaked()], replace(vendor, known=told.known)).values()
        assert outcome.status is Status.MANUAL
        assert outcome.manual is not None
        assert "signing key of your account, too (“laptop”)" in " ".join(
            outcome.manual.instructions
        )
        assert running.host.ssh_keys[RESPONDER] == []
        assert running.footholds.ssh_signing_keys[RESPONDER] == signing
    finally:
        running.close()


class TestSsh(ProviderContract):
    make = GitHubSshProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        return []  # a private key names no server

    def handed(self) -> Sequence[Held]:
        return [leaked(), leaked(s.PrivateFormat.PKCS8, b"pass" + b"phrase")]

    def environment(self, base: str) -> Mapping[str, str]:
        return {"GITHUB_API_URL": base, "GITHUB_TOKEN": "ghp_" + "a1B2" * 9}


class TestSshFaults(ProviderFaults):
    make = GitHubSshProvider
    each_once = True

    def start(self) -> RunningGitHub:
        return started(stranger(1), row(2))

    def leaked(self, running: Any) -> Held:
        return leaked()

    def dead(self, running: Any, held: Held) -> bool:
        return all(one["id"] != 2 for one in deployed(running))

    def living(self, running: Any) -> int:
        return len([one for one in deployed(running) if one["id"] > 2])

    def context(self, environment: Mapping[str, str], known: Mapping[str, Any]) -> VendorContext:
        return surroundings(environment, known=known, settings=SETTINGS, longest=0.005)

    @every_trouble
    def test_there_is_one_successor_or_a_step(self, trouble: Trouble) -> None:
        for scene, call in self._cases(trouble, self._installing, self.before_reissue):
            made = scene.provider.reissue(scene.held, scene.vendor())
            assert made.outcome.status is Status.DONE
            new = Held(scene.held.credential, made.values)
            first = scene.provider.install(scene.held, new, scene.vendor())
            scene.fit(f"{call}: install", first)
            assert first.status.settled or first.reason
            scene.line.heal()
            again = scene.provider.install(scene.held, new, scene.vendor())
            assert again.status is Status.DONE, f"{call}: {again.reason}"
            assert self.living(scene.running) == 1, call
            assert scene.provider.confirm(new, scene.vendor()).alive is True

    def _installing(self, scene: Scene) -> None:
        made = scene.provider.reissue(scene.held, scene.vendor())
        new = Held(scene.held.credential, made.values)
        scene.provider.install(scene.held, new, scene.vendor())


@pytest.fixture
def around(github: RunningGitHub) -> Iterator[Callable[..., VendorContext]]:
    github.host.repositories[REPOSITORY] = HostedRepository(
        admins={RESPONDER: 7}, deploy_keys=[stranger(1), row(2, last_used="2026-01-02T03:04:05Z")]
    )

    def make(**more: Any) -> VendorContext:
        return surroundings(github.environment(), longest=0.01, **{"settings": SETTINGS, **more})

    yield make


@pytest.mark.parametrize(
    "form",
    [s.PrivateFormat.OpenSSH, s.PrivateFormat.PKCS8, s.PrivateFormat.TraditionalOpenSSL],
    ids=["openssh", "pkcs8", "pkcs1"],
)
def test_a_deploy_key_is_replaced_with_the_same_title_and_rights(
    github: RunningGitHub, around: Callable[..., VendorContext], form: s.PrivateFormat
) -> None:
    held = leaked(form)
    facts = PROVIDER.describe(held, around())
    (was,) = facts.known["registered"]
    assert (was["place"], was["title"], was["read_only"]) == (REPOSITORY, "ci of acme", True)
    assert "elsewhere" in facts.unknown
    vendor = around(known=facts.known)
    assert PROVIDER.check(held, vendor).alive is True
    outcome = PROVIDER.revoke([held], vendor)[held.id]
    assert outcome.status is Status.DONE
    assert "a person looked at the other servers" in outcome.summary
    assert [one["id"] for one in deployed(github)] == [1]
    assert PROVIDER.check(held, vendor).alive is False
    assert PROVIDER.revoke([held], vendor)[held.id].status is Status.UNCHANGED

    made = PROVIDER.reissue(held, vendor)
    assert [one["id"] for one in deployed(github)] == [1], "nothing before it is in custody"
    new = Held(held.credential, made.values)
    assert PROVIDER.install(held, new, vendor).status is Status.DONE
    assert PROVIDER.install(held, new, vendor).status is Status.DONE
    assert len(deployed(github)) == 2
    assert {k: deployed(github)[1][k] for k in ("title", "read_only")} == {
        "title": "ci of acme",
        "read_only": True,
    }
    key = s.load_ssh_private_key(made.values["value"].reveal(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    assert not any(b"PRIVATE" in request.body for request in github.state.requests)
    investigated = PROVIDER.investigate(held, None, vendor)
    assert investigated.known["last_used"] == {REPOSITORY: "2026-01-02T03:04:05Z"}


def test_a_key_of_ones_own_account_needs_no_policy(
    github: RunningGitHub, around: Callable[..., VendorContext]
) -> None:
    deployed(github).clear()
    github.host.ssh_keys[RESPONDER] = [stranger(n) for n in range(1, 130)] + [row(200, "laptop")]
    held = leaked()
    vendor = around(settings={}, known=PROVIDER.describe(held, around(settings={})).known)
    assert PROVIDER.revoke([held], vendor)[held.id].status is Status.MANUAL
    assert len(github.host.ssh_keys[RESPONDER]) == 129
    made = PROVIDER.reissue(held, vendor)
    new = Held(held.credential, made.values)
    assert PROVIDER.install(held, new, vendor).status is Status.DONE
    assert github.host.ssh_keys[RESPONDER][-1]["title"] == "laptop"


def test_what_is_in_no_list_is_not_called_dead(
    github: RunningGitHub, around: Callable[..., VendorContext]
) -> None:
    deployed(github).clear()
    held = leaked()
    assert PROVIDER.check(held, around()).alive is None
    outcome = PROVIDER.revoke([held], around())[held.id]
    assert outcome.status is Status.MANUAL
    assert outcome.manual is not None
    well_told(outcome.manual)
    shown = ssh_keys.fingerprint(held)
    assert shown is not None
    assert shown.startswith("SHA256:")
    assert shown in " ".join(outcome.manual.instructions)
    made = PROVIDER.reissue(held, around())
    assert made.outcome.status is Status.MANUAL
    assert made.outcome.manual is not None
    well_told(made.outcome.manual)
    assert not made.values


def test_a_list_that_may_not_be_read_is_said(
    github: RunningGitHub, around: Callable[..., VendorContext]
) -> None:
    github.host.repositories[REPOSITORY].admins.clear()
    held = leaked()
    check = PROVIDER.check(held, around(known={"registered": [row(2) | {"place": REPOSITORY}]}))
    assert check.alive is None
    assert REPOSITORY in check.reason
    assert PROVIDER.revoke([held], around())[held.id].status is Status.MANUAL


def test_one_behind_a_passphrase_is_a_persons_work(
    github: RunningGitHub, around: Callable[..., VendorContext]
) -> None:
    held = leaked(s.PrivateFormat.PKCS8, b"pass" + b"phrase")
    outcome = PROVIDER.revoke([held], around())[held.id]
    assert outcome.status is Status.MANUAL
    assert "passphrase" in outcome.reason
    assert len(deployed(github)) == 2


def test_a_key_that_is_handed_in_is_looked_at(around: Callable[..., VendorContext]) -> None:
    held = leaked()
    other, _line = ssh_keys.new_pair()
    taken = PROVIDER.accept(held, other, around())
    assert taken.outcome.status is Status.DONE
    assert taken.values == {"value": other}
    same = leaked(s.PrivateFormat.PKCS8).values["value"]
    for wrong in (held.values["value"], same, Secret("x"), Secret("")):
        assert PROVIDER.accept(held, wrong, around()).outcome.status is Status.REFUSED
    new = Held(held.credential, taken.values)
    assert PROVIDER.install(held, new, around()).status is Status.UNCHANGED


def test_what_other_servers_trust_is_a_persons_to_say(
    github: RunningGitHub, around: Callable[..., VendorContext]
) -> None:
    deployed(github)[1]["added_by"] = "bob"
    held = leaked()
    known = PROVIDER.describe(held, around(settings=OPEN)).known
    for _ in range(2):  # again, as a resumed run does: it is gone from GitHub and open still
        outcome = PROVIDER.revoke([held], around(settings=OPEN, known=known))[held.id]
        assert [one["id"] for one in deployed(github)] == [1], "GitHub trusts it no more"
        assert outcome.status is Status.MANUAL
        assert "other servers may" in outcome.summary
        step = outcome.manual
        assert step is not None
        well_told(step)
        assert "bob put it at GitHub" in str(step.owner)
        shown = ssh_keys.fingerprint(held)
        assert shown is not None
        assert shown in " ".join(step.instructions)
    outcome = PROVIDER.revoke([held], around(known=known))[held.id]
    assert outcome.status is Status.UNCHANGED
    assert outcome.evidence[-1].saw == "checked"


def test_where_one_was_listed_says_nothing_of_another_in_its_batch(
    github: RunningGitHub, around: Callable[..., VendorContext]
) -> None:
    listed, (value, _line) = leaked(), ssh_keys.new_pair()
    other = Held(replace(listed.credential, id="pem:other"), {"value": value})
    known = PROVIDER.describe(listed, around()).known
    vendor = replace(around(known=known), known_of=lambda i: known if i == listed.id else {})
    outcomes = PROVIDER.revoke([listed, other], vendor)
    assert outcomes[listed.id].status is Status.DONE
    assert outcomes[other.id].status is Status.MANUAL, "it was in no list"


def test_options_that_are_wrong_are_said_before_anything_is_done() -> None:
    PROVIDER.check_options({"repositories": ["acme/app"]})
    PROVIDER.check_options({})
    for wrong in (
        {"repositories": ["acme"]},
        {"repository": "acme/app"},
        {"repositories": "../x/y"},
        {"elsewhere": "none"},
    ):
        with pytest.raises(UsageError):
            PROVIDER.check_options(wrong)


def test_places_are_named_as_the_policy_does() -> None:
    assert ssh_keys.places(surroundings({}, settings=SETTINGS)) == [USER, REPOSITORY]
