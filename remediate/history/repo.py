"""`Repo`: what there is to know of a repository before anything is read from it or done to it.

`open_repo` finds one from any path that git would take; `require_rewritable` says whether it may be
rewritten now, and if not, what is in the way and how to mend it. Nothing here writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from remediate.errors import BusyError, GitError, RepositoryError
from remediate.history import git
from remediate.history.borrowers import require_no_borrower

#: Files of one id (or ``ref: …``) beside HEAD that git itself writes in a worktree's git directory,
#: and that ``update-ref`` can move (gitglossary(7), "pseudoref"). FETCH_HEAD holds many: a file to us.
PSEUDO_REFS = (
    "HEAD",
    "ORIG_HEAD",
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "BISECT_HEAD",
    "AUTO_MERGE",
)

#: Refs that each worktree has of its own (gitrepository-layout(5)).
_PER_WORKTREE = ("refs/bisect", "refs/worktree", "refs/rewritten")

#: What shows that git was left in the middle of something, and how one gets out of it.
_IN_PROGRESS = (
    ("rebase-merge", "a rebase", "git rebase --abort (or --continue)"),
    ("rebase-apply", "a rebase or git am", "git rebase --abort or git am --abort"),
    ("MERGE_HEAD", "a merge", "git merge --abort (or commit it)"),
    ("CHERRY_PICK_HEAD", "a cherry-pick", "git cherry-pick --abort (or --continue)"),
    ("REVERT_HEAD", "a revert", "git revert --abort (or --continue)"),
    ("sequencer", "a cherry-pick or revert", "git cherry-pick --quit"),
    ("BISECT_START", "a bisection", "git bisect reset"),
)

_LOCKS = ("index.lock", "HEAD.lock", "packed-refs.lock", "shallow.lock", "config.lock")


@dataclass(frozen=True)
class Ref:
    """One ref. Its name is good for ``git update-ref`` run in the common directory."""

    name: str
    """Full; ``HEAD`` is the main worktree's, ``worktrees/<id>/HEAD`` a linked one's."""
    oid: str
    """What it points at directly (a tag object, not the commit within)."""
    symbolic: str | None = None
    """The ref that it stands for, where it is a symbolic one."""

    @property
    def pseudo(self) -> bool:
        """Whether it is one of `PSEUDO_REFS`, not something below ``refs/``."""
        return self.name.rpartition("/")[2] in PSEUDO_REFS and "refs/" not in self.name


@dataclass(frozen=True)
class Worktree:
    """A place where the repository is checked out."""

    git_dir: Path
    """Where its HEAD and index are: the common directory, or ``<common>/worktrees/<id>``."""
    path: Path | None
    """Its root; None for the main one of a bare repository, and where the folder is gone."""
    id: str | None
    """What git calls a linked one; None for the main one."""

    @property
    def prefix(self) -> str:
        """What stands before its own refs' names: nothing, or ``worktrees/<id>/``."""
        return f"worktrees/{self.id}/" if self.id is not None else ""


