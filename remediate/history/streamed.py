"""What a rewrite on the server would do to refs that it has no reason to touch.

Hosts remove blobs with git-filter-repo, over every ref: each commit goes through ``git fast-export``
and ``git fast-import``, which drop signatures and normalise, and ids in messages are mapped. Where that
gives a commit another id, it and all after it change, though they never held the secret.
"""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

from remediate.errors import GitError
from remediate.history import git
from remediate.history.rehearse import open_quarantine
from remediate.history.repo import Repo
from remediate.history.texts import Ids

#: As git-filter-repo runs it, but for blobs: those are named by their ids.
_EXPORT = (
    *("fast-export", "--all", "--no-data", "--signed-tags=strip", "--fake-missing-tagger"),
    *("--tag-of-filtered-object=rewrite", "--reencode=yes", "--use-done-feature", "--mark-tags"),
)
_IMPORT = ("fast-import", "--quiet", "--done", "--force", "--date-format=raw-permissive")


def would_move(
    repo: Repo, refs: Mapping[str, str], old: Collection[str], folder: Path
) -> list[str]:
    """Those of *refs* (full name to id, all of whose objects *repo* has) that would move, sorted.

    *old*: commits that such a rewrite replaces; a message that names one would change. *folder* is
    made for two repositories that borrow *repo*'s objects. Where git can't tell, all of *refs*.
    """
    before, after = folder / "before.git", folder / "after.git"
    for path in (before, after):
        open_quarantine(repo, path)
    git.run(
        before,
        *("update-ref", "--stdin"),
        stdin="".join(f"create {name} {oid}\n" for name, oid in refs.items()).encode(
            "utf-8", "surrogateescape"
        ),
    )
    if _names(before, old):
        return sorted(refs)
    try:
        _stream(before, after)
    except GitError:
        return sorted(refs)
    now = _refs(after)
    return sorted(name for name, oid in refs.items() if now.get(name) != oid)


def _stream(before: Path, after: Path) -> None:
    with git.start(before, *_EXPORT, stdin=subprocess.DEVNULL) as source:
        with git.start(after, *_IMPORT, stdin=source.stdout, stdout=subprocess.DEVNULL) as taker:
            assert source.stdout is not None
            # The reader alone holds it, so that the writer learns when the reader is gone.
            source.stdout.close()
            taken = taker.wait()
        written = source.wait()
    if taken or written:
        raise git.failed(("fast-export",), taken or written, b"")


def _names(directory: Path, old: Collection[str]) -> bool:
    """Whether a message that the refs lead to names one of *old*."""
    if not old:
        return False
    ids = Ids(set(old))
    with git.start(directory, "log", "--all", "--format=%B", stdin=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        return any(next(ids.named_in(line), None) is not None for line in child.stdout)


def _refs(directory: Path) -> dict[str, str]:
    raw = git.run(directory, "for-each-ref", "--format=%(refname) %(objectname)")
    rows = raw.decode("utf-8", "surrogateescape").splitlines()
    return {name: oid for name, _, oid in (row.partition(" ") for row in rows)}
