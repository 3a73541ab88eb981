"""Text files of ``.git`` that are neither refs, logs, index nor objects: FETCH_HEAD, config, hooks…

A secret gets there by a commit message that was being written, by a URL with a token in it, by a
conflict that ``rerere`` remembers, by a hook that calls something.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from remediate.history import packreader, packs
from remediate.history.durable import TEMPORARY
from remediate.history.edits import Clean, Edit, Ids
from remediate.history.guard import NAME as GUARD_FILE
from remediate.history.refnames import NOTE
from remediate.history.repo import PSEUDO_REFS, Repo

#: Folders that have a reader and writer of their own, or whose files are named by their content.
_OTHER_FOLDERS = frozenset({"objects", "refs", "logs", "worktrees"})
#: Within ``modules``, whose repositories are other ones: their settings and logs may hold a secret too.
_OTHERS_OWN = frozenset({"objects", "refs"})
_OTHER_FILES = frozenset({*PSEUDO_REFS, "index", "packed-refs", "shallow", GUARD_FILE, NOTE})

#: Files in which git keeps ids of commits to go on from.
_ID_FILES = frozenset({"FETCH_HEAD"})

#: Larger ones are no text that git or a person wrote; the verifier reads them all the same.
_LARGEST = 64 << 20

_USER_INFO = re.compile(rb"(?<=://)[^/@\s\"']+@")


def plan(repo: Repo, ids: Ids, clean: Clean) -> Iterator[Edit]:
    """What becomes of each such file that has to change."""
    for path in text_files(repo):
        with contextlib.suppress(FileNotFoundError):
            before = path.read_bytes()
            # A history of its own is nothing to replace whole: it is named, and its owner decides.
            if packreader.begins(before):
                continue
            after = clean(_without_passwords(before, clean) if path.name == "config" else before)
            if path.name in _ID_FILES:
                after = ids.map(after)
            if after != before:
                yield Edit(path, before, after)


def text_files(repo: Repo) -> Iterator[Path]:
    """Every such file of every worktree's git directory, whether it has to change or not."""
    # What it borrows from is not to be mended but to be found.
    yield from (path for path in packs.beside(repo.objects_dir) if "alternates" not in path.name)
    for tree in repo.worktrees:
        for folder, folders, names in os.walk(tree.git_dir):
            inside = Path(folder).relative_to(tree.git_dir).parts
            skipped = (
                _OTHER_FOLDERS
                if not inside
                else _OTHERS_OWN
                if inside[0] == "modules"
                else ("objects",)
                if inside == ("lfs",)
                else ()
            )
            folders[:] = sorted(name for name in folders if name not in skipped)
            for name in sorted(names):
                path = Path(folder, name)
                if name in _OTHER_FILES or name.startswith("sharedindex."):
                    continue
                if name.endswith(".lock") or name.startswith(TEMPORARY):
                    continue
                if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
                    continue
                yield path


def sweep(repo: Repo) -> None:
    """Take away what a crash left of attempts to write files of ``.git``, logs and indexes included."""
    for tree in repo.worktrees:
        for folder, folders, names in os.walk(tree.git_dir):
            if Path(folder) == tree.git_dir:
                folders[:] = [name for name in folders if name not in ("objects", "worktrees")]
            for name in names:
                if name.startswith(TEMPORARY):
                    Path(folder, name).unlink(missing_ok=True)


def _without_passwords(config: bytes, clean: Clean) -> bytes:
    """*config* with no user info in addresses where it holds a secret.

    With the replacement in its place git would try that as the password and give up; without any it
    asks the user's credential helper.
    """

    def kept(found: re.Match[bytes]) -> bytes:
        return found.group() if clean(found.group()) == found.group() else b""

    return _USER_INFO.sub(kept, config)
