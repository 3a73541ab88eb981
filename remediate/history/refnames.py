"""Names of refs: which have to change, and to what.

A branch or tag whose name holds a secret gets the replacement in it; a replace ref, whose name is the
id that it stands in for (git-replace(1)), follows that object. The names decided are written down in
the repository for as long as `apply` is at work: half-way, the old ones are gone already, and texts
that mention them still have to be mended.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from remediate.history.durable import replace_file, sync_folder
from remediate.history.edits import Clean
from remediate.history.repo import Repo, Worktree

#: In the common git directory while refs are being renamed: a JSON object, old name to new, 0600.
NOTE = "remediate-renames"

REPLACE = "refs/replace/"
_PER_WORKTREE = ("refs/bisect/", "refs/worktree/", "refs/rewritten/")

#: What `git check-ref-format` forbids: these anywhere, and in a row, and at either end of a part.
_FORBIDDEN = re.compile(rb"[\0-\x20\x7f~^:?*\[\\]|\.(?=\.)|@(?=\{)")
_ENDS = re.compile(rb"^\.|\.$|\.lock$|^-")

Renames = Mapping[str, str]


def names(repo: Repo) -> set[str]:
    """Every name that can hold a secret: refs, symbolic ones, and what those stand for, there or not."""
    found = {ref.name for ref in repo.refs()}
    for symbol in symbols(repo):
        found |= {symbol.name, symbol.target}
    return {name for name in found if "refs/" in name and proper(name)}


def proper(name: str) -> bool:
    """Whether *name*, taken for a path, stays below the folder that it is looked for in.

    git makes no other; a file that somebody put there can hold any.
    """
    return "\0" not in name and not {"", ".", ".."} & set(name.split("/"))


@dataclass(frozen=True)
class Symbol:
    """A ref that stands for another: a HEAD on a branch, a remote's HEAD…"""

    tree: Worktree
    name: str
    """As the common directory has it (`Ref.name`)."""
    target: str
    """The same of the ref that it stands for, which need not be there."""


def symbols(repo: Repo) -> Iterator[Symbol]:
    """Every symbolic ref, those that lead nowhere included: a branch without commits is one."""
    for tree in repo.worktrees:
        for path in (tree.git_dir / "HEAD", *sorted((tree.git_dir / "refs").rglob("*"))):
            try:
                content = path.read_bytes() if path.is_file() else b""
            except OSError:
                continue
            if content.startswith(b"ref: "):
                name = f"{tree.prefix}{path.relative_to(tree.git_dir)}"
                target = content[5:].strip().decode("utf-8", "surrogateescape")
                own = tree.prefix if target.startswith(_PER_WORKTREE) else ""
                yield Symbol(tree, name, own + target)


def plan(repo: Repo, clean: Clean, objects: Mapping[str, str]) -> dict[str, str]:
    """Old name to new of each ref that has to be renamed; *objects* says old id to new id.

    While an `apply` is half-way, what it decided.
    """
    written = read_note(repo)
    return written if written is not None else decide(names(repo), clean, objects)


def decide(there: Collection[str], clean: Clean, objects: Mapping[str, str]) -> dict[str, str]:
    """What becomes of the names *there*: none comes to be another's, or a folder on another's way."""
    taken = set(there)
    decided: dict[str, str] = {}
    for name in sorted(there):
        wanted = _wanted(name, clean, objects)
        if wanted == name:
            continue
        free = (candidate for candidate in _candidates(wanted) if _free(candidate, taken))
        if name.startswith(REPLACE) and not _free(wanted, taken):
            continue  # somebody has replaced the rewritten object already
        decided[name] = next(free)
        taken.add(decided[name])
    return decided


def read_note(repo: Repo) -> dict[str, str] | None:
    """The names that an `apply` has decided and not finished with; None where there is none.

    None as well for what no `apply` wrote: the file lies in the repository, and whoever made that may have put it there.
    """
    try:
        found = json.loads((repo.common_dir / NOTE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    both = [*found, *found.values()]
    if not all(isinstance(name, str) and "refs/" in name and proper(name) for name in both):
        return None
    return found


def write_note(repo: Repo, renames: Renames) -> None:
    """Keep *renames* until `drop_note`; nothing where there are none."""
    if renames:
        replace_file(repo.common_dir / NOTE, [json.dumps(renames).encode("ascii")], mode=0o600)


def drop_note(repo: Repo) -> None:
    """All texts are mended: the old names are needed no more."""
    path = repo.common_dir / NOTE
    if path.exists():
        path.unlink()
        sync_folder(path.parent)


def in_texts(renames: Renames, clean: Clean) -> Clean:
    """*clean*, for texts that may mention refs: a renamed one by its new name, in full or short."""
    pairs: dict[bytes, bytes] = {}
    for old, new in renames.items():
        if not old.startswith(REPLACE):
            for pair in zip(_spellings(old), _spellings(new), strict=True):
                pairs.setdefault(*pair)
    if not pairs:
        return clean
    # The longest first: one name may begin another.
    longest = sorted(pairs, key=lambda name: (-len(name), name))
    pattern = re.compile(b"|".join(map(re.escape, longest)))

    def mended(text: bytes) -> bytes:
        return clean(pattern.sub(lambda found: pairs[found.group()], text))

    return mended


def log_path(repo: Repo, name: str) -> Path:
    """Where the reflog of the ref *name* is."""
    prefix, _, rest = name.rpartition("refs/")
    return repo.common_dir / prefix / "logs" / f"refs/{rest}"


def _wanted(name: str, clean: Clean, objects: Mapping[str, str]) -> str:
    if name.startswith(REPLACE) and (new := objects.get(name.removeprefix(REPLACE))) is not None:
        return REPLACE + new
    at = name.rfind("refs/") + len("refs/")
    old = name[at:].encode("utf-8", "surrogateescape")
    new_name = clean(old)
    return name if new_name == old else name[:at] + _allowed(new_name)


def _allowed(name: bytes) -> str:
    """*name* so that git takes it for a ref's: what a rule of one's own put in may be anything."""
    parts = [_ENDS.sub(b"_", _FORBIDDEN.sub(b"_", part)) for part in name.split(b"/") if part]
    return b"/".join(parts).decode("utf-8", "surrogateescape")


def _candidates(name: str) -> Iterator[str]:
    yield name
    first, *parts = name.split("/")
    for number in count(2):
        yield f"{name}-{number}"
        # A folder on the way may be what is taken.
        yield "/".join((first, *parts[:1], *(f"{part}-{number}" for part in parts[1:])))


def _free(name: str, taken: Iterable[str]) -> bool:
    return not any(
        name == other or name.startswith(f"{other}/") or other.startswith(f"{name}/")
        for other in taken
    )


def _spellings(name: str) -> list[bytes]:
    """A ref's name as texts have it: in full, and without ``refs/heads/`` and its like."""
    full = name[name.rfind("refs/") :]
    short = full.split("/", 2)[-1]
    spelled = (full, short) if short else (full,)
    return [text.encode("utf-8", "surrogateescape") for text in spelled]
