"""git hooks of ours: put in beside whatever is there, and taken out again without a trace.

A hook that was there before is kept as ``NAME.before-remediate`` and runs first.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from remediate.errors import StateError
from remediate.history import git, remote
from remediate.history.durable import replace_file
from remediate.prevention import oldids
from remediate.prevention.patterns import EXAMPLES, one

MARK = "# remediate: keeps a cleaned history clean"
_BEFORE = ".before-remediate"
FOLDER = "remediate"
"""Within the git directory: where the hooks' lists are."""

_BEGIN = f"""#!/bin/sh
{MARK}
# Taken out again by: remediate prevent --remove
before="$0{_BEFORE}"
list="$(git rev-parse --git-common-dir)/{FOLDER}/{oldids.NAME}"
"""

#: Which of the objects that are new to *refs* are old ones. Reads nothing from the network.
_OLD = """
old_in() {
    git rev-list --objects "$1" --not --branches --tags 2>/dev/null |
        awk 'NR == FNR { old[$1] = 1; next } $1 in old { print $1; exit }' "$list" -
}
"""

_REFERENCE = (
    _BEGIN
    + """
if [ -x "$before" ]; then "$before" "$@" || exit; fi
[ "$1" = prepared ] && [ -f "$list" ] || exit 0
"""
    + _OLD
    + """
while read -r from to name; do
    case $to in *[!0]*) ;; *) continue ;; esac
    case $name in
        ORIG_HEAD | FETCH_HEAD | AUTO_MERGE) continue ;;
        # Where the history was cleaned, a colleague's push on the old one is fetched, to be cleaned too.
        refs/remotes/*) [ -f "${list%/*}/strict" ] || continue ;;
    esac
    if grep -qxF "$to" "$list" || [ -n "$(old_in "$to")" ]; then
        echo "remediate: $name would bring back history that was cleaned (it held a secret)." >&2
        echo "  Rebase your own commits onto the new history, or run: remediate rescue MAP" >&2
        exit 1
    fi
done
"""
)

_RECEIVE = (
    _BEGIN
    + """
input=$(cat)
if [ -x "$before" ]; then printf '%s\\n' "$input" | "$before" "$@" || exit; fi
[ -f "$list" ] || exit 0
"""
    + _OLD
    + f"""
patterns={shlex.quote(one())}
examples={shlex.quote("|".join(EXAMPLES))}
printf '%s\\n' "$input" | while read -r from to name; do
    case $to in *[!0]*) ;; *) continue ;; esac
    found=$(old_in "$to")
    if [ -n "$found" ]; then
        echo "remediate: $name brings back history that was cleaned ($found held a secret, or follows it)." >&2
        echo "  In your clone: remediate rescue MAP. Never merge an old branch." >&2
        exit 1
    fi
    secret=$(git rev-list "$to" --not --branches --tags | git diff-tree --stdin --root -m -p -U0 -r |
        grep -a '^+' | grep -aEv "$examples" | grep -aEc "$patterns")
    if [ "${{secret:-0}}" -gt 0 ]; then
        echo "remediate: $name holds $secret lines that look like a live key. Nothing was taken." >&2
        echo "  Take them out of the commits that bring them in, and kill the key: it is on your disk." >&2
        exit 1
    fi
done
"""
)


def _commit() -> str:
    run = f"{shlex.quote(sys.executable)} -m remediate"
    return (
        _BEGIN
        + f"""
if [ -x "$before" ]; then "$before" "$@" || exit; fi
if command -v remediate >/dev/null 2>&1; then exec remediate prevent --hook pre-commit; fi
if {run} --version >/dev/null 2>&1; then exec {run} prevent --hook pre-commit; fi
echo "remediate: not found, so nobody looked whether this commit holds the leaked secret." >&2
"""
    )


STRICT = "strict"
"""A file beside the lists: not even a fetch may bring old history in."""


@dataclass(frozen=True)
class Hook:
    """One hook, put in or taken out."""

    path: Path
    did: str
    """``installed``, ``renewed``, ``removed`` or ``kept`` (a file that is not ours)."""


def folder(git_dir: Path) -> Path:
    """Where git looks for the hooks of the repository at *git_dir* (``core.hooksPath`` counts)."""
    for scope in ("--local", "--global"):
        # As the user's own git reads it; the scope leaves out what our children are given.
        done = remote.run(git_dir, ["config", scope, "--type=path", "--get", "core.hooksPath"])
        named = done.stdout.decode("utf-8", "surrogateescape").strip()
        if named:
            return (git_dir / named).resolve()
    common = git.text(git_dir, "rev-parse", "--path-format=absolute", "--git-common-dir")
    return Path(common) / "hooks"


def install(where: Path, name: str) -> Hook:
    """Put the hook *name* into the folder *where*. Safe to repeat. Raises `StateError`."""
    text = {"reference-transaction": _REFERENCE, "pre-receive": _RECEIVE}.get(name) or _commit()
    path = where / name
    ours = _ours(path)
    try:
        where.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path) and not ours:
            path.rename(path.with_name(name + _BEFORE))
        replace_file(path, [text.encode()], mode=0o755)
    except OSError as error:
        raise StateError(
            f"The hook {path} can't be written: {error.strerror}.",
            hint="Mend the permissions, or have the server's administrator put it there.",
        ) from None
    return Hook(path, "renewed" if ours else "installed")


def remove(where: Path, name: str) -> Hook:
    """Take the hook *name* out again; what was there before is there again."""
    path = where / name
    if not _ours(path):
        return Hook(path, "kept")
    before = path.with_name(name + _BEFORE)
    if before.exists():
        before.replace(path)
    else:
        path.unlink()
    return Hook(path, "removed")


def _ours(path: Path) -> bool:
    try:
        return MARK.encode() in path.read_bytes()[:2000]
    except OSError:
        return False
