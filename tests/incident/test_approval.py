"""The gate before a stage: whose signature opens it, for what, and that nothing else does."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from remediate import signing
from remediate.api.answers import Agrees
from remediate.errors import PolicyError, UsageError
from remediate.history.repo import open_repo
from remediate.incident.approval import check_policy, gate, waiting
from remediate.incident.custody import Custody
from remediate.incident.events import nobody
from remediate.incident.journal import Journal
from remediate.incident.options import Options
from remediate.incident.policy import Policy
from remediate.incident.request import Handed, Request
from remediate.incident.rows import Kind
from remediate.incident.run import Run
from remediate.incident.who import user
from remediate.secret import InstallationKey
from remediate.signing import SigningKey

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")

PLAN = ("push main", "push side")


def made(path: Path) -> SigningKey:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return SigningKey(path)


def allow(folder: Path, *pairs: tuple[str, SigningKey]) -> None:
    lines = []
    for name, key in pairs:
        assert key.file
        lines.append(f"{name} {key.file.with_name(key.file.name + '.pub').read_text()}")
    (folder / "allowed").write_text("".join(lines))


@pytest.fixture
def bob(tmp_path: Path) -> SigningKey:
    key = made(tmp_path / "bob")
    allow(tmp_path, ("bob@example.com", key))
    return key


@pytest.fixture
def run(
    folder: Path, key: InstallationKey, tmp_path: Path, bash: Callable[..., str]
) -> Iterator[Run]:
    bash("git init -q r")
    with closing(Journal(folder, key)) as journal:
        made_run = Run(
            folder=folder,
            journal=journal,
            custody=Custody(folder, key, None),
            key=key,
            repo=open_repo(tmp_path / "r"),
            policy=Policy(
                approve=("publish",), signers="allowed", source=str(tmp_path / "remediate.toml")
            ),
            options=Options(Path()),
            asks=Agrees(),
            listener=nobody,
            environment={},
        )
        made_run.write(Kind.OPENED, {"schema": 2, "incident": "INC-1", "started_by": "eve"})
        made_run.stage = "publish"
        yield made_run


def asked(run: Run, plan: tuple[str, ...] = PLAN) -> Path:
    """The request, of a run that waits."""
    assert not gate(run, "publish", "Publish", lambda: plan)
    (effect,) = waiting(run.state)
    return Path(str(effect.detail["request"]))


def opens(run: Run, handed: Handed | None = None, plan: tuple[str, ...] = PLAN) -> bool:
    run.approval = handed
    return gate(run, "publish", "Publish", lambda: plan)


def signed(request: Path, key: SigningKey) -> Handed:
    return Handed("r.sig", signing.sign(request.read_bytes(), key))


def refusals(run: Run) -> list[str]:
    return [str(row.data["why"]) for row in run.rows if row.kind == Kind.REFUSAL]


def test_a_stage_that_policy_does_not_name_is_open(run: Run, bob: SigningKey) -> None:
    assert gate(run, "clean", "Clean", lambda: pytest.fail("nobody asks for the plan"))
    assert gate(run, "publish", "Publish", lambda: ()), "nothing would be done"


def test_signed_it_opens_and_stays_open_for_as_much_or_less(run: Run, bob: SigningKey) -> None:
    request = asked(run)
    assert opens(run, signed(request, bob))
    assert run.approval is None
    assert opens(run)
    assert opens(run, plan=PLAN[:1]), "the rest was done before an interruption"
    assert not opens(run, plan=(*PLAN, "push more"))
    assert not waiting(run.state)[0].key.endswith(request.stem), "asked for anew"


def test_the_request_is_asked_for_once(run: Run, bob: SigningKey) -> None:
    request = asked(run)
    content = request.read_bytes()
    assert asked(run) == request
    assert request.read_bytes() == content
    request.unlink()
    assert asked(run) == request, "a lost file is written again"
    assert opens(run, signed(request, bob))


def test_the_request_can_come_back_with_the_signature(run: Run, bob: SigningKey) -> None:
    request = asked(run)
    handed = signed(request, bob)
    assert opens(run, Handed("r", handed.signature, request.read_bytes()))


@pytest.mark.parametrize(
    "name", ["eve", "EVE", "Ada@Example.com", "THE USER", "somebody@example.com"]
)
def test_whoever_started_it_can_not_approve_it(
    run: Run, tmp_path: Path, sealed: Path, name: str
) -> None:
    """By the name in the journal, by git's address, by the process's own user, or by the key."""
    (sealed / ".ssh").mkdir()
    own = name == "somebody@example.com"
    key = made(sealed / ".ssh" / "id_ed25519" if own else tmp_path / "k")
    allow(tmp_path, (user() if name == "THE USER" else name, key))
    request = asked(run)
    with pytest.raises(UsageError, match="started"):
        opens(run, signed(request, key))
    assert len(refusals(run)) == 1
    assert not opens(run)


def test_one_key_under_two_names_is_one_person(run: Run, tmp_path: Path, bob: SigningKey) -> None:
    allow(tmp_path, ("bob@example.com", bob), ("ada@example.com", bob))
    with pytest.raises(UsageError, match="second person"):
        opens(run, signed(asked(run), bob))


def test_by_nobody_whom_the_list_names(run: Run, tmp_path: Path, bob: SigningKey) -> None:
    request = asked(run)
    with pytest.raises(UsageError, match="nobody whom the list"):
        opens(run, signed(request, made(tmp_path / "mallory")))
    for garbage in (b"", b"x", signing.ARMOUR):
        with pytest.raises(UsageError, match="was not taken"):
            opens(run, Handed("r.sig", garbage))
    assert len(refusals(run)) == 1, "the same is noted once a run"


def test_the_list_is_read_when_the_approval_is_taken_in(
    run: Run, tmp_path: Path, bob: SigningKey
) -> None:
    handed = signed(asked(run), bob)
    allow(tmp_path, ("carol@example.com", made(tmp_path / "carol")))
    with pytest.raises(UsageError):
        opens(run, handed)
    (tmp_path / "allowed").chmod(0o666)
    with pytest.raises(PolicyError, match="only you"):
        opens(run, handed)


def test_a_request_that_was_edited_in_the_incidents_folder(run: Run, bob: SigningKey) -> None:
    request = asked(run)
    request.write_bytes(request.read_bytes().replace(b"push side", b"push evil"))
    with pytest.raises(UsageError):
        opens(run, signed(request, bob))
    with pytest.raises(UsageError, match="no request of this incident"):
        opens(run, Handed("r", signed(request, bob).signature, request.read_bytes()))
    assert not opens(run)


def test_a_changed_plan_makes_it_void_and_says_so(run: Run, bob: SigningKey) -> None:
    first = asked(run)
    handed = signed(first, bob)
    more = (*PLAN, "push more")
    assert not opens(run, handed, more)
    assert refusals(run) == ["the plan has changed since it was asked for"]
    (effect,) = waiting(run.state)
    assert effect.outcome
    assert effect.outcome.manual
    assert "changed" in effect.outcome.manual.why
    second = Path(str(effect.detail["request"]))
    assert second != first
    assert opens(run, signed(second, bob), more)


def test_a_request_names_a_head_that_the_journal_was_at(run: Run, bob: SigningKey) -> None:
    request = Request.of(asked(run).read_bytes(), "r")
    assert request.journal == {"seq": 1, "seal": run._journal._seals[1]}
    assert run.was_head(1, str(request.journal["seal"]))
    assert not run.was_head(2, str(request.journal["seal"]))
    assert not run.was_head(99, "00" * 32)
    assert not run.was_head(-1, run.head[1])


def test_approved_before_an_interruption(
    run: Run, bob: SigningKey, folder: Path, key: InstallationKey
) -> None:
    """The journal alone carries it; what was approved is looked up again, by its hash."""
    request = asked(run)
    assert opens(run, signed(request, bob))
    from remediate.incident.state import State

    run.state = State.of(run.rows)
    assert opens(run)
    request.unlink()
    assert not opens(run), "nobody can say any more what it was that was approved"


def test_a_list_of_signers_is_wanted_before_anything_begins(tmp_path: Path) -> None:
    policy = Policy(approve=("publish",), source=str(tmp_path / "remediate.toml"))
    with pytest.raises(PolicyError, match="allowed signers"):
        check_policy(policy, ["publish"])
    (tmp_path / "allowed_signers").write_text("")
    check_policy(policy, ["publish"])
    (tmp_path / "allowed_signers").unlink()
    (tmp_path / "allowed_signers").symlink_to("/etc/passwd")
    with pytest.raises(PolicyError, match="symbolic link"):
        check_policy(policy, ["publish"])
    with pytest.raises(PolicyError, match="stages"):
        check_policy(policy, ["clean"])
