"""Refs, moved from old to new in one transaction, by whoever finds them at either.

`update-ref` is not atomic under SIGKILL: some refs may have moved and some not. So a ref at its new
value is done, one at its old value is to do, and anything else was moved by somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from remediate.errors import RepositoryError
from remediate.history.guard import Guard
from remediate.history.model import RefChange
from remediate.history.reflogs import MARK
from remediate.history.repo import PSEUDO_REFS, Repo

_SHOWN = 5


def all_moves(
    repo: Repo, planned: Sequence[RefChange], objects: Mapping[str, str]
) -> list[RefChange]:
    """*planned*, and what else is at an object that is replaced: per-worktree refs, pseudo refs.

    ORIG_HEAD and its like move with every other command and are taken as they are now. Raises
    `RepositoryError` where an ordinary ref is there that the plan does not know.
    """
    if repo.ref_format != "files":
        raise RepositoryError(
            f"This repository keeps its refs as a {repo.ref_format}; their logs can't be rewritten here.",
            hint="git refs migrate --ref-format=files (git 2.46 or newer), then: remediate resume",
        )
    planned = [change for change in planned if not passing(change.name)]
    known = {change.name for change in planned}
    more, strange = [], []
    for ref in repo.refs():
        if ref.symbolic or ref.name in known or ref.oid not in objects:
            continue
        if ref.pseudo or ref.name.startswith("worktrees/"):
            more.append(RefChange(ref.name, ref.oid, objects[ref.oid]))
        else:
            strange.append(ref.name)
    if strange:
        raise RepositoryError(
            f"{_names(strange)} came to point at history with the secret in it after the preview.",
            hint="Run the preview again: it will know them too.",
        )
    return sorted((*planned, *more), key=lambda change: change.name)


def passing(name: str) -> bool:
    """Whether a ref is one that git overwrites by the way: any pseudo ref but a HEAD."""
    return name.rpartition("/")[2] in PSEUDO_REFS[1:] and "refs/" not in name


def moved_meanwhile(repo: Repo, moves: Sequence[RefChange]) -> list[str]:
    """The names of refs that are at neither end of their move."""
    now = _values(repo)
    return [m.name for m in moves if now.get(m.name, repo.null_id) not in (m.old, m.new)]


def require_unmoved(repo: Repo, moves: Sequence[RefChange], *, since: str = "the preview") -> None:
    """Nothing, where each ref is at one end of its move. Raises `RepositoryError` with the names."""
    if strange := moved_meanwhile(repo, moves):
        first = next(move for move in moves if move.name == strange[0])
        again = "Run the preview again. Or" if since == "the preview" else "To go on"
        raise RepositoryError(
            f"{_names(strange)} moved after {since}: somebody is still working here. Nothing of that "
            "was touched.",
            hint=f"{again}, keep what is there on a branch and put the ref back: "
            f"git branch keep {first.name} && git update-ref --no-deref {first.name} {first.old}",
        )


def carry_out(repo: Repo, guard: Guard, moves: Sequence[RefChange]) -> int:
    """Make each move that is still to be made; gives how many refs are at their new value.

    Raises `RepositoryError`, having moved none, where a ref is at neither end of its move.
    """
    require_unmoved(repo, moves)
    now = _values(repo)
    todo = [move for move in moves if now.get(move.name, repo.null_id) != move.new]
    if todo:
        commands = ["start", *(f"update {m.name}\0{m.new}\0{m.old}" for m in todo)]
        text = "".join(f"{line}\0" for line in (*commands, "prepare", "commit"))
        with guard.expecting(_locked(repo, todo)):
            guard.git(
                repo.common_dir,
                *("update-ref", "--no-deref", "-m", MARK, "--stdin", "-z"),
                stdin=text.encode("utf-8", "surrogateescape"),
            )
    _freshen_packed(repo, guard, {move.old for move in moves})
    return len(moves)


def _freshen_packed(repo: Repo, guard: Guard, old: set[str]) -> None:
    """Write ``packed-refs`` anew where it still holds old values below the loose refs' new ones."""
    path = repo.common_dir / "packed-refs"
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    if not any(line[: repo.hex_length].decode("ascii", "replace") in old for line in lines):
        return
    # Only --all takes in what is packed already (git 2.39); each ref's loose file goes by a lock.
    names = [ref.name for ref in repo.refs() if ref.name.startswith("refs/")]
    with guard.expecting([path, *(repo.common_dir / name for name in names)]):
        guard.git(repo.common_dir, "pack-refs", "--all")


def _locked(repo: Repo, moves: Sequence[RefChange]) -> list[Path]:
    """The files that ``update-ref`` locks: each ref's, and each HEAD whose log may get an entry."""
    heads = [tree.git_dir / "HEAD" for tree in repo.worktrees]
    packed = repo.common_dir / "packed-refs"
    return [*(repo.common_dir / move.name for move in moves), *heads, packed]


def _values(repo: Repo) -> dict[str, str]:
    return {ref.name: ref.oid for ref in repo.refs() if not ref.symbolic}


def _names(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
