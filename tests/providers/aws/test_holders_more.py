"""Who uses a leaked value at AWS, where it takes more to see it: instances, templates, jobs, builds; and what goes wrong."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts
from remediate.plugins.provider import Held
from remediate.testing.proxy import FaultyLine, Trouble
from remediate_providers.aws import holders, holders_looking, holders_machines, standing
from remediate_providers.aws.local import LocalAws, RunningAws
from remediate_providers.aws.provider import AwsProvider

from .conftest import allow, hold, operation
from .test_holders import client, function, service, texts

Context = Callable[..., VendorContext]
PROVIDER = AwsProvider()
COPIES = "other secrets and parameters"
STORES = [
    "aws-secrets-manager:prod/reads#AWS_ACCESS_KEY_ID=id,AWS_SECRET_ACCESS_KEY=secret",
    "aws-ssm:/prod/reads",
]
_count = itertools.count(1)


@pytest.fixture
def aws() -> Iterator[RunningAws]:
    """An account of its own for each: instances of another test would be counted."""
    running = LocalAws(lag=0.0, throttle=False).start()
    yield running
    running.close()


@pytest.fixture
def leaked(aws: RunningAws) -> Held:
    return hold(aws.plant().values)


@pytest.fixture
def old(leaked: Held) -> Mapping[str, str]:
    return texts(leaked.values)


def machine(aws: RunningAws, data: bytes | str, region: str = "us-east-1", **more: Any) -> str:
    made = client(aws, "ec2", region).run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, UserData=data, **more
    )
    return str(made["Instances"][0]["InstanceId"])


def job(aws: RunningAws, **container: Any) -> str:
    made = client(aws, "batch").register_job_definition(
        jobDefinitionName=f"job-{next(_count)}",
        type="container",
        containerProperties={"image": "app:1", "vcpus": 1, "memory": 128, **container},
    )
    return f"{made['jobDefinitionName']}:{made['revision']}"


def project(aws: RunningAws, *variables: tuple[str, str, str], buildspec: str = "") -> str:
    name = f"project-{next(_count)}"
    rows = [{"name": name, "value": value, "type": kind} for name, value, kind in variables]
    client(aws, "codebuild").create_project(
        name=name,
        source={"type": "S3", "location": "b/p", "buildspec": buildspec or "version: 0.2"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "app:1",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": rows,
        },
        serviceRole=f"arn:aws:iam::{aws.account}:role/service-role/builds",
    )
    return name


def template(aws: RunningAws, *versions: str) -> str:
    """A launch template with these versions' user data; the first is the default, the last the latest."""
    ec2, name = client(aws, "ec2"), f"template-{next(_count)}"
    data = [{"UserData": base64.b64encode(text.encode()).decode()} for text in versions]
    ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data[0])
    for one in data[1:]:
        ec2.create_launch_template_version(LaunchTemplateName=name, LaunchTemplateData=one)
    return name


def uses(facts: Facts) -> set[tuple[Any, Any, Any]]:
    return {(use["what"], use["id"], use["how"]) for use in facts.known["holders"]}


def test_user_data_is_read_plain_packed_and_in_base64(
    aws: RunningAws, leaked: Held, old: Mapping[str, str], context: Context
) -> None:
    script = f"#!/bin/sh\nexport AWS_SECRET_ACCESS_KEY={old['secret']}\n"
    part = base64.encodebytes(b"#cloud-config\n" + script.encode()).decode()
    wanted = {
        machine(aws, script),
        machine(aws, gzip.compress(script.encode()), "eu-west-1"),
        machine(aws, f"MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n{part}"),
    }
    machine(aws, "#!/bin/sh\necho nothing")
    gone = machine(aws, script)
    client(aws, "ec2").terminate_instances(InstanceIds=[gone])
    facts = PROVIDER.holders([leaked], context())[leaked.id]
    assert uses(facts) == {("EC2 instance", one, "its user data") for one in wanted}
    assert set(facts.unknown) == {COPIES}
    assert old["secret"] not in repr(facts)


