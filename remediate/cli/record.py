"""``remediate record``: the incident record, at any moment of the incident."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from remediate.cli import options as o
from remediate.cli.console import Console
from remediate.cli.session import find, installation, repository
from remediate.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from remediate.incident.opening import Installation
    from remediate.incident.rows import Row

_FORMATS = ("md", "json", "html", "ocsf")


def record(
    incident: o.Incident = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format", metavar="json|md|html|ocsf", help="How to write it (default: md)."
        ),
    ] = "md",
    share: Annotated[
        bool,
        typer.Option("--share", help="Without old ids, fingerprints, authors, paths."),
    ] = False,
    sign: Annotated[
        bool,
        typer.Option(
            "--sign", help="Write record.json anew, and record.json.sig with your SSH key."
        ),
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your SSH key (default: git's user.signingKey, else ~/.ssh/id_ed25519).",
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Check a signed record; its .sig lies beside it."),
    ] = None,
    signers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --check: who may sign (default: the policy's)."),
    ] = None,
    repo: o.Repo = o.HERE,
    policy: o.Policy = None,
    json: o.Json = False,
) -> None:
    """Print the incident record, computed from the journal alone; sign it, or check one.

    Example: remediate record --format html --share > record.html
    """
    if check is not None:
        _check(check, signers, repo, policy, Console(as_json=json))
        return
    if format_ not in _FORMATS:
        raise UsageError(
            f"There is no format {format_!r}.", hint=f"Use --format {', '.join(_FORMATS)}."
        )
    here = installation()
    if sign:
        _sign(find(here, incident, repo).folder, here, key, Console(as_json=json))
        return
    folder = find(here, incident, repo).folder
    with here.journal(folder, reader=True) as journal:
        written = _written(journal.rows, "json" if json else format_, share)
    Console().payload(written)


def _written(rows: Sequence[Row], format_: str, share: bool) -> str:
    from remediate.record.build import build
    from remediate.record.html import to_html
    from remediate.record.json_record import to_json
    from remediate.record.markdown import to_markdown
    from remediate.record.ocsf import to_ocsf
    from remediate.record.sharing import share as shared

    made = build(rows)
    if share:
        made = shared(made)
    writers = {"json": to_json, "md": to_markdown, "html": to_html, "ocsf": to_ocsf}
    return writers[format_](made)


def _sign(folder: Path, here: Installation, key: Path | None, console: Console) -> None:
    from remediate import signing
    from remediate.incident.home import write_private
    from remediate.record.writing import write_rows

    with here.journal(folder, reader=True) as journal:
        path = write_rows(folder, journal.rows)
    signature = signing.sign(path.read_bytes(), signing.default_key(key, os.environ))
    beside = path.with_name(path.name + ".sig")
    write_private(beside, signature)
    if _said(console, {"record": str(path), "signature": str(beside)}):
        return
    console.say(f"Signed: {path}", style="bold")
    console.say(f"        {beside}")


def _check(
    path: Path, listed: Path | None, repo: Path, policy: Path | None, console: Console
) -> None:
    """Raises `InputError` where something is missing, `SignatureError` where it proves nothing."""
    from remediate import signing
    from remediate.incident import approval, trusted
    from remediate.incident.opening import load_policy
    from remediate.incident.options import Options

    if listed is not None:
        allowed = trusted.read(listed, "a list of allowed signers", follow=True)
        if allowed is None:
            raise InputError(str(listed), "a list of allowed signers", found="nothing there")
    else:
        allowed = approval.signers(
            load_policy(Options(repository=repo, policy_file=policy), repository(repo))
        )
    try:
        data = path.read_bytes()
        signature = path.with_name(path.name + ".sig").read_bytes()
    except OSError as error:
        raise InputError(
            str(error.filename), "a record and its .sig beside it", found=error.strerror or ""
        ) from None
    signer = signing.verify(data, signature, allowed)
    if _said(console, {"record": str(path), "signer": signer.principals[0], "key": signer.key}):
        return
    console.say(f"{path} is as {signer.principals[0]} signed it, with {signer.key}.")


def _said(console: Console, document: dict[str, str]) -> bool:
    """Whether *document* was all there is to say, for a script asks."""
    if console.as_json:
        console.document(document)
    return console.as_json
