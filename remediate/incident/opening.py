"""Opening an incident: anew from a report, or again where it was left."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import remediate
from remediate.clock import utc_now
from remediate.errors import (
    BusyError,
    CustodyError,
    NoSuchIncidentError,
    TamperedError,
    UsageError,
)
from remediate.history.git import run as git
from remediate.history.memory import Memory
from remediate.history.model import Needle
from remediate.history.repo import Repo, open_repo
from remediate.incident import sealing
from remediate.incident.answers import FOLDER as ANSWERS
from remediate.incident.audit import policy_row
from remediate.incident.custody import Custody
from remediate.incident.events import Listener, nobody
from remediate.incident.home import Home, inspect, private_folder, sweep_drafts, sync_folder
from remediate.incident.intake import Intake
from remediate.incident.journal import Journal
from remediate.incident.lock import hold, hold_folder, repository_lock
from remediate.incident.options import Options
from remediate.incident.policy import FILE_NAME, Policy, load
from remediate.incident.redaction import redactor, unsaid
from remediate.incident.refusals import noted, noted_of
from remediate.incident.rows import SCHEMA, Kind
from remediate.incident.run import Run
from remediate.incident.runlog import kept, logged
from remediate.incident.state import State, credential_data, location_data
from remediate.incident.who import user
from remediate.model import Json
from remediate.plugins.context import Asks
from remediate.plugins.outcome import Facts
from remediate.secret import InstallationKey, Secret
from remediate.wording import count

_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Known:
    """An incident of this installation, as its journal tells it."""

    folder: Path
    state: State


class Installation:
    """The state folder and its key: what every command begins with."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path)
        self._key: InstallationKey | None = None

    @property
    def key(self) -> InstallationKey:
        """The installation's key, read once."""
        if self._key is None:
            self._key = self.home.installation_key()
        return self._key

    def memory(self) -> Memory:
        """What earlier previews found in packs, for the next one."""
        return Memory(private_folder(self.home.path / "memory"), self.key.memory)

    def incidents(self) -> Iterator[Known]:
        """Every incident, newest first. Raises `remediate.errors.TamperedError`."""
        for folder in sorted(self._folders(), key=lambda f: f.name, reverse=True):
            known = self._read(folder)
            if known.state.id:
                yield known

    def readable(self) -> tuple[list[Known], TamperedError | None]:
        """The incidents whose journals hold together, newest first; and what is said of the first other one."""
        found: list[Known] = []
        damaged: TamperedError | None = None
        for folder in sorted(self._folders(), key=lambda f: f.name, reverse=True):
            try:
                found.append(self._read(folder))
            except TamperedError as error:
                damaged = damaged or error
        return found, damaged

    def _folders(self) -> Iterator[Path]:
        """Every incident's folder; one that is only being made (`_draft`) is none yet."""
        for folder in self.home.incidents.iterdir():
            if not folder.name.startswith(".") and (folder / "journal.db").is_file():
                yield folder

    def find(self, name: str | None, repo: Repo | None) -> Known:
        """The incident *name* (or a unique part of it), else the one open in *repo*.

        Raises `NoSuchIncidentError`.
        """
        if name is not None:
            matching = [f for f in self._folders() if name.lower() in f.name.lower()]
            if not matching:
                self.require_whole(name)
            if len(matching) != 1:
                raise NoSuchIncidentError(
                    f"{'No incident' if not matching else 'More than one incident'} matches {name!r}.",
                    hint="See them: remediate list",
                )
            return self._read(matching[0])
        here = [k for k in self.incidents() if repo is None or same_repository(k.state, repo)]
        found = [known for known in here if not known.state.closed]
        if len(found) == 1:
            return found[0]
        where = "here" if repo is not None else "on this machine"
        if found:
            names = ", ".join(known.state.id for known in found[:5])
            raise NoSuchIncidentError(
                f"{count(len(found), 'incident is', 'incidents are')} open {where}: {names}",
                hint=f"Name one: remediate resume {found[0].state.id}",
            )
        if here:
            raise NoSuchIncidentError(
                f"No incident is open {where}; {here[0].state.id} is closed, with nothing left to do.",
                hint=f"Its record: remediate record {here[0].state.id}",
            )
        raise NoSuchIncidentError(
            f"No incident is open {where}.", hint="Begin one: remediate run REPORT"
        )

    def open_for(self, repo: Repo, fingerprints: set[str]) -> Known | None:
        """The open incident of *repo* about the same secrets, if there is one."""
        for known in self.incidents():
            if (
                not known.state.closed
                and same_repository(known.state, repo)
                and set(known.state.secrets) == fingerprints
            ):
                return known
        return None

    def refusals(self, repo: Repo, asked: str) -> contextlib.AbstractContextManager[None]:
        """What is refused within is written into the journal of each incident open in *repo*."""
        found = (k for k in self.incidents() if not k.state.closed)
        return noted_of(self, (k for k in found if same_repository(k.state, repo)), asked)

    def journal(self, folder: Path, *, reader: bool = False) -> contextlib.closing[Journal]:
        """The journal in *folder*, its head witnessed in this state folder; closed by ``with``.

        Raises `remediate.errors.TamperedError`, also where it is another incident's.
        """
        inspect(folder)
        name = folder.name.removeprefix(".")
        journal = Journal(folder, self.key, witness=self.home.heads / name, reader=reader)
        try:
            # A draft has none until its rows are written; an incident's folder is never without.
            journal.require(name, begun=folder.name == name)
        except BaseException:
            journal.close()
            raise
        return contextlib.closing(journal)

    def gone(self) -> list[str]:
        """Incidents of which the head is left and no folder: it was removed."""
        names = sorted(p.name for p in self.home.heads.iterdir() if not p.name.startswith("."))
        # The draft is asked for first: it becomes the incident's folder by one renaming.
        return [
            name
            for name in names
            if not (self.home.incidents / f".{name}").exists()
            and not (self.home.incidents / name / "journal.db").exists()
        ]

    def require_whole(self, named: str | None = None) -> None:
        """Nothing, where none is `gone` (none whose name has *named* in it). Raises `TamperedError`."""
        gone = [n for n in self.gone() if named is None or named.lower() in n.lower()]
        if gone:
            raise TamperedError(
                f"The journal of {gone[0]} is gone, and its head {self.home.heads / gone[0]} is still "
                "there: somebody removed it, and what was done in that incident can't be shown any more.",
                hint="Put the folder back from a backup. If you removed it yourself: "
                f"rm '{self.home.heads / gone[0]}'",
            )

    def _read(self, folder: Path) -> Known:
        with self.journal(folder, reader=True) as journal:
            return Known(folder, State.of(journal.rows))