def test_user_data_that_can_not_be_unpacked_is_not_called_clean(
    aws: RunningAws, leaked: Held, old: Mapping[str, str], context: Context
) -> None:
    broken = machine(aws, gzip.compress(old["secret"].encode() * 9)[:-12])
    found = machine(aws, old["secret"])
    facts = PROVIDER.holders([leaked], context())[leaked.id]
    assert uses(facts) == {("EC2 instance", found, "its user data")}
    assert broken in facts.unknown["instances"]


def test_a_templates_default_and_its_latest_version_count(
    aws: RunningAws, leaked: Held, old: Mapping[str, str], context: Context
) -> None:
    first = template(aws, f"KEY={old['secret']}", "KEY=new")
    latest = template(aws, "KEY=new", f"KEY={old['id']}")
    template(aws, "KEY=new")
    both = template(aws, f"KEY={old['id']}")
    facts = PROVIDER.holders([leaked], context())[leaked.id]
    assert [use["id"] for use in facts.known["holders"] if use["id"] == f"{both}:1"], "once"
    wanted = {f"{first}:1", f"{latest}:2", f"{both}:1"}
    assert uses(facts) == {("EC2 launch template", one, "its user data") for one in wanted}
    assert len(facts.known["holders"]) == 3


def test_more_instances_than_are_read_are_said(
    aws: RunningAws,
    leaked: Held,
    old: Mapping[str, str],
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(holders_machines, "MOST_INSTANCES", 6)
    monkeypatch.setattr(holders_machines, "PAGE", 5)
    group = [
        {"ResourceType": "instance", "Tags": [{"Key": "aws:autoscaling:groupName", "Value": "web"}]}
    ]
    for _ in range(7):
        machine(aws, "KEY=new", TagSpecifications=group)
    alone = machine(aws, old["secret"])
    aws.gate.calls.clear()
    facts = PROVIDER.holders([leaked], context())[leaked.id]
    assert uses(facts) == {("EC2 instance", alone, "its user data")}, "one of each kind comes first"
    assert "6 of 8 instances" in facts.unknown["instances"]
    assert aws.gate.calls.count("ec2:DescribeInstanceAttribute") == 6
    assert aws.gate.calls.count("ec2:DescribeInstances") == 3, "two pages here, one there"


def test_what_was_read_before_a_failure_is_told(
    aws: RunningAws,
    leaked: Held,
    old: Mapping[str, str],
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(holders_machines, "AT_A_TIME", 1)
    first = machine(aws, old["secret"])
    machine(aws, old["secret"])
    aws.gate.faults["ec2:DescribeInstanceAttribute"] = ["", "denied"]
    facts = PROVIDER.holders([leaked], context())[leaked.id]
    assert [use["id"] for use in facts.known["holders"]] == [first]
    assert "ec2:DescribeInstanceAttribute" in facts.unknown["instances"]


def test_jobs_that_hold_it_or_read_its_store_are_named(
    aws: RunningAws, leaked: Held, old: Mapping[str, str], context: Context
) -> None:
    arn = aws.client("secretsmanager").create_secret(Name="prod/reads", SecretString="{}")["ARN"]
    holding = job(aws, environment=[{"name": "KEY", "value": old["secret"]}])
    saying = job(aws, command=["sync", "--key", old["id"]])
    reading = job(aws, secrets=[{"name": "KEY", "valueFrom": f"{arn}:AWS_SECRET_ACCESS_KEY::"}])
    job(aws, environment=[{"name": "KEY", "value": "new"}])
    facts = PROVIDER.holders([leaked], context(settings={"stores": STORES}))[leaked.id]
    assert uses(facts) == {
        ("Batch job definition", holding, "its variable KEY"),
        ("Batch job definition", saying, "its command"),
        ("Batch job definition", reading, "KEY, read from its store"),
    }


def test_a_definition_is_read_to_its_last_container(
    leaked: Held, old: Mapping[str, str], context: Context
) -> None:
    """moto keeps nothing of jobs of several nodes; what Batch answers is made here."""
    pair = {"name": "KEY", "value": f"https://{old['id']}:{old['secret']}@host"}
    looking = holders_looking.Looking(None, "eu-west-1", [leaked], context())  # type: ignore[arg-type]
    pod = {"containers": [{"image": "i", "env": [pair]}]}
    task = {"containers": [{"image": "i"}, {"image": "i", "environment": [pair]}]}
    for definition in (
        {"nodeProperties": {"nodeRangeProperties": [{"container": {"environment": [pair]}}]}},
        {"ecsProperties": {"taskProperties": [task]}},
        {"eksProperties": {"podProperties": pod}},
    ):
        assert list(looking.ways(definition)) == [(leaked.id, "its variable KEY", False)]
    logged = {"logConfiguration": {"options": {"splunk-token": old["secret"]}}}
    assert list(looking.ways(logged)) == [(leaked.id, "its splunk-token", False)]
    assert list(looking.ways({"name": "app", "image": "app:1", "memory": 64, "links": None})) == []


def test_builds_that_hold_it_or_read_its_store_are_named(
    aws: RunningAws, leaked: Held, old: Mapping[str, str], context: Context
) -> None:
    plain = project(aws, ("KEY", old["secret"], "PLAINTEXT"))
    secret = project(aws, ("KEY", "prod/reads:AWS_SECRET_ACCESS_KEY", "SECRETS_MANAGER"))
    parameter = project(aws, ("KEY", "/prod/reads", "PARAMETER_STORE"))
    inline = project(aws, buildspec=f"version: 0.2\nenv:\n  variables:\n    K: '{old['id']}'\n")
    named = 'env:\n  secrets-manager:\n    K: "prod/reads:AWS_ACCESS_KEY_ID"\n'
    naming = project(aws, buildspec=f"version: 0.2\n{named}")
    project(
        aws, ("KEY", "prod/other:KEY", "SECRETS_MANAGER"), ("A", "/prod/read", "PARAMETER_STORE")
    )
    # The name of a store, as a value of its own, reads nothing.
    project(aws, ("KEY", "/prod/reads", "PLAINTEXT"))
    facts = PROVIDER.holders([leaked], context(settings={"stores": STORES}))[leaked.id]
    assert uses(facts) == {
        ("CodeBuild project", plain, "its variable KEY"),
        ("CodeBuild project", secret, "KEY, read from its store"),
        ("CodeBuild project", parameter, "KEY, read from its store"),
        ("CodeBuild project", inline, "its buildspec"),
        ("CodeBuild project", naming, "its buildspec, read from its store"),
    }
    then = {use["id"]: use["then"] for use in facts.known["holders"]}
    assert "change the project" in then[plain]
    assert "start again what runs" in then[secret]


@pytest.mark.parametrize(
    ("store", "place", "same"),
    [
        ("prod/app", "prod/app", True),
        ("prod/app", "prod/app:KEY:AWSCURRENT", True),
        ("prod/app", "prod/application", False),
        ("prod/app", "arn:aws:secretsmanager:eu-west-1:1:secret:prod/app-AbCd12", True),
        ("prod/app", "arn:aws:secretsmanager:eu-west-1:1:secret:prod/app-AbCd12:KEY::", True),
        ("prod/app", "arn:aws:secretsmanager:eu-west-1:1:secret:prod/app-two-AbCd12", False),
        ("arn:aws:secretsmanager:eu-west-1:1:secret:prod/app-AbCd12", "prod/app:KEY", True),
        ("/prod/app", "arn:aws:ssm:eu-west-1:1:parameter/prod/app", True),
        ("app", "arn:aws:ssm:eu-west-1:1:parameter/app", True),
        ("app", "/other/app", False),
    ],
)
def test_a_place_is_the_same_by_whichever_of_its_names(
    aws: RunningAws, leaked: Held, context: Context, store: str, place: str, same: bool
) -> None:
    del aws
    vendor = context(settings={"stores": [f"aws-ssm:{store}#K", "dotenv:.env#K"]})
    looking = holders_looking.Looking(None, "eu-west-1", [leaked], vendor)  # type: ignore[arg-type]
    assert looking.reads(place) is same
    registry = {"registryCredential": {"credential": place}}
    assert bool(list(looking.ways(registry))) is same


def planted(aws: RunningAws, old: Mapping[str, str]) -> dict[str, str]:
    """One user in each service, by topic."""
    return {
        "instances": machine(aws, old["secret"]),
        "launch templates": f"{template(aws, old['secret'])}:1",
        "functions": function(aws, {"K": old["secret"]}),
        "containers": service(aws, environment=[{"name": "K", "value": old["secret"]}]),
        "jobs": job(aws, environment=[{"name": "K", "value": old["secret"]}]),
        "builds": project(aws, ("K", old["secret"], "PLAINTEXT")),
    }


PAGE = Path(__file__).resolve().parents[3] / "docs" / "providers" / "aws.md"
RIGHTS = {
    "ec2:DescribeInstances": "instances",
    "ec2:DescribeInstanceAttribute": "instances",
    "ec2:DescribeLaunchTemplateVersions": "launch templates",
    "lambda:ListFunctions": "functions",
    "ecs:ListClusters": "containers",
    "ecs:ListServices": "containers",
    "ecs:DescribeServices": "containers",
    "ecs:ListTasks": "containers",
    "ecs:DescribeTaskDefinition": "containers",
    "batch:DescribeJobDefinitions": "jobs",
    "codebuild:ListProjects": "builds",
    "codebuild:BatchGetProjects": "builds",
}


@pytest.mark.skipif(not PAGE.exists(), reason="needs the source tree, not the wheel")
def test_the_page_and_the_doctor_name_every_right_that_it_takes() -> None:
    block = PAGE.read_text("utf-8").split("## Who uses it")[1].split("```json\n")[1].split("```")[0]
    told = json.loads(block)["Action"]
    # Of tasks that no service runs, which moto starts on machines of its own alone.
    assert set(told) == {*RIGHTS, "ecs:DescribeTasks"}
    assert tuple(told) == standing.RIGHTS["see who uses it"]


def test_each_missing_right_is_named_and_hides_no_other_topic(
    aws: RunningAws, leaked: Held, old: Mapping[str, str], context: Context
) -> None:
    there = planted(aws, old)
    for missing, topic in RIGHTS.items():
        may = [right for right in RIGHTS if right != missing]
        name = missing.replace(":", "-")
        mine = aws.environment_of(aws.user(name, allow("account:ListRegions", *may)))
        facts = PROVIDER.holders([leaked], context(mine))[leaked.id]
        assert missing in facts.unknown[topic], f"{missing} is missing, and said"
        assert set(facts.unknown) == {topic, COPIES}
        found = {use["id"] for use in facts.known["holders"]}
        assert found == {one for other, one in there.items() if other != topic}


@pytest.mark.parametrize("trouble", list(Trouble), ids=lambda t: t.name.lower())
def test_a_call_gone_wrong_is_never_nobody_uses_it(
    aws: RunningAws,
    leaked: Held,
    old: Mapping[str, str],
    context: Context,
    trouble: Trouble,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each call of it in each way: what was read is told, and what was not has its reason."""
    monkeypatch.setattr(holders, "AT_A_TIME", 1)  # so that they come in the same order each time
    parameter = "/old/copy"
    aws.client("ssm").put_parameter(Name=parameter, Value=old["secret"], Type="SecureString")
    there = [
        ("functions", function(aws, {"K": old["secret"]}, "eu-west-1")),
        *planted(aws, old).items(),
        *(("secrets and parameters", n) for n in (parameter, "prod/app")),
    ]
    settings = {"copies": True}
    with FaultyLine(aws.url, operation) as line:
        around = line.through(aws.environment())
        line.arm(None)
        facts = PROVIDER.holders([leaked], context(around, settings=settings))[leaked.id]
        assert {use["id"] for use in facts.known["holders"]} >= {one for _, one in there}
        assert not facts.unknown
        calls = list(line.calls)
        assert {right.partition(":")[2] for right in RIGHTS} <= {_named(call) for call in calls}
        for at in [n for n, call in enumerate(calls) if call not in calls[:n]]:
            line.arm(trouble, at)
            facts = PROVIDER.holders([leaked], context(around, settings=settings))[leaked.id]
            line.heal()
            found = {use["id"] for use in facts.known["holders"]}
            for topic, one in there:
                known = one in found or topic in facts.unknown or "regions" in facts.unknown
                assert known, f"{calls[at]}: whether {topic} hold it is not known, and said"
            assert all(facts.unknown.values())
            assert old["secret"] not in repr(facts)


def _named(call: object) -> str:
    """The operation, of those that a path tells too."""
    text = str(call)
    by_path = {"/functions": "ListFunctions", "describejobdefinitions": "DescribeJobDefinitions"}
    return next((name for path, name in by_path.items() if path in text), text.split()[-1])
