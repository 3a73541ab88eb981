"""Where old ids stay: in the messages of commits that keep theirs, and in files.

Ids in messages of rewritten commits are mapped as they are rewritten. A commit that only names one is not
rewritten for that, and a file is somebody's text: they are told, and left.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from remediate.history import git, texts
from remediate.history.model import RefChange
from remediate.wording import count

#: So many are told one by one; then how many more there are.
_TOLD = 20
#: Files are looked at as the newest commits of so many refs have them.
_TIPS = 20
_LONGEST_LINE = 4096

_FULL_ID = "[0-9a-f]{40,64}"


def told(
    directory: Path,
    quarantine: Path,
    refs: Sequence[RefChange],
    commits: Mapping[str, str],
    reachable: Iterable[str],
) -> list[str]:
    """One line for each commit or file that goes on naming one of *commits* (old id to new).

    *reachable* are all commits that an abbreviated id may stand for.
    """
    if not commits:
        return []
    found = dict.fromkeys(
        (*_in_messages(directory, commits, reachable), *_in_files(quarantine, refs, commits))
    )
    lines = list(found)
    more = len(lines) - _TOLD
    return lines[:_TOLD] + (
        [f"… and {count(more, 'more place names', 'more places name')} old ids."]
        if more > 0
        else []
    )


def _in_messages(
    directory: Path, commits: Mapping[str, str], reachable: Iterable[str]
) -> Iterator[str]:
    ids = texts.Ids(set(reachable))
    # Nobody names a commit before it is made.
    first = next(iter(commits))
    since = git.run(directory, "log", "-1", "--no-walk", "--format=%ct", first, accept=(0, 128))
    child = git.start(
        directory,
        *(
            "log",
            "--all",
            f"--since={since.decode('ascii', 'replace').strip()}",
            "-z",
            "--format=%H %B",
        ),
        stdin=subprocess.DEVNULL,
    )
    with child:
        assert child.stdout is not None
        for commit, message in _records(child.stdout):
            if commit in commits:
                continue
            for named in dict.fromkeys(ids.named_in(message)):
                if named in commits:
                    yield (
                        f"Commit {commit} keeps its id, and names {named} in its message, "
                        f"which becomes {commits[named]}."
                    )


def _records(stream: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    rest = b""
    for chunk in stream:
        *whole, rest = (rest + chunk).split(b"\0")
        for record in whole:
            yield record[: record.find(b" ")].decode("ascii"), record[record.find(b" ") :]
    if rest:
        yield rest[: rest.find(b" ")].decode("ascii"), rest[rest.find(b" ") :]


def _in_files(
    quarantine: Path, refs: Sequence[RefChange], commits: Mapping[str, str]
) -> Iterator[str]:
    heads = [ref.new for ref in refs if ref.name.startswith("refs/heads/")]
    for tip in dict.fromkeys(heads[:_TIPS]):
        raw = git.run(
            quarantine,
            *("grep", "-I", "-o", "-w", "--full-name", "-z", "-E", _FULL_ID, tip),
            accept=(0, 1, 128),  # what is damaged has been named already
        )
        for line in raw.splitlines():
            name, _, shown = line.rpartition(b"\0")
            oid = shown[:_LONGEST_LINE].decode("ascii", "replace")
            if oid in commits:
                path = name.partition(b":")[2].decode("utf-8", "replace")
                yield f"{path} names {oid}, which becomes {commits[oid]}."