@dataclass(frozen=True)
class Surroundings:
    """Everything that a run needs beside the incident itself."""

    options: Options
    policy: Policy
    asks: Asks
    listener: Listener = nobody
    user_key: Secret | None = None
    """The key file's content or a passphrase, where the user gave one."""
    environment: Mapping[str, str] | None = None
    tell: Callable[[str], None] | None = None
    """With ``--verbose``: takes each line of the log, redacted, as it is written."""


def load_policy(options: Options, repo: Repo) -> Policy:
    """The policy that *options* name, else the repository's own, else the defaults."""
    if options.policy_file is not None:
        return load(options.policy_file, required=True)
    return load((repo.work_tree or repo.git_dir) / FILE_NAME, required=False)


@contextlib.contextmanager
def begin(
    installation: Installation, intake: Intake, repo: Repo, around: Surroundings
) -> Iterator[Run]:
    """A new incident for *intake*, or the open one for the same secrets; locked while it is used."""
    known = installation.open_for(repo, set(intake.values))
    name = known.state.id if known is not None else _new_name()
    with _repository(installation, repo, name):
        # Once more: whoever held the repository until now may have opened or closed one.
        known = installation.open_for(repo, set(intake.values))
        with (
            _resumed(installation, known, repo, around, intake)
            if known is not None
            else _opened(installation, name, repo, around, intake)
        ) as run:
            yield run


def _new_name() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(6))
    return f"INC-{utc_now()[:10].replace('-', '')}-{letters}"


@contextlib.contextmanager
def _opened(
    installation: Installation, name: str, repo: Repo, around: Surroundings, intake: Intake
) -> Iterator[Run]:
    """A new incident. It is there whole or not at all: one that knows but some of its secrets would
    come to a clean end without the others."""
    values = list(intake.values.values())
    with contextlib.ExitStack() as stack:
        draft = _draft(installation, name, stack)
        with installation.journal(draft) as journal:
            seal = sealing.make(draft, around.user_key, name=name)
            custody = Custody(draft, installation.key, seal)
            custody.put_all(values)
            stack.enter_context(unsaid(lambda: redactor(values)))
            _write_opening(_run(installation, draft, journal, custody, repo, around), name, intake)
        folder = draft.rename(installation.home.incidents / name)
        sync_folder(installation.home.incidents)
        journal = stack.enter_context(installation.journal(folder))
        custody = Custody(folder, installation.key, seal)
        custody.put_all(values)
        stack.enter_context(kept(folder, custody, tell=around.tell))
        run = _run(installation, folder, journal, custody, repo, around)
        run.emit("incident", id=name, resumed=False)
        yield run


