"""The local AWS: what it does as AWS does, and moto does not."""

from __future__ import annotations

import builtins
import json
import time
import tomllib
from typing import Any

import pytest

from remediate.errors import PluginError
from remediate.plugins.registry import local_vendors
from remediate.secret import Secret
from remediate_providers.aws.keys import account_of
from remediate_providers.aws.local import LocalAws, RunningAws
from remediate_providers.aws.local_policy import decide
from tests.providers.aws.conftest import ALLOW_ALL, allow
from tests.providers.aws.test_kill import client_as


def refusal(call: Any) -> str:
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as refused:
        call()
    code: str = refused.value.response["Error"]["Code"]
    return code


def test_it_is_found_by_its_name() -> None:
    assert isinstance(local_vendors.get("aws"), LocalAws)


def test_it_plants_a_pair_and_names_its_store(aws: RunningAws) -> None:
    planted = aws.plant()
    text = planted.files["config/settings.py"]
    assert all(value.reveal_text() in text for value in planted.values.values())
    table = tomllib.loads(planted.policy)["credential"][0]
    assert table["match"] == "aws"
    assert table["stores"][0].startswith("aws-secrets-manager:prod/app")
    assert account_of(planted.values["id"].reveal_text()) == aws.account
    assert not aws.is_dead(planted.values)
    assert all(value.reveal_text() not in planted.policy for value in planted.values.values())


def test_an_inactive_key_is_refused_after_a_short_while() -> None:
    running = LocalAws(lag=0.3, throttle=False).start()
    try:
        values = running.user("someone", allow("s3:*"))
        sts = client_as(running, "sts", values)
        assert sts.get_caller_identity()["Arn"].endswith(":user/someone")
        root = running.client("iam")
        key_id = values["id"].reveal_text()
        root.update_access_key(UserName="someone", AccessKeyId=key_id, Status="Inactive")
        assert running.is_dead(values)
        sts.get_caller_identity()  # not yet felt
        time.sleep(0.4)
        assert refusal(sts.get_caller_identity) == "InvalidClientTokenId"
        root.update_access_key(UserName="someone", AccessKeyId=key_id, Status="Active")
        assert refusal(sts.get_caller_identity) == "InvalidClientTokenId"
        time.sleep(0.4)
        sts.get_caller_identity()
        root.delete_access_key(UserName="someone", AccessKeyId=key_id)
        assert running.is_dead(values)
        assert refusal(sts.get_caller_identity) == "InvalidClientTokenId"
    finally:
        running.close()


def test_a_wrong_secret_and_no_secret_are_refused(aws: RunningAws) -> None:
    import urllib.error
    import urllib.request

    values = aws.user("wronged", ALLOW_ALL)
    wrong = client_as(aws, "sts", {**values, "secret": Secret("aB3/" * 10)})
    assert refusal(wrong.get_caller_identity) == "SignatureDoesNotMatch"
    unsigned = urllib.request.Request(aws.url, b"Action=ListUsers&Version=2010-05-08")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(unsigned)
    assert refused.value.code == 403


def test_permissions_are_looked_at(aws: RunningAws) -> None:
    few = client_as(aws, "iam", aws.user("few", allow("iam:ListUsers")))
    assert few.list_users()["Users"]
    assert refusal(lambda: few.create_user(UserName="more")) == "AccessDenied"
    secrets = client_as(aws, "secretsmanager", aws.user("none", allow("s3:*")))
    assert refusal(lambda: secrets.get_secret_value(SecretId="x")) == "AccessDeniedException"


def test_what_is_called_is_written_down_without_values(aws: RunningAws) -> None:
    aws.client("secretsmanager").create_secret(Name="noted", SecretString="not-to-be-noted")
    events = client_as(aws, "cloudtrail", aws._admin).lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateSecret"}]
    )["Events"]
    noted = [e for e in events if '"noted"' in e["CloudTrailEvent"]]
    assert len(noted) == 1
    assert noted[0]["Username"] == "root"
    assert "not-to-be-noted" not in json.dumps(events, default=str)
    assert json.loads(noted[0]["CloudTrailEvent"])["sourceIPAddress"] == "127.0.0.1"


def test_two_side_by_side_are_two_accounts(aws: RunningAws) -> None:
    other = LocalAws(lag=0, throttle=False).start()
    try:
        assert other.account != aws.account
        mine, theirs = aws.plant(), other.plant()
        iam = other.client("iam")
        iam.update_access_key(
            UserName="app-deployer",
            AccessKeyId=theirs.values["id"].reveal_text(),
            Status="Inactive",
        )
        assert other.is_dead(theirs.values)
        assert not aws.is_dead(mine.values)
        secret = other.client("secretsmanager").get_secret_value(SecretId="prod/app")
        assert theirs.values["id"].reveal_text() in secret["SecretString"]
        stranger = client_as(other, "sts", mine.values)
        assert refusal(stranger.get_caller_identity) == "InvalidClientTokenId"
    finally:
        other.close()


def test_a_profile_set_on_this_machine_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "")
    running = LocalAws(lag=0, throttle=False).start()
    try:
        monkeypatch.setenv("AWS_PROFILE", "somebody-elses")
        assert not running.is_dead(running.plant().values)
    finally:
        running.close()


def test_without_moto_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name.startswith("moto"):
            raise ModuleNotFoundError("No module named 'moto'", name="moto")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(PluginError) as refused:
        LocalAws().start()
    assert "remediate[demo]" in refused.value.hint


ALLOW = '{"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}'
DENY = '{"Statement": [{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}]}'
ONE = '{"Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::b/*"]}]}'
NOT = '{"Statement": [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}]}'
OLD = (
    '{"Statement": [{"Effect": "Deny", "Action": ["*"], "Resource": ["*"], "Condition": '
    '{"DateLessThan": {"aws:TokenIssueTime": "2026-01-02T00:00:00Z"}}}]}'
)
ODD = (
    '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*", '
    '"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}]}'
)


@pytest.mark.parametrize(
    ("documents", "resource", "context", "expected"),
    [
        ([], "*", {}, "implicitDeny"),
        ([ALLOW], "*", {}, "allowed"),
        ([ALLOW, DENY], "*", {}, "explicitDeny"),
        ([DENY, ALLOW], None, {}, "explicitDeny"),
        ([ONE], "*", {}, "implicitDeny"),
        ([ONE], None, {}, "allowed"),
        ([ONE], "arn:aws:s3:::b/key", {}, "allowed"),
        ([NOT], "*", {}, "allowed"),
        ([ODD], "*", {}, "implicitDeny"),
        ([ALLOW, OLD], "*", {}, "allowed"),
        ([ALLOW, OLD], "*", {"aws:TokenIssueTime": "2026-01-01T23:59:59Z"}, "explicitDeny"),
        ([ALLOW, OLD], "*", {"aws:TokenIssueTime": "2026-01-02T00:00:00Z"}, "allowed"),
    ],
)
def test_policies_are_weighed_as_iam_weighs_them(
    documents: list[str], resource: str | None, context: dict[str, str], expected: str
) -> None:
    assert decide(documents, "s3:GetObject", resource, context) == expected
