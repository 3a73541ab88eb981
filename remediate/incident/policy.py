"""The policy file, ``remediate.toml``: what a script decides beforehand and a person would be asked.

Read strictly: a key that is not known is an error with its line, for a mistyped ``stores`` would
otherwise leave an application without its new key.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

from remediate.errors import PolicyError
from remediate.incident import trusted
from remediate.model import Credential, Json

FILE_NAME = "remediate.toml"
Severity = Literal["low", "medium", "high", "critical"]
_DURATION = re.compile(r"(\d{1,4})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}


@dataclass(frozen=True)
class CredentialPolicy:
    """One ``[[credential]]`` table: what is done for the credentials that it matches."""

    match: str = ""
    """A provider, a kind, or a fingerprint (12 digits of it or more)."""
    strategy: Literal["revoke-first", "replace-first"] = "revoke-first"
    """Which comes first. With `replace-first` the old one dies when the new one works."""
    stores: tuple[str, ...] = ()
    """Where the new value goes."""
    deploy: tuple[str, ...] = ()
    """A command and its arguments, run in the repository's root after the stores."""
    check: tuple[str, ...] = ()
    """A command that exits 0 where the new value works. Without it: our own check."""
    delete: Literal["after-investigate", "never"] = "after-investigate"
    """When what was only disabled is deleted for good."""
    insist: bool = False
    """Act although the owner is not known to be ours, or the value is not in this repository; and replace
    it though it is short, a word, or in very many places."""
    copies: bool = False
    """Whether every secret that the responder may read at the stores' vendor is read, to find copies."""
    use_leaked: bool = True
    """Whether the leaked credential may be used on itself: read-only, or to revoke itself."""
    provider: str = ""
    """Who acts for it, where that is another than the one that knows its kind."""
    options: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    """What that provider is told, by name: see its page."""


@dataclass(frozen=True)
class Policy:
    """The whole policy; the defaults where there is no file."""

    severity: Severity = "high"
    """How bad it is, for the record and the notification."""
    approve: tuple[str, ...] = ()
    """Stages that wait for a second person."""
    signers: str = "allowed_signers"
    """Who may approve: a list in ssh-keygen's own format, relative to the policy's folder."""
    max_revocations: int = 20
    """More credentials in one run: stop with 3 and say how to go on."""
    notify: str = ""
    """Where the address of the webhook for the notification is kept: ``keyring:SERVICE#USER``."""
    credentials: tuple[CredentialPolicy, ...] = ()
    replacement: str = "REMOVED-{kind}"
    """What stands in a secret's place: letters, digits, _ . - and {kind}."""
    paths: tuple[str, ...] = ()
    """Known and read; the rewrite looks everywhere all the same."""
    keep_backup_hours: int = 30 * 24
    """How long the encrypted backup is kept: h, d or w."""
    remote: str = "origin"
    """The remote that is published to."""
    mirrors: tuple[str, ...] = ()
    """Further remotes of the clone that get the same."""
    lift_protection: bool = True
    """Whether what is in the push's way on its host is lifted for it, and put back."""
    ci: Literal["pause", "run"] = "pause"
    """What the push would set off: pause it and put it back, or run it."""
    clean_up: bool = True
    """Whether the host is told to drop what it keeps of the old history, where that is safe."""
    source: str | None = None
    """The file that it was read from."""
    digest: str | None = field(default=None, compare=False)
    """SHA-256 of that file, as hex digits."""

    @property
    def remotes(self) -> tuple[str, ...]:
        """Every remote that is published to, the first one first."""
        return tuple(dict.fromkeys((self.remote, *self.mirrors)))

    def for_credential(self, credential: Credential) -> CredentialPolicy:
        """The first table that matches: by fingerprint, else kind, else provider; else the default."""
        for names in (
            tuple(credential.parts.values()),
            (credential.kind, credential.id),
            (credential.provider,),
        ):
            for table in self.credentials:
                if any(_matches(table.match, name) for name in names):
                    return table
        return CredentialPolicy()


def _matches(match: str, name: str) -> bool:
    return match == name or (len(match) >= 12 and len(name) == 64 and name.startswith(match))


