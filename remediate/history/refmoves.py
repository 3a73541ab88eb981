"""Refs, moved from old to new in one transaction, by whoever finds them at either.

`update-ref` is not atomic under SIGKILL: some refs may have moved and some not. So a ref at its new
value is done, one at its old value is to do, and anything else was moved by somebody else. One that
gets another name takes three steps: the new one comes, what stands for it follows, the old one goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remediate.errors import RepositoryError
from remediate.history.durable import replace_file
from remediate.history.guard import Guard
from remediate.history.model import RefChange
from remediate.history.reflogs import MARK
from remediate.history.refnames import Renames, log_path, symbols
from remediate.history.repo import PSEUDO_REFS, Repo
from remediate.history.worktrees import remove_file

_SHOWN = 5


@dataclass(frozen=True)
class Move:
    """A ref's way from where and what it is to where and what it will be."""

    name: str
    """What it will be called."""
    old: str
    new: str
    was: str
    """What it is called; the same, for most."""

    @property
    def back(self) -> Move:
        """The way back."""
        return Move(self.was, self.new, self.old, self.name)

    def stands(self, now: Mapping[str, str]) -> bool:
        """Whether the refs as they are *now* are at one end of it, or on the way."""
        here, there = now.get(self.was), now.get(self.name)
        if self.was == self.name:
            return there in (self.old, self.new)
        return (
            here in (None, self.old) and there in (None, self.new) and (here or there) is not None
        )


def all_moves(
    repo: Repo, planned: Sequence[RefChange], objects: Mapping[str, str], renames: Renames
) -> list[Move]:
    """*planned*, and what else is at an object that is replaced: per-worktree refs, pseudo refs.

    ORIG_HEAD and its like move with every other command and are taken as they are now. Raises
    `RepositoryError` where an ordinary ref is there that the plan does not know.
    """
    if repo.ref_format != "files":
        raise RepositoryError(
            f"This repository keeps its refs as a {repo.ref_format}; their logs can't be rewritten here.",
            hint="git refs migrate --ref-format=files (git 2.46 or newer), then: remediate resume",
        )
    before = {new: old for old, new in renames.items()}
    moves = [
        Move(change.name, change.old, change.new, before.get(change.name, change.name))
        for change in planned
        if not passing(change.name)
    ]
    known = {name for move in moves for name in (move.name, move.was)}
    strange = []
    for ref in repo.refs():
        if ref.symbolic or ref.name in known:
            continue
        if ref.oid not in objects and ref.name not in renames:
            continue
        if ref.pseudo or ref.name.startswith("worktrees/"):
            new = objects.get(ref.oid, ref.oid)
            moves.append(Move(renames.get(ref.name, ref.name), ref.oid, new, ref.name))
        else:
            strange.append(renames.get(ref.name, ref.name))
    if strange:
        raise RepositoryError(
            f"{_names(strange)} came to point at history with the secret in it after the preview.",
            hint="Run the preview again: it will know them too.",
        )
    return sorted(moves, key=lambda move: move.name)


def passing(name: str) -> bool:
    """Whether a ref is one that git overwrites by the way: any pseudo ref but a HEAD."""
    return name.rpartition("/")[2] in PSEUDO_REFS[1:] and "refs/" not in name


def moved_meanwhile(repo: Repo, moves: Sequence[Move]) -> list[Move]:
    """The moves whose refs are at neither end."""
    now = _values(repo)
    return [move for move in moves if not move.stands(now)]


def require_unmoved(repo: Repo, moves: Sequence[Move], *, since: str = "the preview") -> None:
    """Nothing, where each ref is at one end of its move. Raises `RepositoryError` with the names."""
    if strange := moved_meanwhile(repo, moves):
        first = strange[0]
        # A name that changes is not one to be shown.
        renamed = first.was != first.name
        way_out = (
            "keep what is there on a branch, and put the ref back"
            if renamed
            else f"keep what is there on a branch and put the ref back: git branch keep {first.name} "
            f"&& git update-ref --no-deref {first.name} {first.old}"
        )
        again = "Run the preview again. Or" if since == "the preview" else "To go on"
        raise RepositoryError(
            f"{_names([move.name for move in strange])} moved after {since}: somebody is still working "
            "here. Nothing of that was touched.",
            hint=f"{again}, {way_out}",
        )


