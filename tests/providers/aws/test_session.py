"""Where a responder's credentials come from: the given environment, and not the machine's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from remediate.errors import UsageError
from remediate.plugins.outcome import Status
from remediate.testing.surroundings import surroundings
from remediate_providers.aws.failures import AwsError
from remediate_providers.aws.local import RunningAws
from remediate_providers.aws.provider import AwsProvider
from remediate_providers.aws.session import Aws


def shown(environment: dict[str, str]) -> set[str]:
    values = AwsProvider().responder_values(surroundings(environment))
    return {value.reveal_text() for value in values}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = DEFAULTID\naws_secret_access_key = default-secret\n"
        "[base]\naws_access_key_id = BASEID\naws_secret_access_key = base-secret\n"
    )
    (tmp_path / ".aws" / "config").write_text(
        "[default]\nregion = eu-north-1\n"
        "[profile ops]\nrole_arn = arn:aws:iam::123456789012:role/ops\nsource_profile = base\n"
        "[profile loop]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = loop\n"
        "[profile plain]\nendpoint_url = http://aws.example.com\n"
    )
    return tmp_path


def test_keys_in_the_environment_come_first(home: Path) -> None:
    environment = {
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": "ENVID",
        "AWS_SECRET_ACCESS_KEY": "env-secret",
        "AWS_PROFILE": "base",
    }
    assert shown(environment) == {"ENVID", "env-secret"}
    assert Aws.responder(surroundings(environment)).key_id() == "ENVID"


def test_then_a_profile_of_the_files(home: Path) -> None:
    assert shown({"HOME": str(home)}) == {"DEFAULTID", "default-secret"}
    assert shown({"HOME": str(home), "AWS_PROFILE": "base"}) == {"BASEID", "base-secret"}
    assert Aws.responder(surroundings({"HOME": str(home)})).key_id() == "DEFAULTID"
    assert Aws.responder(surroundings({"HOME": str(home)})).region == "eu-north-1"


def test_a_role_is_compared_by_the_key_that_assumes_it(home: Path) -> None:
    assert shown({"HOME": str(home), "AWS_PROFILE": "ops"}) == {"BASEID", "base-secret"}
    assert shown({"HOME": str(home), "AWS_PROFILE": "loop"}) == set()


def test_files_elsewhere_are_found_by_their_variables(home: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    (home / ".aws" / "credentials").rename(moved)
    environment = {"HOME": str(home), "AWS_SHARED_CREDENTIALS_FILE": str(moved)}
    assert shown(environment) == {"DEFAULTID", "default-secret"}


def test_the_machines_own_environment_is_not_looked_at(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "MACHINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "machine-secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    empty = {"HOME": str(home / "nobody"), "AWS_EC2_METADATA_DISABLED": "true"}
    assert shown(empty) == set()
    assert Aws.responder(surroundings(empty)).key_id() is None
    with pytest.raises(AwsError) as refused:
        Aws.responder(surroundings(empty, longest=0)).identity()
    assert refused.value.code == "NoCredentials"


@pytest.mark.parametrize("text", ["[default\nnonsense", "\x00\x01", ""])
def test_files_that_cannot_be_read_are_no_fault(tmp_path: Path, text: str) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(text)
    environment = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    assert shown(environment) == set()
    with pytest.raises(AwsError) as refused:
        Aws.responder(surroundings(environment, longest=0)).identity()
    assert refused.value.status is Status.REFUSED


def test_a_profile_that_is_not_there_is_said(home: Path) -> None:
    environment = {"HOME": str(home), "AWS_PROFILE": "typo"}
    assert shown(environment) == set()
    with pytest.raises(AwsError) as refused:
        Aws.responder(surroundings(environment)).identity()
    assert refused.value.status is Status.REFUSED
    assert "ProfileNotFound" in refused.value.reason


def test_a_profiles_address_has_to_be_https_too(home: Path) -> None:
    environment = {
        "HOME": str(home),
        "AWS_PROFILE": "plain",
        "AWS_ACCESS_KEY_ID": "ENVID",
        "AWS_SECRET_ACCESS_KEY": "env-secret",
    }
    with pytest.raises(UsageError, match="https"):
        Aws.responder(surroundings(environment)).identity()


def test_a_service_may_have_an_address_of_its_own(aws: RunningAws) -> None:
    environment = {
        **aws.environment(),
        "AWS_ENDPOINT_URL": "https://aws.invalid",
        "AWS_ENDPOINT_URL_STS": aws.url,
    }
    assert Aws.responder(surroundings(environment)).identity().account == aws.account


def test_a_proxy_is_not_asked_for_loopback(
    aws: RunningAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert Aws.responder(surroundings(aws.environment())).identity().account == aws.account


def test_no_secret_is_in_a_failure(aws: RunningAws) -> None:
    environment = {**aws.environment(), "AWS_SECRET_ACCESS_KEY": "wrong-secret-" + "x" * 27}
    with pytest.raises(AwsError) as refused:
        Aws.responder(surroundings(environment)).identity()
    error = refused.value
    assert "clock" in error.reason
    assert "wrong-secret" not in error.reason
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_identifying_imports_no_client() -> None:
    code = (
        "import sys\n"
        "from remediate_providers.aws.provider import AwsProvider\n"
        "AwsProvider().identify([])\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('boto3', 'botocore', 'moto')])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
