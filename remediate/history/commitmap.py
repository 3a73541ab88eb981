"""The commit map: old id to new id of every rewritten commit, as files that others can use.

Two ways of writing the same: git-filter-repo's ``commit-map`` (a heading, then "old new") and the
``object-id-map.old-new.txt`` that BFG writes, which GitLab takes for its clean-up ("old new", no
heading). Ids are no secrets, but while a host still serves old commits by id, the list of them is the
way to what they hold: it goes to collaborators, never onto a public page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from remediate.errors import InputError
from remediate.history.durable import replace_file
from remediate.history.model import Rehearsal
from remediate.history.repo import Repo

_ROW = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64})")
_LARGEST = 1 << 30


def write_map(path: Path, commits: Mapping[str, str]) -> None:
    """Write git-filter-repo's form of it to *path*, 0600. Raises OSError."""
    width = len(next(iter(commits), "")) or 40
    head = f"{'old':{width}} new\n"
    replace_file(path, [head.encode(), *(f"{o} {n}\n".encode() for o, n in commits.items())])


def write_object_map(path: Path, objects: Mapping[str, str]) -> None:
    """Write BFG's form of it to *path*, 0600. Raises OSError."""
    replace_file(path, (f"{old} {new}\n".encode() for old, new in sorted(objects.items())))


def read_map(path: Path) -> dict[str, str]:
    """Either form, read. A commit that was dropped (all zeros) is left out.

    Raises `InputError` for what is no map, naming the line.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(str(path), "a commit map", found="more than 1 GiB")
        text = path.read_bytes().decode("ascii")
    except OSError as error:
        raise InputError(
            str(path),
            "a commit map",
            found=error.strerror or "nothing that can be read",
            hint="Ask whoever cleaned the history for it: remediate show --commit-map FILE",
        ) from None
    except UnicodeDecodeError:
        raise InputError(str(path), "a commit map", found="bytes that are no text") from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        row = _ROW.fullmatch(line.strip())
        if row is not None:
            if set(row[2]) != {"0"}:
                found[row[1]] = row[2]
        elif line.strip() and not (number == 1 and re.fullmatch(r"old\s+new\s*", line)):
            raise InputError(
                str(path), "two commit ids: old, then new", line=number, found="something else"
            )
    if not found:
        raise InputError(str(path), "a commit map", found="no commit in it")
    return found


def resolved(objects: Mapping[str, str]) -> dict[str, str]:
    """*objects* (old to new) with what was rewritten more than once going to its last successor."""
    found = {}
    for old, new in objects.items():
        seen = {old}
        while new in objects and new not in seen:
            seen.add(new)
            new = objects[new]
        found[old] = new
    return found


def first_changed(repo: Repo, rehearsal: Rehearsal) -> tuple[tuple[str, str], ...]:
    """The first changed commits, (old, new): those none of whose parents was rewritten.

    What hosts' clean-up forms ask for. Told from the new commits, for the old ones may be gone.
    """
    old = {new: each for each, new in rehearsal.commits.items()}
    return tuple(
        (old[new], new) for new, parents in _parents(repo, list(old)) if not parents & old.keys()
    )


def _parents(repo: Repo, commits: Sequence[str]) -> Iterator[tuple[str, set[str]]]:
    if not commits:
        return
    raw = repo.git(
        *("rev-list", "--no-walk=unsorted", "--parents", "--ignore-missing", "--stdin"),
        stdin="".join(f"{commit}\n" for commit in commits).encode(),
    )
    for line in raw.decode("ascii").splitlines():
        commit, *parents = line.split()
        yield commit, set(parents)