@dataclass
class _Table:
    """One TOML table being read: every key is taken out, what is left is unknown."""

    file: str
    text: str
    name: str
    number: int
    values: dict[str, Any]
    taken: set[str] = field(default_factory=set)

    def line(self, key: str | None) -> int | None:
        """The line of *key* in this table (tomllib keeps no positions)."""
        header = re.compile(r"^\s*\[+\s*([A-Za-z_.]+)\s*\]+")
        current, seen = "", 0
        for number, line in enumerate(self.text.splitlines(), 1):
            found = header.match(line)
            if found:
                current = found[1]
                seen += current == self.name
                if key is None and current == self.name and seen == self.number:
                    return number
            elif current == self.name and seen == self.number and key is not None:
                bare = re.match(r"""^\s*["']?([\w-]+)["']?\s*[.=]""", line)
                if bare and bare[1] == key:
                    return number
        return None

    def fail(self, key: str, expected: str, found: object = None) -> PolicyError:
        kind = "" if found is None else _type_name(found)
        return PolicyError(
            self.file,
            expected,
            line=self.line(key),
            found=kind,
            hint="docs/policy.md lists every key.",
        )

    def take(self, key: str, kind: type, default: Any) -> Any:
        self.taken.add(key)
        value = self.values.get(key, default)
        if isinstance(value, bool) is not (kind is bool) or not isinstance(value, kind):
            raise self.fail(key, f"`{key}` to be {_NAMES[kind]}", value)
        return value

    def choice(self, key: str, options: Sequence[str], default: str) -> Any:
        value = self.take(key, str, default)
        if value not in options:
            raise self.fail(key, f"`{key}` to be one of {', '.join(options)}")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        value = self.take(key, list, [])
        if not all(isinstance(item, str) and item for item in value):
            raise self.fail(key, f"`{key}` to be a list of strings")
        return tuple(value)

    def done(self) -> None:
        for key in self.values:
            if key not in self.taken:
                known = ", ".join(sorted(self.taken))
                raise self.fail(key, f"one of these keys in [{self.name}]: {known}", key)


_NAMES = {
    bool: "true or false",
    int: "a number",
    str: "a string",
    list: "a list",
    dict: "a table",
}


def _type_name(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) and len(value) < 40 else type(value).__name__


def for_rotation(policy: Policy, providers: Sequence[str]) -> Policy:
    """*policy* for a credential that has not leaked: its successor is in place before it ends."""
    tables = (*policy.credentials, *(CredentialPolicy(match=name) for name in providers))
    return replace(
        policy,
        severity="low",
        credentials=tuple(replace(table, strategy="replace-first") for table in tables),
    )


def load(path: Path, *, required: bool) -> Policy:
    """The policy in *path*; the defaults where it is not there and not *required*.

    Raises `PolicyError` with file and line; also for a file that every user may write to.
    """
    data = trusted.read(path, "a policy file", follow=required)
    if data is None:
        if required:
            raise PolicyError(str(path), "a policy file", found="nothing there")
        return Policy()
    return replace(parse(data, str(path)), digest=hashlib.sha256(data).hexdigest())


