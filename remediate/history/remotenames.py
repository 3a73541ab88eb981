"""Refs on a remote whose names hold a secret: the new name comes, the old one goes, in one push.

The old name is a secret, so it stands in no argument and no environment: what is to be pushed, and what
has to be there for that (the lease), lie in the settings and refs of a repository of our own, 0700 and
gone afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.history import remote
from remediate.history.edits import Clean
from remediate.history.model import RefChange
from remediate.history.refnames import REPLACE, decide
from remediate.history.remote import Cause
from remediate.history.repo import Repo
from remediate.passing import passing_folder

#: Where the scratch repository remembers what the remote had, for the lease.
_LEASE = "refs/lease/"


def renamed(there: Mapping[str, str], clean: Clean) -> dict[str, str]:
    """Old name to new of the refs *there* whose names hold a secret."""
    return decide([ref for ref in there if not ref.startswith(REPLACE)], clean, {})


def rename(
    repo: Repo, name: str, wanted: Sequence[RefChange], clean: Clean
) -> dict[str, Cause | None]:
    """Rename refs of the remote *name*: new name to why it was not done, None where it was.

    *wanted* say the new name, what the old one was at, and what the new one is to be at; a ref that
    has moved since is left alone. Called again after a crash it goes on. Raises
    `remediate.errors.RemoteError` where the remote can't be reached.
    """
    if not wanted:
        return {}
    there = remote.advertised(repo, name)
    # A server without transactions may have taken the new name, and not yet given up the old one.
    arrived = {change.name for change in wanted if there.get(change.name) == change.new}
    old = {new: before for before, new in renamed(_without(there, arrived), clean).items()}
    todo = {
        old[change.name]: change
        for change in wanted
        if change.name in old and there[old[change.name]] == change.old
    }
    said = _push(repo, name, todo) if todo else ""
    now = remote.advertised(repo, name)
    left = set(renamed(now, clean))
    results: dict[str, Cause | None] = {}
    for change in wanted:
        before = old.get(change.name)
        if now.get(change.name) == change.new and before not in left:
            results[change.name] = None
        else:
            results[change.name] = remote.cause_of(said) if before in todo else Cause.STALE
    return results


def _without(there: Mapping[str, str], names: set[str]) -> dict[str, str]:
    return {ref: oid for ref, oid in there.items() if ref not in names}


def _push(repo: Repo, name: str, todo: Mapping[str, RefChange]) -> str:
    """One push of all of them; gives git's words, to tell a cause from."""
    with (
        passing_folder() as workdir,
        remote.scratch(workdir, remote.address(repo, name), repo) as folder,
    ):
        info = folder / "objects" / "info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "alternates").write_text(f"{repo.objects_dir}\n", errors="surrogateescape")
        leases = sorted(
            (_LEASE + before.removeprefix("refs/"), c.old) for before, c in todo.items()
        )
        lines = "".join(f"{oid} {ref}\n" for ref, oid in leases)
        (folder / "packed-refs").write_text(
            f"# pack-refs with: sorted \n{lines}", "utf-8", errors="surrogateescape"
        )
        entries = [("remote.origin.fetch", f"+refs/*:{_LEASE}*")]
        entries += [("remote.origin.push", f"{c.new}:{c.name}") for c in todo.values()]
        entries += [("remote.origin.push", f":{before}") for before in todo]
        remote.configure(folder, entries)
        command = ["push", "--porcelain", "--no-verify", "--force-with-lease"]
        done = remote.run(folder, [*command, "--atomic", "--", "origin"])
        if done.returncode and "does not support" in remote.words(done):
            done = remote.run(folder, [*command, "--", "origin"])
        return remote.words(done) + done.stdout.decode("utf-8", "replace")
