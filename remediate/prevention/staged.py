"""What a commit would bring in: looked at before it is made, by fingerprint, by old id and by pattern.

The fingerprints are those of every secret that was ever handled on this machine. Only a machine with the
installation's key can tell them, so this look is a developer's own; servers and CI know ids and patterns.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from remediate.history import git
from remediate.history.repo import Repo
from remediate.incident.home import write_private
from remediate.prevention import hooks, oldids
from remediate.prevention.patterns import EXAMPLES, PATTERNS
from remediate.secret import InstallationKey, Secret

NAME = "known-leaks"
"""In the state folder: the fingerprints, one a line."""

_LONGEST = 4096
"""Bytes of a candidate; a longer run is no secret of one line."""
_RUNS = (
    re.compile(rb"[^\s\"'`<>(){}\[\],;]{6,}"),
    re.compile(rb"[A-Za-z0-9_./+=~-]{6,}"),
    re.compile(rb"[A-Za-z0-9_-]{6,}"),
    re.compile(rb"\"([^\"\n]{4,})\"|'([^'\n]{4,})'|`([^`\n]{4,})`"),
    re.compile(rb"(?<=[=:])\s*[^\n]{4,}"),
    re.compile(rb"(?<=//)[^/@\s]{4,}(?=@)"),
)
_PEM = re.compile(rb"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", re.DOTALL)


@dataclass(frozen=True)
class Caught:
    """One thing that must not be committed. No value in it."""

    path: str
    line: int | None
    what: str
    """For people: "a secret that leaked before", "a github-pat"."""


def remember(home: Path, fingerprints: Iterable[str]) -> int:
    """Add *fingerprints* to the list of known leaks; gives how many it holds."""
    known = known_leaks(home) | set(fingerprints)
    if known != known_leaks(home):
        write_private(home / NAME, "".join(f"{each}\n" for each in sorted(known)).encode())
    return len(known)


def known_leaks(home: Path) -> set[str]:
    """The fingerprints of the list; empty where there is none."""
    try:
        return set((home / NAME).read_text("ascii").split())
    except (OSError, UnicodeDecodeError):
        return set()


def look(repo: Repo, key: InstallationKey, leaks: Set[str]) -> list[Caught]:
    """What of the index, against HEAD, must not be committed."""
    where = repo.work_tree or repo.git_dir
    caught = list(_old_objects(repo, where))
    seen = {each.path for each in caught}
    for path, line, text in _added(where):
        if path in seen:
            continue
        if leaks and any(key.fingerprint(Secret(value)) in leaks for value in candidates(text)):
            caught.append(Caught(path, line, "a secret that leaked before"))
            continue
        for name, pattern in PATTERNS:
            found = re.search(pattern.encode(), text)
            if found and not any(word.encode() in text for word in EXAMPLES):
                caught.append(Caught(path, line, f"a {name}"))
                break
    return caught


def candidates(text: bytes) -> Iterator[bytes]:
    """Every run of *text* that may be a value by itself, each once."""
    seen: set[bytes] = set()
    for pattern in (*_RUNS, _PEM):
        for found in pattern.finditer(text):
            for value in (found.group(), *(g for g in found.groups() if g)):
                for each in (value, value.strip(), value.strip(b" \t\"'`,;.")):
                    if 4 <= len(each) <= _LONGEST and each not in seen:
                        seen.add(each)
                        yield each
    if b"\n" not in text.strip() and text.strip() and text.strip() not in seen:
        yield text.strip()


def _old_objects(repo: Repo, where: Path) -> Iterator[Caught]:
    try:
        old = set((repo.common_dir / hooks.FOLDER / oldids.NAME).read_text("ascii").split())
    except (OSError, UnicodeDecodeError):
        return
    raw = git.run(
        where, "diff-index", "--cached", "--raw", "-r", "-z", "--no-renames", _base(where)
    )
    fields = raw.split(b"\0")
    for facts, path in zip(fields[::2], fields[1::2], strict=False):
        if facts.split(b" ")[3].decode("ascii") in old:
            yield Caught(_shown(path), None, "a file as it was when it held the secret")


def _index(where: Path) -> dict[str, str]:
    """The index that is being committed: ``git commit FILE`` makes one of its own for its hooks."""
    named = os.environ.get("GIT_INDEX_FILE")
    return {"GIT_INDEX_FILE": str(where / named)} if named else {}


def _base(where: Path) -> str:
    """HEAD, or the empty tree before the first commit."""
    head = git.run(where, "rev-parse", "-q", "--verify", "HEAD", accept=(0, 1, 128)).strip()
    if head:
        return head.decode("ascii")
    return git.text(where, "hash-object", "-t", "tree", "/dev/null")


def _added(where: Path) -> Iterator[tuple[str, int | None, bytes]]:
    """(path, line, text) of each added line, and each run of added lines that holds a whole key."""
    raw = git.run(
        where,
        *("diff-index", "--cached", "-p", "-U0", "--no-renames", "--no-ext-diff", "--no-textconv"),
        *("--text", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", _base(where)),
        environment=_index(where),
    )
    path, number = "", 0
    block: list[bytes] = []
    for line in (*raw.split(b"\n"), b"@@ +0 @@"):
        if line.startswith(b"+++ ") and not block:
            path = _shown(line[4:].strip(b'"').removeprefix(b"b/"))
        elif (hunk := re.match(rb"@@ .*?\+(\d+)", line)) is not None:
            if b"-----BEGIN" in (whole := b"\n".join(block)):
                yield path, number - len(block), whole
            number, block = int(hunk[1]), []
        elif line.startswith(b"+"):
            block.append(line[1:])
            yield path, number, line[1:]
            number += 1
        elif line.startswith(b"diff --git "):
            if b"-----BEGIN" in (whole := b"\n".join(block)):
                yield path, number - len(block), whole
            block = []


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "replace")