@dataclass(frozen=True)
class Repo:
    """A repository, as it was when it was opened."""

    git_dir: Path
    """The git directory of the worktree that it was opened from."""
    common_dir: Path
    """Where refs and objects are; the same as `git_dir` but in a linked worktree."""
    work_tree: Path | None
    """The root of the worktree that it was opened from; None for a bare one."""
    object_format: str
    """``sha1`` or ``sha256``."""
    ref_format: str
    """``files`` or ``reftable``."""
    bare: bool
    shallow: bool
    partial: bool
    """Whether objects may be missing on purpose (a promisor remote)."""
    alternates: tuple[Path, ...]
    """Object directories that it borrows from."""
    grafts: bool
    """Whether there is an ``info/grafts`` (never followed here)."""
    precious: bool
    """Whether ``extensions.preciousObjects`` forbids dropping objects."""
    worktrees: tuple[Worktree, ...]
    """The main one first."""

    @property
    def hex_length(self) -> int:
        """How many hex digits an object id has."""
        return 64 if self.object_format == "sha256" else 40

    @property
    def null_id(self) -> str:
        """The id that stands for "no object"."""
        return "0" * self.hex_length

    @property
    def objects_dir(self) -> Path:
        """The object directory."""
        return self.common_dir / "objects"

    def git(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        """Run a sealed git in the common directory and give its output; raises `GitError`."""
        return git.run(self.common_dir, *arguments, stdin=stdin)

    def refs(self) -> tuple[Ref, ...]:
        """Every ref as it is now, of every namespace and every worktree, HEADs included; sorted."""
        found = {ref.name: ref for ref in _listed(self.common_dir)}
        for tree in self.worktrees:
            if tree.id is not None and _any_file(tree.git_dir / "refs"):
                for ref in _listed(tree.git_dir, *_PER_WORKTREE):
                    name = tree.prefix + ref.name
                    found[name] = Ref(name, ref.oid, ref.symbolic)
            for name in PSEUDO_REFS:
                if (pseudo := self._pseudo(tree, name)) is not None:
                    found[pseudo.name] = pseudo
        return tuple(found[name] for name in sorted(found))

    def _pseudo(self, tree: Worktree, name: str) -> Ref | None:
        if self.ref_format == "files" and not (tree.git_dir / name).is_file():
            return None
        oid = git.run(tree.git_dir, "rev-parse", "-q", "--verify", name, accept=(0, 1, 128))
        if not oid:
            return None
        target = git.run(tree.git_dir, "symbolic-ref", "-q", name, accept=(0, 1, 128))
        return Ref(tree.prefix + name, _line(oid), _line(target) or None)


def open_repo(path: Path) -> Repo:
    """The repository at *path*: a work tree, a folder in one, a bare repository, a linked worktree.

    Raises `RepositoryError` where there is none, or git can't open it.
    """
    if not path.is_dir():
        raise RepositoryError(
            f"{path} is not a folder.", hint="Name the repository with --repo PATH."
        )
    try:
        facts = git.text(
            path,
            "rev-parse",
            "--path-format=absolute",
            "--absolute-git-dir",
            "--git-common-dir",
            "--show-object-format",
            "--is-bare-repository",
            "--is-inside-work-tree",
        ).splitlines()
    except GitError as error:
        raise RepositoryError(
            f"{path} is not in a git repository that can be opened. {error.message}",
            hint="Name the repository with --repo PATH.",
        ) from None
    if len(facts) != 5 or not all(Path(line).is_absolute() for line in facts[:2]):
        # git before 2.31 takes --path-format for a file's name and says it again.
        raise RepositoryError(
            f"{path} can't be opened, for git's answer is none that can be read: this git is older than 2.39, or "
            "the repository's path has a line break in it.",
            hint="See which: remediate doctor. Then install git 2.39 or newer, or rename the folder.",
        )
    git_dir, common_dir = (Path(line).resolve() for line in facts[:2])
    config = _config(common_dir)
    bare = config.get("core.bare", "false") == "true"
    top = None
    if facts[4] == "true":
        top = Path(git.text(path, "rev-parse", "--show-toplevel"))
    worktrees = (_main_worktree(git_dir, common_dir, bare, config, top), *_linked(common_dir))
    here = next((tree for tree in worktrees if tree.git_dir == git_dir), worktrees[0])
    return Repo(
        git_dir=git_dir,
        common_dir=common_dir,
        work_tree=top or here.path,
        object_format=facts[2],
        ref_format=config.get("extensions.refstorage", "files"),
        bare=bare,
        shallow=(common_dir / "shallow").is_file(),
        partial="extensions.partialclone" in config
        or any(k.startswith("remote.") and k.endswith(".promisor") for k in config),
        alternates=tuple(_alternates(common_dir / "objects")),
        grafts=(common_dir / "info" / "grafts").is_file(),
        precious=config.get("extensions.preciousobjects", "false") == "true",
        worktrees=worktrees,
    )


def require_rewritable(repo: Repo, *, midway: bool = False) -> None:
    """Nothing, where *repo* may be rewritten now.

    With *midway* half-done merges, rebases and the like are fine: the caller maps what they name.

    Raises `RepositoryError` (`BusyError` for another process), naming what is in the way and how to
    mend it. An empty repository is fine: there is nothing to do in it.
    """
    for tree in repo.worktrees:
        for name, what, way_out in () if midway else _IN_PROGRESS:
            if (tree.git_dir / name).exists():
                raise RepositoryError(
                    f"{tree.path or tree.git_dir} is in the middle of {what}. Its half-made state "
                    "names commits that the rewrite replaces.",
                    hint=f"Finish or leave it: {way_out}.",
                )
    if repo.shallow:
        raise RepositoryError(
            "This clone is shallow: the secret may be in history that it does not have.",
            hint="Fetch the rest: git fetch --unshallow",
        )
    if repo.partial:
        raise RepositoryError(
            "This clone is partial: objects are missing from it, so it can't be read whole.",
            hint="Work in a full clone: git clone --no-local URL",
        )
    if repo.alternates:
        raise RepositoryError(
            f"This clone borrows objects from {repo.alternates[0]}: what is there can't be removed "
            "from here.",
            hint=f"Make it stand alone: git repack -a -d && rm '{repo.objects_dir}/info/alternates'"
            " — or work in the repository that it borrows from.",
        )
    if repo.precious:
        raise RepositoryError(
            "extensions.preciousObjects is set: other clones borrow objects from here, and removing "
            "some would break them.",
            hint="Make those clones stand alone (git repack -a -d in each), then: "
            "git config --unset extensions.preciousObjects",
        )
    require_no_borrower(repo.common_dir, repo.work_tree)
    if repo.ref_format != "files":
        raise RepositoryError(
            f"This repository keeps its refs as a {repo.ref_format}; their logs can't be rewritten here.",
            hint="git refs migrate --ref-format=files (git 2.46 or newer).",
        )
    for keep in sorted((repo.objects_dir / "pack").glob("*.keep")):
        raise RepositoryError(
            f"{keep} says that its pack must stay as it is, so what it holds can't be removed.",
            hint=f"If nobody needs it kept: rm '{keep}'",
        )
    _require_quiet(repo)
    if not os.access(repo.objects_dir, os.W_OK | os.X_OK):
        raise RepositoryError(
            f"{repo.objects_dir} can't be written to by this user.",
            hint="Run as the user who owns the repository.",
        )


def _require_quiet(repo: Repo) -> None:
    for tree in repo.worktrees:
        for name in _LOCKS:
            if (lock := tree.git_dir / name).exists():
                raise BusyError(
                    f"Another git process holds {lock}, or one left it behind when it died.",
                    hint=f"Wait for it to end; if none is running: rm '{lock}'",
                )
    pid_file = repo.common_dir / "gc.pid"
    if not pid_file.is_file():
        return
    pid, _, host = pid_file.read_text(errors="replace").strip().partition(" ")
    if host == os.uname().nodename and pid.isdigit() and _alive(int(pid)):
        raise BusyError(f"git gc is running here (process {pid}).", hint="Wait until it has ended.")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _line(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape").strip()


def _config(common_dir: Path) -> dict[str, str]:
    """The repository's own settings: names in lower case (where git does not tell cases apart)."""
    raw = git.run(common_dir, "config", "--local", "--list", "-z", accept=(0, 1))
    pairs = (entry.partition("\n") for entry in raw.decode("utf-8", "surrogateescape").split("\0"))
    return {key: value for key, _, value in pairs if key}


def _main_worktree(
    git_dir: Path, common_dir: Path, bare: bool, config: dict[str, str], top: Path | None
) -> Worktree:
    path: Path | None = None
    if git_dir == common_dir and top is not None:
        path = top
    elif not bare and (configured := config.get("core.worktree")):
        path = (common_dir / configured).resolve()
    elif not bare and common_dir.name == ".git":
        path = common_dir.parent
    return Worktree(common_dir, path if path is not None and path.is_dir() else None, None)


def _linked(common_dir: Path) -> Iterator[Worktree]:
    folder = common_dir / "worktrees"
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            pointer = (entry / "gitdir").read_bytes().rstrip(b"\n")
        except OSError:
            continue
        # Relative since git 2.48 with worktree.useRelativePaths; then relative to the entry itself.
        root = (entry / Path(os.fsdecode(pointer))).parent.resolve()
        yield Worktree(entry, root if root.is_dir() else None, entry.name)


def _alternates(objects: Path, depth: int = 0) -> Iterator[Path]:
    """Where *objects* borrows from, and where that borrows from (git stops at five)."""
    try:
        lines = (objects / "info" / "alternates").read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        if line and not line.startswith(b"#"):
            borrowed = (objects / Path(os.fsdecode(line))).resolve()
            yield borrowed
            if depth < 5:
                yield from _alternates(borrowed, depth + 1)


def _any_file(folder: Path) -> bool:
    return any(path.is_file() for path in folder.rglob("*")) if folder.is_dir() else False


def _listed(directory: Path, *patterns: str) -> Iterator[Ref]:
    raw = git.run(
        directory, "for-each-ref", "--format=%(objectname) %(refname) %(symref)", *patterns
    )
    for line in raw.decode("utf-8", "surrogateescape").splitlines():
        oid, name, symbolic = line.split(" ")
        yield Ref(name, oid, symbolic or None)
