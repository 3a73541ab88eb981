"""``remediate notify``: the notification, to a chat or as an e-mail."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import find, installation, repository
from remediate.errors import VendorError


def notify(
    incident: o.Incident = None,
    email: Annotated[
        bool, typer.Option("--email", help="Print it as an e-mail; nothing is sent.")
    ] = False,
    repo: o.Repo = o.HERE,
    policy: o.Policy = None,
    json: o.Json = False,
    plain: o.Plain = False,
) -> None:
    """Send the notification to a Slack-compatible webhook; its address is in REMEDIATE_NOTIFY_URL.

    What it says comes from the journal, without what leads back to the secrets.

    Example: remediate notify --email | sendmail security@example.com
    """
    from remediate.incident import notifying
    from remediate.incident.lock import hold
    from remediate.incident.refusals import noted, noted_of
    from remediate.record.build import build
    from remediate.record.sharing import share
    from remediate.record.writing import write_rows

    console = Console(as_json=json, plain=plain)
    here = installation()
    known = find(here, incident, repo)
    with here.journal(known.folder, reader=True) as journal:
        record = share(build(journal.rows))
    told: dict[str, Any] = {"incident": known.state.id, "subject": notifying.subject(record)}
    if email:
        text = notifying.email_text(record)
        if json:
            console.document({**told, "sent": False, "text": text})
        else:
            console.payload(text)
        return
    where = Path(str(known.state.opened.get("repository") or repo))
    with noted_of(here, [known], "notify"):
        url = notifying.address(os.environ, "" if _told() else _policy(where, policy))
    text = notifying.chat_text(record)
    with (
        hold(known.folder / "lock", known.folder.name, "this incident"),
        here.journal(known.folder) as journal,
        noted(journal, "notify"),
    ):
        outcome = notifying.send(journal, here.key, url, text, environment=os.environ)
        write_rows(known.folder, journal.rows)
    if not outcome.status.settled:
        raise VendorError(
            f"{outcome.summary}: {outcome.reason}.",
            hint="The incident itself is not touched by it. Again: remediate notify, or: remediate "
            "notify --email",
        )
    if json:
        console.document({**told, "sent": True, "text": text})
    else:
        console.say(f"{outcome.summary}.")


def _told() -> bool:
    """Whether the environment says where: then no policy, and no repository, is needed."""
    from remediate.incident.notifying import VARIABLE

    return bool(os.environ.get(VARIABLE, "").strip())


def _policy(where: Path, file: Path | None) -> str:
    from remediate.incident.opening import load_policy
    from remediate.incident.options import Options

    return load_policy(Options(repository=where, policy_file=file), repository(where)).notify
