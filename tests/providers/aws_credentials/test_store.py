"""A profile of the AWS credentials file: everything else in it stays, and botocore reads the new pair."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

import botocore.session
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remediate.errors import UsageError
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.stores import StoreContract
from remediate.testing.surroundings import surroundings
from remediate_providers.aws_credentials.profile import ID, SECRET, edited, settings_in
from remediate_providers.aws_credentials.store import AwsCredentialsStore

STORE = AwsCredentialsStore()
PAIR = {"id": Secret("AK" + "IA" + "N" * 16), "secret": Secret("s3cr/et+" + "b" * 32)}
NEW = {ID: PAIR["id"].reveal_text(), SECRET: PAIR["secret"].reveal_text()}
FILE = """\
# of the company
[default]
aws_access_key_id=OLD  \n; kept
aws_secret_access_key : old
aws_session_token = of
  the = old one
region = eu-west-1

[other]
aws_access_key_id = THEIRS
"""


def at(profile: str = "default") -> Target:
    return Target("aws-credentials", profile, (), f"aws-credentials:{profile}")


class TestAwsCredentials(StoreContract):
    make = AwsCredentialsStore
    bad = (
        Target("aws-credentials", "", (), "aws-credentials:"),
        Target("aws-credentials", "a]b", (), "aws-credentials:a]b"),
        Target("aws-credentials", "a", (("KEY", None),), "aws-credentials:a#KEY"),
    )

    @pytest.fixture(autouse=True)
    def home(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def target(self) -> Target:
        return at()

    def vendor(self) -> VendorContext:
        return surroundings({"HOME": str(self.folder)})

    def unreachable(self) -> VendorContext:
        return surroundings({"AWS_SHARED_CREDENTIALS_FILE": str(self.folder)})

    def parts(self, which: int) -> Mapping[str, Secret]:
        return {"id": Secret(f"id{which}"), "secret": Secret(f"secret-{which}-" + "a1" * 9)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / ".aws" / "credentials"
    path.parent.mkdir()
    path.write_text(FILE)
    path.chmod(0o644)
    return path


def put(file: Path, profile: str = "default") -> Status:
    vendor = surroundings({"AWS_SHARED_CREDENTIALS_FILE": str(file)})
    return STORE.put(at(profile), PAIR, vendor).status


def test_all_else_stays_and_the_old_sessions_token_goes(file: Path) -> None:
    assert put(file) is Status.DONE
    assert file.read_text() == (
        f"# of the company\n[default]\naws_access_key_id={NEW[ID]}  \n; kept\n"
        f"aws_secret_access_key : {NEW[SECRET]}\nregion = eu-west-1\n\n[other]\n"
        "aws_access_key_id = THEIRS\n"
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert put(file) is Status.UNCHANGED


def test_botocore_reads_the_new_pair(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    for profile in ("default", "made new"):
        assert put(file, profile) is Status.DONE
        found = botocore.session.Session(profile=profile).get_credentials()
        assert found is not None
        assert (found.access_key, found.secret_key, found.token) == (NEW[ID], NEW[SECRET], None)


def test_a_file_that_git_tracks_is_refused_also_behind_a_link(file: Path, tmp_path: Path) -> None:
    dots = tmp_path / "dots"
    dots.mkdir()
    kept = file.rename(dots / "credentials")
    file.symlink_to(kept)
    assert put(file) is Status.DONE
    assert file.is_symlink(), "the link stays, and leads to the new text"
    assert NEW[SECRET] in kept.read_text()
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=dots, check=True)
    kept.write_text(FILE)
    assert put(file) is Status.REFUSED
    assert kept.read_text() == FILE


def test_what_is_no_pair_or_can_not_be_read_is_refused(file: Path) -> None:
    vendor = surroundings({"AWS_SHARED_CREDENTIALS_FILE": str(file)})
    one = STORE.put(at(), {"value": Secret("x")}, vendor)
    assert one.status is Status.REFUSED
    file.write_text("no section\n")
    assert put(file) is Status.REFUSED
    assert file.read_text() == "no section\n"
    with pytest.raises(UsageError):
        STORE.put(at(), PAIR, surroundings({})) and STORE.validate(at("\n"))


NAMES = st.sampled_from(["default", "other", "x y"])
LINES = st.lists(
    st.one_of(
        NAMES.map(lambda name: f"[{name}]"),
        st.sampled_from(
            ["# c", "; c", "", f"{ID} = old", f"{SECRET.upper()}:old", "region=a", " b"]
        ),
    ),
    max_size=12,
)


@example(["[other]", f"{ID} = old", "# c", " b"], "\n", "other")
@example(["[other]", f"{ID} = old", "", " b"], "\r\n", "other")
@given(lines=LINES, end=st.sampled_from(["\n", "\r\n"]), profile=NAMES)
def test_whatever_the_file_nothing_else_of_it_changes(
    lines: list[str], end: str, profile: str
) -> None:
    text = "".join(f"{line}{end}" for line in lines)
    try:
        known = settings_in(text)
    except ValueError:
        return
    after = settings_in(edited(text, profile, NEW))
    assert after.pop(profile) == {**known.pop(profile, {}), **NEW}
    assert after == known
