"""Programs of the user's: what they are given, what their exit codes mean, what becomes of what they print."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
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
from remediate_providers.command.provider import CommandProvider, request

PROVIDER = CommandProvider()
LEAKED = Secret("leaked-" + "a1B2" * 5)

VENDOR = """#!/bin/sh
# A vendor: a file for each living key. Its name is the key; what is in it, the request that made it.
set -eu
keys="$(dirname "$0")/keys"
case "$1" in
    check) value=$(cat); [ -e "$keys/$value" ] || exit 3 ;;
    revoke) value=$(cat); rm -f "$keys/$value" ;;
    reissue) cat >/dev/null; printf '%s' "$REMEDIATE_REQUEST" >"$keys/new-of-$REMEDIATE_REQUEST"
        echo "new-of-$REMEDIATE_REQUEST" ;;
    forget) cat >/dev/null; [ -e "$keys/new-of-$REMEDIATE_REQUEST" ] || exit 3
        rm "$keys/new-of-$REMEDIATE_REQUEST" ;;
esac
"""

Around = Callable[..., VendorContext]


def hold(**values: Secret) -> Held:
    named = values or {"value": LEAKED}
    parts = {part: KEY.fingerprint(value) for part, value in named.items()}
    first = next(iter(parts.values()))
    return Held(Credential(f"secret:{first[:12]}", "", "secret", parts), named)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The vendor's keys; the leaked one lives."""
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / LEAKED.reveal_text()).touch()
    script(tmp_path, "vendor", VENDOR)
    return folder


@pytest.fixture
def around(tmp_path: Path) -> Around:
    def make(**programs: Json) -> VendorContext:
        vendor = surroundings(
            {"PATH": os.environ["PATH"]}, settings={"with": programs}, longest=0.01, seconds=5
        )
        value = LEAKED.reveal_text()
        return replace(vendor, root=tmp_path, redact=lambda text: text.replace(value, "[redacted]"))

    return make


@pytest.fixture
def all_of_them(keys: Path, around: Around) -> VendorContext:
    return around(**{n: ["./vendor", n] for n in ("check", "revoke", "reissue", "forget")})


def script(folder: Path, name: str, text: str) -> list[str]:
    file = folder / name
    file.write_text(text)
    file.chmod(0o755)
    return [f"./{name}"]


def revoke(held: Held, vendor: VendorContext) -> Outcome:
    return PROVIDER.revoke([held], vendor)[held.id]


def test_it_is_checked_revoked_and_replaced(all_of_them: VendorContext, keys: Path) -> None:
    held = hold()
    assert PROVIDER.check(held, all_of_them).alive is True
    outcome = revoke(held, all_of_them)
    assert outcome.status is Status.DONE
    assert not list(keys.iterdir())
    assert revoke(held, all_of_them).status is Status.DONE, "again is harmless"
    made = PROVIDER.reissue(held, all_of_them)
    assert made.outcome.status is Status.DONE
    assert made.values == {"value": Secret(f"new-of-{request(held)}")}
    assert PROVIDER.confirm(Held(held.credential, made.values), all_of_them).alive is True
    assert "new-of" not in repr(made)


def test_one_that_was_made_and_lost_is_ended(all_of_them: VendorContext, keys: Path) -> None:
    held = hold()
    before = PROVIDER.before_reissue(held, all_of_them)
    assert PROVIDER.reconcile_reissue(held, before, all_of_them).status is Status.UNCHANGED
    PROVIDER.reissue(held, all_of_them)
    found = PROVIDER.reconcile_reissue(held, before, all_of_them)
    assert found.status is Status.DONE
    assert [one.name for one in keys.iterdir()] == [LEAKED.reveal_text()]


def test_values_go_over_standard_input_alone(tmp_path: Path, around: Around) -> None:
    command = script(
        tmp_path,
        "look",
        '#!/bin/sh\ncat >got; env >environment; printf "%s\\n" "$0" "$@" >arguments; exit 3\n',
    )
    vendor = around(check=command, revoke=command)
    assert revoke(hold(), vendor).status is Status.DONE
    assert (tmp_path / "got").read_bytes() == LEAKED.reveal(), "as it is, no line end"
    for name in ("environment", "arguments"):
        assert LEAKED.reveal_text() not in (tmp_path / name).read_text()
    assert "REMEDIATE_ACTION=check" in (tmp_path / "environment").read_text()
    pair = hold(id=Secret("public-id"), secret=LEAKED)
    PROVIDER.check(pair, vendor)
    got = json.loads((tmp_path / "got").read_bytes())
    assert got == {"id": "public-id", "secret": LEAKED.reveal_text()}