def _unlocked(folder: Path, around: Surroundings, name: str) -> sealing.Seal:
    """The incident's key pair; a person at the terminal who mistypes the passphrase is asked again.

    Raises `CustodyError` where there is none, or where what came from a file does not open it.
    """
    if around.user_key is not None or not sealing.wants_key(folder):
        return sealing.unlock(folder, around.user_key, name=name)
    question = (
        f"{name} is sealed with a passphrase. It, please (nothing is shown; Enter alone to leave)."
    )
    why = (
        "It opens the leaked values and the backup, which nobody can read without it.\n"
        "The passphrase: the work goes on where it stopped.\n"
        "Enter alone: nothing is done, and nothing is lost.\n"
        "There is nothing to take back: it changes nothing by itself."
    )
    while True:
        typed = around.asks.secret(question, option="--key-file FILE", why=why)
        try:
            return sealing.unlock(folder, typed, name=name)
        except CustodyError:
            if typed is None:
                raise
            why = ""
            question = "That passphrase does not open it. Once more, please (Enter alone to leave)."


def _draft(installation: Installation, name: str, stack: contextlib.ExitStack) -> Path:
    """A folder that becomes the incident's by its renaming, locked; those of the dead are removed."""
    home = installation.home
    with hold(home.locks / "opening", "The state folder", name, wait=True):
        for old in home.incidents.glob(".INC-*"):
            with contextlib.suppress(BusyError), hold(old / "lock", old.name, "sweeping"):
                was = old.name.removeprefix(".")
                sealing.forget(old, name=was)
                # The head first: one that is left without a folder is an incident's that was removed.
                (home.heads / was).unlink(missing_ok=True)
                sweep_drafts(home.heads, was)
                shutil.rmtree(old)
        draft = private_folder(home.incidents / f".{name}")
        stack.enter_context(hold(draft / "lock", name, "this incident"))
    return draft


@contextlib.contextmanager
def again(
    installation: Installation,
    known: Known,
    around: Surroundings,
    intake: Intake | None = None,
    *,
    check_values: bool = True,
) -> Iterator[Run]:
    """The incident *known*, resumed; *intake* brings its values back where custody lost them.

    With *check_values* off it may be used although values are missing (undo needs none).

    Raises `UsageError` where the intake is about other secrets, `remediate.errors.CustodyError` where
    values are missing and none were brought.
    """
    repo = open_repo(Path(str(known.state.opened["repository"])))
    with (
        _repository(installation, repo, known.state.id),
        _resumed(installation, known, repo, around, intake, check_values=check_values) as run,
    ):
        yield run


@contextlib.contextmanager
def _resumed(
    installation: Installation,
    known: Known,
    repo: Repo,
    around: Surroundings,
    intake: Intake | None,
    *,
    check_values: bool = True,
) -> Iterator[Run]:
    folder, name = known.folder, known.state.id
    with (
        hold(folder / "lock", folder.name, "this incident"),
        installation.journal(folder) as journal,
        noted(journal, "go on with the incident"),
        contextlib.ExitStack() as stack,
    ):
        for place in (folder, folder / ANSWERS):
            if place.is_dir():
                sweep_drafts(place)
        sweep_drafts(installation.home.heads, name)
        seal = None
        if intake is not None and sealing.exists(folder) and sealing.lost(folder, name=name):
            # The report brings the leaked values back. What else was sealed is made again.
            sealing.set_aside(folder / "seal.json")
            seal = sealing.make(folder, around.user_key, name=name)
        elif sealing.exists(folder):
            seal = _unlocked(folder, around, name)
        elif around.user_key is not None:
            seal = sealing.make(folder, around.user_key, name=name)
        custody = _custody(folder, installation.key, seal, brought=intake is not None)
        stack.enter_context(unsaid(lambda: redactor(custody.every())))
        if intake is not None:
            missing = set(known.state.secrets) - set(intake.values)
            if missing:
                raise UsageError(
                    f"The report does not hold {len(missing)} of the secrets of {name}.",
                    hint="Give the report that the incident was opened with.",
                )
            custody.put_all([intake.values[f] for f in known.state.secrets])
        stack.enter_context(kept(folder, custody, tell=around.tell))
        run = _run(installation, folder, journal, custody, repo, around)
        if check_values and not (run.state.closed or run.state.emptied):
            for fingerprint in run.state.secrets:
                custody.take(fingerprint)
        run.write(
            Kind.RESUMED,
            {
                "version": remediate.__version__,
                "by": user(),
                "options": around.options.journalled(),
            },
        )
        run.write(Kind.POLICY, policy_row(around.policy, run.rows))
        run.emit("incident", id=name, resumed=True)
        yield run


