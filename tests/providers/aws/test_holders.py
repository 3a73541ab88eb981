"""Who uses a leaked value at AWS: found in every Region, by name alone, and never 'nobody' where it was not read."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import botocore.session
import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Held
from remediate.secret import Secret
from remediate.testing.surroundings import found
from remediate_providers.aws.bedrock import BedrockProvider
from remediate_providers.aws.local import LocalAws, RunningAws
from remediate_providers.aws.local_keys import key_id
from remediate_providers.aws.provider import AwsProvider

from .conftest import allow, hold

Context = Callable[..., VendorContext]
PROVIDER = AwsProvider()
_count = itertools.count(1)


@pytest.fixture(scope="module")
def aws() -> Iterator[RunningAws]:
    """An account of their own: other tests would be found in it, too."""
    running = LocalAws(lag=0.0, throttle=False).start()
    yield running
    running.close()


def client(aws: RunningAws, service: str, region: str = "us-east-1") -> Any:
    root = aws.gate.keys.root
    return botocore.session.get_session().create_client(
        service,
        region_name=region,
        endpoint_url=aws.url,
        aws_access_key_id=root.key_id,
        aws_secret_access_key=root.secret,
    )


def function(aws: RunningAws, variables: Mapping[str, str], region: str = "us-east-1") -> str:
    name = f"function-{next(_count)}"
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = aws.client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
        ),
    )["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", "def handler(event, context): pass")
    client(aws, "lambda", region).create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="f.handler",
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": dict(variables)},
    )
    return name


def service(aws: RunningAws, **container: Any) -> str:
    ecs, name = client(aws, "ecs"), f"service-{next(_count)}"
    ecs.create_cluster(clusterName=name)
    definition = {"name": "app", "image": "app:1", "memory": 64, **container}
    ecs.register_task_definition(family=name, containerDefinitions=[definition])
    ecs.create_service(cluster=name, serviceName="web", taskDefinition=name, desiredCount=1)
    return f"{name}/web"


def test_a_published_version_keeps_what_it_was_published_with(
    aws: RunningAws, context: Context
) -> None:
    """An alias may lead to it; that the function itself was mended tells nothing of it."""
    values = aws.plant().values
    held, old = hold(values), texts(values)
    name = function(aws, {"AWS_SECRET": old["secret"]})
    mine = client(aws, "lambda")
    mine.publish_version(FunctionName=name)
    mine.update_function_configuration(FunctionName=name, Environment={"Variables": {}})
    (use,) = PROVIDER.holders([held], context())[held.id].known["holders"]
    assert use["id"] == f"{name}:1"
    assert "alias" in use["then"]


def texts(values: Mapping[str, Secret]) -> dict[str, str]:
    return {part: value.reveal_text() for part, value in values.items()}


def test_functions_and_containers_that_hold_it_are_named(aws: RunningAws, context: Context) -> None:
    values = aws.plant().values
    held, old = hold(values), texts(values)
    here = function(aws, {"AWS_SECRET": old["secret"], "OTHER": "x"})
    there = function(aws, {"CONFIG": json.dumps({"k": old["id"]})}, "eu-west-1")
    function(aws, {"AWS_SECRET": "another"})
    web = service(aws, environment=[{"name": "KEY", "value": old["secret"]}])
    service(aws, environment=[{"name": "KEY", "value": "another"}])
    facts = PROVIDER.holders([held], context())[held.id]
    found = [(u["what"], u["id"], u["region"]) for u in facts.known["holders"]]
    assert sorted(found) == [
        ("ECS service", web, "us-east-1"),
        ("Lambda function", here, "us-east-1"),
        ("Lambda function", there, "eu-west-1"),
    ]
    assert {u["how"] for u in facts.known["holders"]} >= {"its variable AWS_SECRET"}
    assert all(u["then"] for u in facts.known["holders"])
    assert old["secret"] not in repr(facts)
    assert set(facts.unknown) == {"other secrets and parameters"}


def test_a_bedrock_key_is_looked_for_too(aws: RunningAws, context: Context) -> None:
    user = f"BedrockAPIKey-{next(_count)}"
    aws.user(user, allow("bedrock:*"))
    value = aws.gate.services.make(user)
    (one,) = BedrockProvider().identify([found(value)])
    held = Held(one.credential, {"key": value})
    name = function(aws, {"AWS_BEARER_TOKEN_BEDROCK": value.reveal_text()})
    facts = BedrockProvider().holders([held], context())[held.id]
    assert [use["id"] for use in facts.known["holders"]] == [name]


def test_one_reading_serves_many(aws: RunningAws, context: Context) -> None:
    held = [hold(aws.plant().values) for _ in range(5)]
    aws.gate.calls.clear()
    answers = PROVIDER.holders(held, context())
    assert set(answers) == {one.id for one in held}
    assert aws.gate.calls.count("lambda:ListFunctions") == 2, "once in each Region"


def test_what_reads_the_store_when_it_starts_has_to_start_again(
    aws: RunningAws, context: Context
) -> None:
    held = hold(aws.plant().values)
    arn = aws.client("secretsmanager").create_secret(Name="prod/reads", SecretString="{}")["ARN"]
    web = service(aws, secrets=[{"name": "KEY", "valueFrom": f"{arn}:AWS_SECRET::"}])
    settings = {"stores": ["aws-secrets-manager:prod/reads#AWS_SECRET=secret", "dotenv:.env#K"]}
    facts = PROVIDER.holders([held], context(settings=settings))[held.id]
    (use,) = facts.known["holders"]
    assert use["id"] == web
    assert "--force-new-deployment" in use["then"]


def test_copies_are_read_only_where_policy_says_so(aws: RunningAws, context: Context) -> None:
    planted = aws.plant()
    held, old = hold(planted.values), texts(planted.values)
    store = planted.policy.split('"')[3]
    aws.client("secretsmanager").create_secret(
        Name=f"old/copy-{next(_count)}", SecretString=f"KEY={old['secret']}"
    )
    name = f"/old/copy-{next(_count)}"
    aws.client("ssm").put_parameter(Name=name, Value=old["secret"], Type="SecureString")
    aws.gate.calls.clear()
    facts = PROVIDER.holders([held], context(settings={"stores": [store]}))[held.id]
    assert facts.known["holders"] == []
    assert "copies = true" in facts.unknown["other secrets and parameters"]
    assert "secretsmanager:GetSecretValue" not in aws.gate.calls
    asked = {"stores": [store], "copies": True}
    facts = PROVIDER.holders([held], context(settings=asked))[held.id]
    found = sorted((u["what"], u["id"]) for u in facts.known["holders"])
    assert [what for what, _ in found] == ["parameter of SSM", "secret of Secrets Manager"]
    assert found[0][1] == name, "and not the store of policy itself"


def test_a_secret_that_is_closed_to_us_hides_no_other(aws: RunningAws, context: Context) -> None:
    values = aws.plant().values
    held, old = hold(values), texts(values)
    secrets = aws.client("secretsmanager")
    closed = f"closed/{next(_count)}"
    secrets.create_secret(Name=closed, SecretString=old["secret"])
    name = f"zz/binary-{next(_count)}"
    secrets.create_secret(Name=name, SecretBinary=b"\xff\x00" + old["secret"].encode())
    aws.gate.faults["secretsmanager:GetSecretValue"] = ["denied"]
    facts = PROVIDER.holders([held], context(settings={"copies": True}))[held.id]
    assert name in [use["id"] for use in facts.known["holders"]]
    reason = facts.unknown["secrets and parameters"]
    assert "1 secret not read" in reason
    assert "secretsmanager:GetSecretValue" in reason


def test_without_the_right_to_look_nobody_is_said_to_use_it(
    aws: RunningAws, context: Context
) -> None:
    values = aws.plant().values
    held = hold(values)
    function(aws, {"AWS_SECRET": texts(values)["secret"]})
    mine = aws.user(f"blind-{next(_count)}", allow("account:ListRegions", "ecs:ListClusters",
        "ecs:ListServices", "ecs:DescribeServices", "ecs:ListTasks", "ecs:DescribeTaskDefinition"))  # fmt: skip
    facts = PROVIDER.holders([held], context(aws.environment_of(mine)))[held.id]
    assert facts.known["holders"] == []
    assert "lambda:ListFunctions" in facts.unknown["functions"]
    assert "eu-west-1, us-east-1" in facts.unknown["functions"]
    assert "containers" not in facts.unknown


def test_a_canary_is_not_looked_for(aws: RunningAws, context: Context) -> None:
    held = hold({"id": Secret(key_id("AKIA", "052310077262"))})
    aws.gate.calls.clear()
    assert PROVIDER.holders([held], context())[held.id].unknown
    assert not aws.gate.calls
