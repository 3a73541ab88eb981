"""Who uses a value: all that an account's APIs show of it and, where policy asks for it, secrets and parameters.

Read-only, over all enabled Regions, compared here; what is told is names. Each thing to look at is a topic of its
own: what could not be read of it is said, and hides nothing of the others.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Facts, Status
from remediate.plugins.provider import Held
from remediate.wording import count
from remediate_providers.aws import holders_containers, holders_machines
from remediate_providers.aws.check import CANARY
from remediate_providers.aws.facts import Notes
from remediate_providers.aws.failures import AwsError, malformed
from remediate_providers.aws.holders_looking import Looking, Use, chunks
from remediate_providers.aws.session import Aws
from remediate_providers.aws.trail import enabled

AT_A_TIME = 16
"""Topics of Regions that are read side by side: AWS counts calls for each service in each Region."""

Look = tuple[str, Callable[[Looking], Iterable[Use]]]
LOOKS: tuple[Look, ...] = (
    # What takes longest begins first.
    ("instances", holders_machines.instances),
    ("launch templates", holders_machines.templates),
    ("functions", holders_containers.functions),
    ("containers", holders_containers.services),
    ("jobs", holders_containers.jobs),
    ("builds", holders_containers.builds),
)


def holders(batch: Sequence[Held], vendor: VendorContext) -> dict[str, Facts]:
    """What at AWS holds a value of each in *batch*, or reads a store of it when it starts: read once."""
    asked = [held for held in batch if not held.credential.labels.get("canary")]
    answers = {held.id: Facts(unknown={"holders": CANARY}) for held in batch}
    if not asked:
        return answers
    notes = Notes(vendor)
    aws = Aws.responder(vendor)
    regions = enabled(aws, notes.unknown)
    looks = LOOKS
    if vendor.settings.get("copies") is True:
        looks = (*LOOKS, ("secrets and parameters", copies))
    else:
        notes.unknown["other secrets and parameters"] = (
            "not read: copies = true in its [[credential]] table has every one read and compared here"
        )
    vendor.progress("looking who uses what leaked")
    found: list[Use] = []
    unread: dict[str, dict[str, list[str]]] = {}
    work = list(itertools.product(looks, regions))
    with ThreadPoolExecutor(min(AT_A_TIME, len(work))) as pool:
        told = pool.map(lambda at: _look(at[0], Looking(aws, at[1], asked, vendor)), work)
        for ((topic, _), region), (rows, problem) in zip(work, told, strict=True):
            found += rows
            if problem:
                unread.setdefault(topic, {}).setdefault(problem, []).append(region)
    for topic, reasons in unread.items():
        said = (f"{problem} ({', '.join(where)})" for problem, where in reasons.items())
        notes.unknown[topic] = "; ".join(said)
    for held in asked:
        mine: list[Json] = [use for whose, use in found if whose == held.id]
        answers[held.id] = Facts({"holders": mine}, notes.unknown)
    return answers


def _look(look: Look, looking: Looking) -> tuple[list[Use], str]:
    """What was found, and why that is not all: what was read before a failure counts."""
    found: list[Use] = []
    try:
        for use in look[1](looking):
            found += [use]  # one at a time: what came before a failure is kept
    except AwsError as error:
        return found, error.reason
    return found, ""


def copies(looking: Looking) -> Iterator[Use]:
    """Secrets and parameters beside the stores of policy that hold one. Raises `AwsError`."""
    then = "put the new value in, or delete it"
    unread: list[AwsError] = []
    for row in looking.pages("secretsmanager", "ListSecrets", "SecretList", MaxResults=100):
        name = str(row.get("Name"))
        if name in looking.stores or row.get("ARN") in looking.stores:
            continue
        try:
            answer = looking.call("secretsmanager", "GetSecretValue", SecretId=row.get("ARN"))
        except AwsError as error:
            if error.status is not Status.REFUSED:
                raise
            # One may have a key or a policy of its own; the others are read all the same.
            unread += [] if error.gone else [error]
            continue
        held = answer.get("SecretString", answer.get("SecretBinary"))
        if not isinstance(held, str | bytes):
            raise malformed("secretsmanager:GetSecretValue")
        for whose in looking.held_in(held if isinstance(held, str) else held.decode("latin-1")):
            what = "secret of Secrets Manager"
            yield looking.use(whose, what, name, "its current value", then)
    rows = looking.pages("ssm", "DescribeParameters", "Parameters", MaxResults=50)
    names = (str(row.get("Name")) for row in rows)
    for ten in chunks((name for name in names if name not in looking.stores), 10):
        answer = looking.call("ssm", "GetParameters", Names=ten, WithDecryption=True)
        read = answer.get("Parameters")
        if not isinstance(read, list):
            raise malformed("ssm:GetParameters")
        for row in read:
            for whose in looking.held_in(row.get("Value")):
                yield looking.use(whose, "parameter of SSM", row.get("Name"), "its value", then)
    if unread:
        first = unread[0]
        why = f"{count(len(unread), 'secret')} not read: {first.reason}"
        raise AwsError(first.action, why, status=first.status, code=first.code)
