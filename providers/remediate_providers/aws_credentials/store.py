"""``aws-credentials:PROFILE``: a profile of ``~/.aws/credentials``, or of ``AWS_SHARED_CREDENTIALS_FILE``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from remediate.errors import Error, UsageError
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.worktree import is_tracked
from remediate_providers.aws_credentials.profile import (
    ID,
    SECRET,
    SESSION,
    UnwritableError,
    edited,
    settings_in,
)
from remediate_providers.private_file import alone, leftover, read, replace

_FORM = "aws-credentials:PROFILE, as in aws-credentials:default"
_PROFILE = re.compile(r"[^\[\]#;\s](?:[^\[\]\r\n\t]*[^\[\]\s])?")


class AwsCredentialsStore:
    """Writes the pair of a profile, in one step."""

    scheme = "aws-credentials"

    def validate(self, target: Target) -> None:
        """See `remediate.plugins.store.Store.validate`. A file that git tracks is refused."""
        if not _PROFILE.fullmatch(target.place):
            raise UsageError(f"{target.spec} names no profile.", hint=f"Write {_FORM}.")
        if target.keys:
            raise UsageError(
                f"{target.spec}: a profile gets the id and the secret by itself.",
                hint=f"Write {_FORM}, without anything after a #.",
            )
        _located(target, os.environ)

    def put(self, target: Target, values: Mapping[str, Secret], vendor: VendorContext) -> Outcome:
        """See `remediate.plugins.store.Store.put`. A session token of the old pair is taken out."""
        try:
            pair = _pair(values)
            file = _located(target, vendor.environment)
            file.parent.mkdir(mode=0o700, exist_ok=True)
            with alone(file):
                return _put(target, file, pair, vendor)
        except UnwritableError as error:
            reason = f"{error}. Mend the file, then: remediate resume"
        except Error as error:
            reason = f"{error.message} {error.hint}".strip()
        except OSError as error:
            reason = f"the credentials file: {error.strerror or type(error).__name__}"
        return Outcome(Status.REFUSED, f"{target.spec} was not written", reason=reason)

    def holds(
        self, target: Target, values: Mapping[str, Secret], vendor: VendorContext
    ) -> bool | None:
        """See `remediate.plugins.store.Store.holds`."""
        try:
            found = settings_in(read(_located(target, vendor.environment)))
            return _holds(found.get(target.place, {}), _pair(values))
        except (UnwritableError, Error, OSError):
            return None


def _put(target: Target, file: Path, pair: Mapping[str, str], vendor: VendorContext) -> Outcome:
    leftover(file).unlink(missing_ok=True)  # what a crash left, whatever becomes of this call
    before = read(file)
    known = settings_in(before)
    data: dict[str, Json] = {"file": str(file), "profile": target.place}
    if _holds(known.get(target.place, {}), pair):
        seen = Evidence(f"read {file}", "holds the new pair", vendor.now())
        text = f"{target.spec} already holds the new pair"
        return Outcome(Status.UNCHANGED, text, evidence=(seen,), data=data)
    after = edited(before, target.place, pair)
    kept = {n: v for n, v in known.get(target.place, {}).items() if n not in SESSION}
    if settings_in(after) != {**known, target.place: {**kept, **pair}}:
        raise UnwritableError(
            "the profile stands in the file in a way that can't be changed safely"
        )
    warnings = replace(file, after)
    if settings_in(read(file)) != settings_in(after):
        return Outcome(
            Status.UNKNOWN,
            f"{target.spec} was written, and read back as something else",
            reason="another program changed the file at the same time",
            data=data,
        )
    seen = Evidence(f"read {file}", "read back, equal", vendor.now())
    text = f"Wrote {target.spec} and read it back"
    return Outcome(Status.DONE, text, evidence=(seen,), data=data | {"warnings": [*warnings]})


def _holds(found: Mapping[str, str], pair: Mapping[str, str]) -> bool:
    return pair.items() <= found.items() and not any(name in found for name in SESSION)


def _pair(values: Mapping[str, Secret]) -> dict[str, str]:
    """Raises `UsageError` for a credential that is no pair of AWS keys."""
    try:
        return {
            ID: values["id"].reveal_text(),
            SECRET: values["secret"].reveal_text(),
        }
    except KeyError:
        raise UsageError(
            "A profile holds an AWS key's id and secret; this credential has the parts: "
            f"{', '.join(sorted(values))}."
        ) from None


def _located(target: Target, environment: Mapping[str, str]) -> Path:
    """The file, where a link to it leads. Raises `UsageError`."""
    named, home = environment.get("AWS_SHARED_CREDENTIALS_FILE", ""), environment.get("HOME", "")
    if not named and not home:
        raise UsageError(
            f"{target.spec}: there is no home folder in the environment.",
            hint="Set AWS_SHARED_CREDENTIALS_FILE to the file.",
        )
    path = Path(named).expanduser() if named else Path(home) / ".aws" / "credentials"
    # Kept among other dot files it is a link: what git would commit is where that leads.
    file = Path(os.path.realpath(path))
    if file.exists() and not file.is_file():
        raise UsageError(f"{target.spec}: {path} is no plain file.", hint="Name another file.")
    if file.parent.is_dir() and is_tracked(file):
        raise UsageError(
            f"{target.spec}: git tracks {file}; the new credential would be committed next.",
            hint=f"Take it out of git first: git rm --cached {file.name}",
        )
    return file