def _custody(
    folder: Path, key: InstallationKey, seal: sealing.Seal | None, *, brought: bool
) -> Custody:
    """The incident's custody; where its file can't be opened and the values were *brought*, an empty one."""
    try:
        return Custody(folder, key, seal)
    except CustodyError:
        if not brought:
            raise
        sealing.set_aside(folder / "custody.age")
        return Custody(folder, key, seal)


def needles_of(
    installation: Installation, known: Known, user_key: Secret | None, purpose: str
) -> list[Needle]:
    """The leaked values of *known* out of custody, as rules; the taking, for *purpose*, is journalled.

    Raises `CustodyError`, and `BusyError` while a run works on the incident.
    """
    with (
        hold(known.folder / "lock", known.folder.name, purpose),
        installation.journal(known.folder) as journal,
        noted(journal, f"take the values: {purpose}"),
    ):
        seal = None
        if sealing.exists(known.folder):
            seal = sealing.unlock(known.folder, user_key, name=known.state.id)
        custody = Custody(known.folder, installation.key, seal)
        needles = [
            Needle(s.fingerprint, custody.take(s.fingerprint), f"REMOVED-{s.kind}".encode())
            for s in known.state.secrets.values()
        ]
        names: list[Json] = [needle.id for needle in needles]
        taken: dict[str, Json] = {"fingerprint": "", "fingerprints": names}
        journal.append(Kind.CUSTODY, {**taken, "purpose": purpose, "action": "take", "by": user()})
        return needles


def _run(
    installation: Installation,
    folder: Path,
    journal: Journal,
    custody: Custody,
    repo: Repo,
    around: Surroundings,
) -> Run:
    return Run(
        folder=folder,
        journal=journal,
        custody=custody,
        key=installation.key,
        repo=repo,
        policy=around.policy,
        options=around.options,
        asks=around.asks,
        listener=logged(around.listener),
        environment=around.environment,
    )


@contextlib.contextmanager
def _repository(installation: Installation, repo: Repo, name: str) -> Iterator[None]:
    """The repository's locks, held for the incident *name*: among our own, and against other state folders."""
    lock = repository_lock(installation.home.locks, repo.common_dir)
    shown = str(repo.work_tree or repo.git_dir)
    with hold(lock, shown, name), hold_folder(repo.common_dir, shown):
        yield


def _write_opening(run: Run, name: str, intake: Intake) -> None:
    run.write(
        Kind.OPENED,
        {
            "schema": SCHEMA,
            "incident": name,
            "version": remediate.__version__,
            "repository": str(run.repo.work_tree or run.repo.git_dir),
            "remote": remote_url(run.repo, run.policy.remote),
            "started_by": user(),
            "report": {"name": Path(intake.name).name, "format": intake.format},
            "options": run.options.journalled(),
            "severity": run.policy.severity,
            "detected_at": intake.detected_at,
        },
    )
    run.write(Kind.POLICY, policy_row(run.policy, run.rows))
    rows: list[tuple[Kind, Mapping[str, Json], str | None]] = []
    for secret in intake.secrets:
        rows.append(
            (
                Kind.SECRET,
                {
                    "fingerprint": secret.fingerprint,
                    "kind": secret.kind,
                    "rules": list(secret.rules),
                    "detected_at": secret.detected_at,
                    "locations": [location_data(place) for place in secret.locations],
                    **({"placeless": list(secret.placeless)} if secret.placeless else {}),
                },
                None,
            )
        )
        taken = {"fingerprint": secret.fingerprint, "purpose": "the report", "action": "put"}
        rows.append((Kind.CUSTODY, taken, None))
    rows += [(Kind.CREDENTIAL, credential_data(one), None) for one in intake.credentials]
    run.write_all(rows)
    if intake.unread:
        unread = [{"what": u.what, "reason": u.reason} for u in intake.unread]
        run.learn("unread", Facts({"entries": unread}))


def remote_url(repo: Repo, remote: str) -> str | None:
    """The URL of *remote* without user, password or query; None where there is no such remote."""
    text = git(repo.git_dir, "config", "--get", f"remote.{remote}.url", accept=(0, 1)).decode(
        "utf-8", "replace"
    )
    return safe_url(text.strip()) or None


def safe_url(url: str) -> str:
    """*url* without what may be secret in it."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    host = parts.hostname or ""
    return urlunsplit(
        (parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path, "", "")
    )


def same_repository(state: State, repo: Repo) -> bool:
    """Whether the incident is about *repo*: about this work tree, or another one of the same clone."""
    path = Path(str(state.opened.get("repository", ""))).resolve()
    mine = {p.resolve() for p in (repo.work_tree, repo.git_dir, repo.common_dir) if p is not None}
    return path in mine or path / ".git" in mine
