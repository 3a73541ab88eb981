"""``remediate approve``: a second person's signature on a waiting stage, on any machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.errors import DeclinedError, UsageError
from remediate.wording import count

if TYPE_CHECKING:
    from remediate.incident.request import Request

_MOST_LINES = 60


def approve(
    request: Annotated[
        Path, typer.Argument(metavar="REQUEST", help="The request file that you were given.")
    ],
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your SSH key (default: git's user.signingKey, else ~/.ssh/id_ed25519).",
        ),
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Show every line of a long plan.")] = False,
    yes: o.Yes = False,
    json: o.Json = False,
    plain: o.Plain = False,
) -> None:
    """Look at what somebody else's run waits to do, and sign it with your SSH key.

    Works on any machine, without the repository. The signature is written beside the request, as
    REQUEST.sig; whoever asked goes on with: remediate resume --approval REQUEST.sig

    Example: remediate approve approve-publish-1a2b3c4d.json
    """
    from remediate import signing
    from remediate.cli.prompts import asks
    from remediate.incident.request import read_request, signature_path

    console = Console(as_json=json, plain=plain)
    read, data = read_request(request)
    _show(console, read, whole)
    signer = signing.default_key(key, os.environ)
    if not asks(console, yes=yes).confirm(
        f"Sign that this may be done (with {signer.file or 'the key in your agent'})?",
        option="--yes",
        default=True,
    ):
        raise DeclinedError(
            "Nothing was signed: you said no. The stage goes on waiting.",
            hint="Tell whoever sent you the request.",
        )
    target = signature_path(request)
    signature = signing.sign(data, signer)
    try:
        target.unlink(missing_ok=True)
        with target.open("xb") as stream:
            stream.write(signature)
    except OSError as error:
        raise UsageError(
            f"{target} can't be written: {error.strerror}.", hint="Copy the request elsewhere."
        ) from None
    if json:
        console.document(
            {
                "incident": read.incident,
                "stage": read.stage,
                "plan_hash": read.plan_hash,
                "request": str(request),
                "signature": str(target),
            }
        )
    else:
        console.say(f"Signed: {target}", style="bold")
        console.say(
            f"Give it back. They go on: remediate resume {read.incident} --approval {target.name}"
        )


def _show(console: Console, request: Request, whole: bool) -> None:
    by = request.asked_by
    console.say(f"{request.incident}: {request.title}", style="bold")
    console.say(f"  Stage: {request.stage}")
    console.say(f"  Repository: {request.repository}")
    if request.remote:
        console.say(f"  Remote: {request.remote}")
    console.say(f"  Asked for by: {by.get('user')} <{by.get('email') or 'no address known'}>")
    console.say(f"  Asked for at: {request.asked_at}")
    console.say(f"  Plan: {request.plan_hash}")
    shown = request.plan if whole else request.plan[:_MOST_LINES]
    for line in shown:
        console.say(f"    {line}")
    if len(shown) < len(request.plan):
        console.say(
            f"    and {count(len(request.plan) - len(shown), 'line')} more: --whole shows them"
        )