def carry_out(repo: Repo, guard: Guard, moves: Sequence[Move], renames: Renames) -> int:
    """Make each move that is still to be made; gives how many refs are where they belong.

    *renames*: old name to new of all that get another name, symbolic refs and branches without a
    commit included. Raises `RepositoryError`, having moved none, where a ref is at neither end of its
    move.
    """
    require_unmoved(repo, moves)
    now = _values(repo)
    _copy_logs(repo, renames)
    come = [move for move in moves if now.get(move.name) != move.new]
    commands = [
        f"create {move.name}\0{move.new}"
        if move.name not in now
        else f"update {move.name}\0{move.new}\0{move.old}"
        for move in come
    ]
    _transact(repo, guard, commands, [move.name for move in come], repo.common_dir)
    _follow(repo, guard, renames)
    gone = {move.was for move in moves if move.was != move.name and move.was in now}
    for tree in repo.worktrees:
        # git takes away none by the name that another worktree calls it by.
        own = sorted(n for n in gone if n.startswith(tree.prefix or "refs/"))
        commands = [f"delete {name.removeprefix(tree.prefix)}\0{now[name]}" for name in own]
        _transact(repo, guard, commands, own, tree.git_dir)
    _drop_logs(repo, renames)
    _freshen_packed(repo, guard, {move.old for move in moves if move.old != move.new})
    return len(moves)


def _transact(
    repo: Repo, guard: Guard, commands: Sequence[str], names: Sequence[str], directory: Path
) -> None:
    if not commands:
        return
    text = "".join(f"{line}\0" for line in ("start", *commands, "prepare", "commit"))
    with guard.expecting(_locked(repo, names)):
        guard.git(
            directory,
            *("update-ref", "--no-deref", "-m", MARK, "--stdin", "-z"),
            stdin=text.encode("utf-8", "surrogateescape"),
        )


def _copy_logs(repo: Repo, renames: Renames) -> None:
    """Give each new name the log of the old one, which goes with the old one."""
    for old, new in renames.items():
        source, target = log_path(repo, old), log_path(repo, new)
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(target, [source.read_bytes()], mode=source.stat().st_mode & 0o777)


def _drop_logs(repo: Repo, renames: Renames) -> None:
    """Take away logs that git did not take away with their ref, for it never came to be there."""
    for old in renames:
        path = log_path(repo, old)
        if path.is_file():
            remove_file(path.parents[old.count("/", old.rfind("refs/"))], path)


def _follow(repo: Repo, guard: Guard, renames: Renames) -> None:
    """Have symbolic refs stand for the new names, under new names of their own where they get one."""
    for symbol in list(symbols(repo)) if renames else ():
        name = renames.get(symbol.name, symbol.name)
        target = renames.get(symbol.target, symbol.target)
        if (name, target) == (symbol.name, symbol.target):
            continue
        prefix = symbol.tree.prefix
        local = [part.removeprefix(prefix) for part in (name, target, symbol.name)]
        with guard.expecting(symbol.tree.git_dir / part for part in (local[0], local[2])):
            guard.git(symbol.tree.git_dir, "symbolic-ref", "-m", MARK, local[0], local[1])
            if name != symbol.name:
                guard.git(symbol.tree.git_dir, "symbolic-ref", "-d", local[2])


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
    # First they are packed, then the loose files go: were it one step, a cut of power could leave neither.
    for kept in (["--no-prune"], []):
        with guard.expecting([path, *(repo.common_dir / name for name in names)]):
            guard.git(repo.common_dir, "pack-refs", "--all", *kept)


def _locked(repo: Repo, names: Sequence[str]) -> list[Path]:
    """The files that ``update-ref`` locks: each ref's, and each HEAD whose log may get an entry."""
    heads = [tree.git_dir / "HEAD" for tree in repo.worktrees]
    packed = repo.common_dir / "packed-refs"
    return [*(repo.common_dir / name for name in names), *heads, packed]


def _values(repo: Repo) -> dict[str, str]:
    return {ref.name: ref.oid for ref in repo.refs() if not ref.symbolic}


def _names(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