def parse(data: bytes, name: str) -> Policy:
    """The policy that *data* (TOML) says. Raises `PolicyError`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise PolicyError(name, "UTF-8 text", line=line) from None
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # TOML's own errors are ValueErrors; so is a number of more digits than Python reads.
        found = re.search(r"line (\d+)", str(error))
        raise PolicyError(
            name, "valid TOML", line=int(found[1]) if found else None, found="a syntax error"
        ) from None

    def table(key: str) -> _Table:
        values = document.pop(key, {})
        made = _Table(name, text, key, 1, values if isinstance(values, dict) else {})
        if not isinstance(values, dict):
            raise made.fail(key, f"[{key}] to be a table")
        return made

    incident, history, publish = table("incident"), table("history"), table("publish")
    tables = document.pop("credential", [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise PolicyError(name, "[[credential]] with two brackets: there may be several")
    for key in document:
        at = next(
            (
                n
                for n, row in enumerate(text.splitlines(), 1)
                if re.match(rf"\s*\[*\s*{re.escape(key)}\b", row)
            ),
            None,
        )
        raise PolicyError(
            name,
            "one of [incident], [[credential]], [history], [publish]",
            line=at,
            found=f"`{key}`",
        )
    policy = Policy(
        severity=incident.choice("severity", ("low", "medium", "high", "critical"), "high"),
        approve=incident.strings("approve"),
        signers=incident.take("signers", str, "allowed_signers"),
        max_revocations=_positive(incident, "max_revocations", 20),
        notify=_notify(incident),
        credentials=tuple(
            _credential(_Table(name, text, "credential", n, t)) for n, t in enumerate(tables, 1)
        ),
        replacement=_replacement(history),
        paths=history.strings("paths"),
        keep_backup_hours=_hours(history, "keep_backup", "30d"),
        remote=publish.take("remote", str, "origin"),
        mirrors=publish.strings("mirrors"),
        lift_protection=publish.take("lift_protection", bool, True),
        ci=publish.choice("ci", ("pause", "run"), "pause"),
        clean_up=publish.take("clean_up", bool, True),
        source=name,
    )
    for read in (incident, history, publish):
        read.done()
    return policy


def _notify(table: _Table) -> str:
    value = cast("str", table.take("notify", str, ""))
    if value and not re.fullmatch(r"keyring:[^#]+#.+", value):
        raise table.fail(
            "notify",
            "`notify` to be keyring:SERVICE#USER: a webhook's address is a secret, and stands in no file",
        )
    return value


def _credential(table: _Table) -> CredentialPolicy:
    match = table.take("match", str, "")
    if not match:
        raise PolicyError(
            table.file,
            "`match` in every [[credential]]: a provider, a kind or a fingerprint",
            line=table.line(None),
        )
    read = CredentialPolicy(
        match=match,
        strategy=table.choice("strategy", ("revoke-first", "replace-first"), "revoke-first"),
        stores=table.strings("stores"),
        deploy=table.strings("deploy"),
        check=table.strings("check"),
        delete=table.choice("delete", ("after-investigate", "never"), "after-investigate"),
        insist=table.take("insist", bool, False),
        copies=table.take("copies", bool, False),
        use_leaked=table.take("use_leaked", bool, True),
        provider=table.take("provider", str, ""),
        options=_options(table),
    )
    table.done()
    return read


def _options(table: _Table) -> tuple[tuple[str, str | tuple[str, ...]], ...]:
    """The ``with`` of a table: texts and lists of texts; its names are the provider's to know."""
    found = table.take("with", dict, {})
    if found and not table.values.get("provider"):
        raise table.fail("with", "`provider` beside `with`: whom it is for")
    made: list[tuple[str, str | tuple[str, ...]]] = []
    for name, value in sorted(found.items()):
        if isinstance(value, str) and value:
            made.append((name, value))
        elif isinstance(value, list) and value and all(isinstance(v, str) for v in value):
            made.append((name, tuple(value)))
        else:
            raise table.fail("with", f"`{name}` in `with` to be a string, or a list of strings")
    return tuple(made)


def _positive(table: _Table, key: str, default: int) -> int:
    value = cast("int", table.take(key, int, default))
    if value < 1:
        raise table.fail(key, f"`{key}` to be 1 or more")
    return value


def _hours(table: _Table, key: str, default: str) -> int:
    value = cast("str", table.take(key, str, default))
    found = _DURATION.fullmatch(value)
    if not found:
        raise table.fail(key, f"`{key}` to be a time such as 12h, 30d or 8w")
    return int(found[1]) * _HOURS[found[2]]


def _replacement(table: _Table) -> str:
    value = cast("str", table.take("replacement", str, "REMOVED-{kind}"))
    plain = value.replace("{kind}", "")
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", plain):
        raise table.fail(
            "replacement",
            "`replacement` to be letters, digits, `_`, `.`, `-` and {kind}: "
            "safe in YAML, shell and JSON",
        )
    return value


def table_settings(policy: CredentialPolicy) -> Mapping[str, Any]:
    """A ``[[credential]]`` table as plain data, for a provider's context."""
    return {
        "strategy": policy.strategy,
        "delete": policy.delete,
        "insist": policy.insist,
        "use_leaked": policy.use_leaked,
        "deploy": list(policy.deploy),
        "stores": list(policy.stores),
        "copies": policy.copies,
        "with": options(policy),
    }


def options(policy: CredentialPolicy) -> dict[str, Json]:
    """A table's ``with``, as plain data."""
    return {n: list(v) if isinstance(v, tuple) else v for n, v in policy.options}


def settings(policy: Policy) -> dict[str, Json]:
    """All that *policy* says, as a row's data. Nothing in it is secret."""
    said: dict[str, Json] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(policy).items()
        if name not in ("source", "digest", "credentials")
    }
    for number, table in enumerate(policy.credentials, 1):
        for name, value in {**asdict(table), "options": options(table)}.items():
            said[f"credential {number} {name}"] = list(value) if isinstance(value, tuple) else value
    return said


def changed(old: Mapping[str, Json], new: Mapping[str, Json]) -> list[str]:
    """What is other in *new* than in *old*, both made by `settings`: a sentence each."""
    return [
        f"{name}: {_shown(old, name)}, now {_shown(new, name)}"
        for name in sorted({*old, *new})
        if (name in old) != (name in new) or old.get(name) != new.get(name)
    ]


def _shown(said: Mapping[str, Json], name: str) -> str:
    value = said.get(name)
    if name not in said or value in ([], "", None):
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