def test_a_program_that_crashes_is_no_answer(tmp_path: Path, around: Around) -> None:
    for code in (1, 2, 126, 139):
        command = script(
            tmp_path, "crash", f"#!/bin/sh\ncat >&2; echo >&2; echo broken >&2; exit {code}\n"
        )
        check = PROVIDER.check(hold(), around(check=command))
        assert check.alive is None
        assert "broken" in check.reason
        made = PROVIDER.reissue(hold(), around(reissue=command, forget=command))
        assert made.outcome.status is Status.UNKNOWN
        assert made.outcome.manual is not None
    command = script(tmp_path, "tells", '#!/bin/sh\necho "bad value $(cat)" >&2; exit 9\n')
    told = PROVIDER.check(hold(), around(check=command))
    assert "[redacted]" in told.reason
    assert LEAKED.reveal_text() not in repr(told)


def test_a_program_that_hangs_is_stopped_with_its_children(tmp_path: Path, around: Around) -> None:
    command = script(tmp_path, "hang", "#!/bin/sh\nsleep 600 &\necho $! >child\nwait\n")
    check = PROVIDER.check(hold(), around(check=command, seconds="1"))
    assert check.alive is None
    assert "was stopped after 1 s" in check.reason
    child = int((tmp_path / "child").read_text())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_a_revocation_that_failed_is_done_where_the_check_says_so(
    keys: Path, tmp_path: Path, around: Around
) -> None:
    half = script(tmp_path, "half", "#!/bin/sh\n./vendor revoke; exit 1\n")
    held = hold()
    outcome = revoke(held, around(check=["./vendor", "check"], revoke=half))
    assert outcome.status is Status.DONE
    (keys / LEAKED.reveal_text()).touch()
    none = script(tmp_path, "none", "#!/bin/sh\necho no such right >&2; exit 1\n")
    failed = revoke(held, around(check=["./vendor", "check"], revoke=none))
    assert failed.status is Status.MANUAL
    assert "no such right" in failed.reason
    lies = revoke(held, around(check=["./vendor", "check"], revoke=["true"]))
    assert lies.status is Status.UNKNOWN, "exit 0 is no proof"


def test_a_program_that_is_not_there_is_a_persons_work(keys: Path, around: Around) -> None:
    vendor = around(check=["./vendor", "check"], revoke=["./nothing"], reissue=["./nothing"])
    outcome = revoke(hold(), vendor)
    assert outcome.status is Status.MANUAL
    assert "./nothing: not found" in outcome.reason
    assert PROVIDER.reissue(hold(), vendor).outcome.status is Status.MANUAL


def test_what_is_no_value_is_not_taken(tmp_path: Path, around: Around) -> None:
    for text in ("", "two\nlines", LEAKED.reveal_text()):
        (tmp_path / "output").write_text(text)
        vendor = around(reissue=["cat", "output"], forget=["sh", "-c", "exit 3"])
        made = PROVIDER.reissue(hold(), vendor)
        assert not made.values
        assert made.outcome.status is Status.MANUAL
    pair = hold(id=Secret("public-id"), secret=LEAKED)
    (tmp_path / "output").write_text('{"id": "new-id", "secret": "new-secret"}')
    vendor = around(reissue=["cat", "output"], forget=["false"])
    assert set(PROVIDER.reissue(pair, vendor).values) == {"id", "secret"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"revok": ["x"]}, "not known"),
        ({"check": "./x"}, "a program and its arguments"),
        ({"revoke": ["./x"]}, "without `check`"),
        ({"check": ["x"], "reissue": ["x"]}, "without `forget`"),
        ({"check": ["x"], "seconds": "soon"}, "a number"),
    ],
)
def test_options_that_would_not_do_are_refused(options: dict[str, Json], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        PROVIDER.check_options(options)
    assert said in caught.value.message
    assert caught.value.hint
