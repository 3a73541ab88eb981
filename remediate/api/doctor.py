"""Is this machine ready: git, state folder, keyring, programs, extras, plugins, credentials and what they may do.

Nothing is changed but the state folder, which is made where there is none.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import metadata

from remediate.api.answers import Agrees
from remediate.errors import Error
from remediate.model import Json
from remediate.plugins.context import VendorContext
from remediate.plugins.provider import NamesResponder, Provider
from remediate.plugins.standing import Right, Standing, TellsStanding
from remediate.wording import count

OLDEST_GIT = (2, 39)
SECONDS = 15.0
"""How long one vendor is waited for."""

#: Extras that make something else than the program itself.
_OURS = frozenset({"test", "lint", "docs", "dev"})


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    says: str
    needed: bool = False
    """Whether nothing works without it."""
    rights: tuple[Right, ...] = ()

    def data(self) -> dict[str, Json]:
        """For ``--json``."""
        return {**asdict(self), "rights": [asdict(right) for right in self.rights]}


def machine(environment: Mapping[str, str]) -> Iterator[Check]:
    """What this machine has, whoever is asked. Calls nobody."""
    yield _git()
    yield _state(environment)
    yield _keyring()
    yield from _programs(environment)
    yield from _extras()
    yield from _plugins()


def vendors(environment: Mapping[str, str], *, offline: bool = False) -> list[Check]:
    """Whether a responder's own credential is there for each vendor, and what it may do; by name.

    Vendors are asked all at once. One that can't be reached is told, and is no error.
    """
    from remediate.plugins.registry import providers

    asked = [p for p in providers if isinstance(p, NamesResponder | TellsStanding)]
    with ThreadPoolExecutor(max_workers=max(1, len(asked))) as pool:
        return list(pool.map(lambda provider: _vendor(provider, environment, offline), asked))


def _git() -> Check:
    oldest = ".".join(map(str, OLDEST_GIT))
    try:
        text = subprocess.run(
            ["git", "--version"], capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:
        return Check("git", False, f"not found; install git {oldest} or newer", needed=True)
    found = re.search(r"(\d+)\.(\d+)", text)
    fits = found is not None and (int(found[1]), int(found[2])) >= OLDEST_GIT
    return Check("git", fits, text if fits else f"{text}; {oldest} or newer is needed", needed=True)


def _state(environment: Mapping[str, str]) -> Check:
    from remediate.incident.home import Home, home_path

    try:
        home = Home(home_path(environment))
        home.installation_key()
    except Error as error:
        return Check("state folder", False, f"{error.message} {error.hint}", needed=True)
    return Check("state folder", True, str(home.path), needed=True)


def _keyring() -> Check:
    from remediate.keyrings import ask, safe_keyring, why_not

    ring = safe_keyring()
    # Asked for something that it does not hold: one that is locked says so.
    why = why_not() if ring is None else ask(ring, "remediate", "doctor").trouble
    if ring is not None and not why:
        return Check("OS keyring", True, type(ring).__module__)
    without = (
        "without --key-file FILE, values are in memory alone: no undo, and resume wants --report"
    )
    return Check("OS keyring", False, f"{why.rstrip('.')}; {without}")


def _programs(environment: Mapping[str, str]) -> Iterator[Check]:
    from remediate.reports.scanners import SCANNERS

    path = environment.get("PATH")
    ssh = shutil.which("ssh-keygen", path=path)
    says = (
        ssh or "not found; approvals and signed records can't be made or checked: install OpenSSH"
    )
    yield Check("ssh-keygen", ssh is not None, says)
    found = [scanner.name for scanner in SCANNERS if shutil.which(scanner.name, path=path)]
    names = ", ".join(scanner.name for scanner in SCANNERS)
    says = ", ".join(found) or (
        f"none of {names}; hand in a report made elsewhere, or the guide looks for a few known shapes"
    )
    yield Check("scanner", bool(found), says)


def _extras() -> Iterator[Check]:
    """The extras that are not installed whole, with the command that installs them."""
    try:
        package = metadata.metadata("remediate")
    except metadata.PackageNotFoundError:
        yield Check("extras", False, "not known: remediate is not installed as a package")
        return
    wanted = metadata.requires("remediate") or []
    for extra in sorted(set(package.get_all("Provides-Extra") or ()) - _OURS):
        parts = [
            found[1]
            for line in wanted
            if re.search(rf"extra == ['\"]{re.escape(extra)}['\"]", line)
            and (found := re.match(r"([A-Za-z0-9._-]+)", line)) is not None
        ]
        missing = sorted({name for name in parts if not _installed(name)})
        says = (
            f"{', '.join(missing)} not installed; what needs it can't be done here: "
            f"pip install 'remediate[{extra}]'"
        )
        yield Check(f"extra {extra}", not missing, says if missing else "installed")


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _plugins() -> Iterator[Check]:
    from remediate.plugins import registry

    for group in (registry.providers, registry.stores, registry.reports, registry.hosts):
        for broken in group.broken():
            yield Check(f"plugin {broken.name}", False, f"{broken.package}: {broken.reason}")


def _vendor(provider: Provider, environment: Mapping[str, str], offline: bool) -> Check:
    end = time.monotonic() + SECONDS
    vendor = VendorContext(environment=dict(environment), asks=Agrees(), deadline=lambda: end)
    try:
        number = (
            len(provider.responder_values(vendor)) if isinstance(provider, NamesResponder) else 0
        )
        if not isinstance(provider, TellsStanding):
            return _found(provider.name, number)
        if offline:
            return _found(provider.name, number, provider.how, " (not asked: --offline)")
        standing = provider.standing(vendor)
    except Error as error:
        return Check(provider.name, False, f"{error.message} {error.hint}".strip())
    except Exception as error:  # a provider that breaks here must not hide the others
        return Check(provider.name, False, f"could not be looked at ({type(error).__name__})")
    return _stands(provider.name, provider.how, standing)


def _found(name: str, number: int, how: str = "", more: str = "") -> Check:
    if number:
        return Check(name, True, f"{count(number, 'credential')} of yours found{more}")
    missing = "no credential of yours was found; what needs one is a manual step"
    return Check(name, False, f"{missing}. To change that: {how}" if how else missing)


def _stands(name: str, how: str, standing: Standing | None) -> Check:
    if standing is None:
        return _found(name, 0, how)
    if standing.works is False:
        says = f"your credential does not work: {standing.reason}. Instead: {how}"
        return Check(name, False, says, rights=standing.rights)
    if standing.works is None and standing.reason:
        says = f"a credential of yours was found; it could not be asked: {standing.reason}"
        return Check(name, True, says, rights=standing.rights)
    who = f"{standing.who}: " if standing.who else ""
    return Check(name, True, f"{who}{_can(standing.rights)}", rights=standing.rights)


def _can(rights: Sequence[Right]) -> str:
    lacking = sum(right.may is False for right in rights)
    unknown = sum(right.may is None for right in rights)
    if lacking:
        return f"{count(lacking, 'thing')} can't be done with your credential"
    return "what it may do is not known" if unknown else "all that is needed may be done with it"
