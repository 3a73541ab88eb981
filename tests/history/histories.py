"""Random histories, many in one repository: merges, octopuses, renames, modes, links, odd encodings."""

from __future__ import annotations

import os
import random
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_PATHS = (
    *(b"a", b"b.txt", b"dir/a", b"dir/deep/c", b"dir/deep/d", b"dir.x", b"z"),
    *("exécutable".encode(), b"latin-\xe9", b"with space", b'quo"te', b"tab\there"),
)
_PEOPLE = (
    ("utf-8", "Ada Dév <ada@example.com>"),
    ("iso-8859-1", "Bjørn Ø <b@example.com>"),
    ("utf-8", " <nobody@example.com>"),
    ("iso-8859-2", "Zażółć <z@example.com>"),
)
_ZONES = ("+0000", "-0730", "+1400", "+0545")


def secrets(dice: random.Random) -> list[str]:
    """A few text secrets: some hold one another, some have signs that expressions know."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    base = "tok_" + "".join(dice.choices(letters, k=dice.randint(8, 24)))
    signs = "".join(dice.choices(letters + "/+=-_.*?[]()$^|\\{}#!:", k=dice.randint(10, 30)))
    return [base, f"{base}-{dice.choice(letters)}longer", f"x{signs}", f"==>{signs}"][
        : dice.randint(1, 4)
    ]


@dataclass
class _Case:
    """One history while it is made: each commit's mark, branch heads with their files."""

    name: bytes
    heads: dict[bytes, tuple[int, dict[bytes, tuple[bytes, int]]]] = field(default_factory=dict)
    ids: list[bytes] = field(default_factory=list)


class Maker:
    """Writes histories through one ``git fast-import``, which tells the ids as it goes."""

    def __init__(self, where: Path, dice: random.Random, values: list[str]) -> None:
        self._dice = dice
        self._values = values
        self._mark = 0
        self._when = 1_600_000_000
        subprocess.run(["git", "init", "-q", "--bare", str(where)], check=True)
        ours, theirs = os.pipe()
        self._told: IO[bytes] = os.fdopen(ours, "rb")
        self._child = subprocess.Popen(
            ["git", "fast-import", "--quiet", "--done", f"--cat-blob-fd={theirs}"],
            cwd=where,
            stdin=subprocess.PIPE,
            pass_fds=[theirs],
        )
        os.close(theirs)
        assert self._child.stdin is not None
        self._to = self._child.stdin

    def close(self) -> None:
        """End it; everything is on disk then."""
        self._to.write(b"done\n")
        self._to.close()
        self._told.close()
        assert self._child.wait() == 0

    def history(self, number: int) -> None:
        """One more history, of its own root and branches."""
        dice = self._dice
        case = _Case(b"case-%d" % number)
        self._commit(case, b"main", [], {b"a": (self._file(b"begin\n"), 0o100644)})
        for _ in range(dice.randint(2, 9)):
            branch = dice.choice((b"main", b"main", b"one", b"two", b"three"))
            base = case.heads.get(branch) or case.heads[dice.choice(sorted(case.heads))]
            mark, files = base[0], dict(base[1])
            others = sorted(name for name in case.heads if case.heads[name][0] != mark)
            kind = dice.random()
            if kind < 0.25 and others:
                merged = dice.sample(others, dice.randint(1, len(others)))
                for name in merged:
                    files |= case.heads[name][1] if dice.random() < 0.5 else {}
                _settle(files)
                self._commit(case, branch, [mark, *(case.heads[n][0] for n in merged)], files)
                continue
            if kind > 0.35:  # else an empty commit
                for _ in range(dice.randint(1, 3)):
                    self._edit(files)
            self._commit(case, branch, [mark], files)

    def _edit(self, files: dict[bytes, tuple[bytes, int]]) -> None:
        dice = self._dice
        path, what = dice.choice(_PATHS), dice.random()
        if what < 0.15 and path in files and len(files) > 1:
            del files[path]
        elif what < 0.3 and files:
            files[path] = files.pop(dice.choice(sorted(files)))
        elif what < 0.4 and path in files and files[path][1] != 0o120000:
            content, mode = files[path]
            files[path] = (content, mode ^ 0o111)
        elif what < 0.5:
            target = dice.choice(("./x//", "", "../")) + dice.choice([*self._values, "plain"])
            files[path] = (self._file(target.encode()), 0o120000)
        else:
            files[path] = (self._file(self._text()), 0o100644)
        _settle(files)

    def _text(self) -> bytes:
        dice = self._dice
        end = dice.choice((b"\n", b"\n", b"\r\n"))
        lines = []
        for _ in range(dice.randint(0, 6)):
            value = dice.choice(self._values).encode()
            lines.append(
                dice.choice(
                    (
                        *(b"plain", b"x = 1", b"\xff\xfe odd \xe9", value, value + value),
                        *(b"k='" + value + b"'", b"a" + value + b"b" + value, value[:-1]),
                    )
                )
            )
        return end.join(lines) + dice.choice((end, b""))

    def _file(self, content: bytes) -> bytes:
        self._mark += 1
        self._to.write(b"blob\nmark :%d\ndata %d\n%s\n" % (self._mark, len(content), content))
        return b":%d" % self._mark

    def _commit(
        self,
        case: _Case,
        branch: bytes,
        parents: list[int],
        files: dict[bytes, tuple[bytes, int]],
    ) -> None:
        dice = self._dice
        encoding, who = dice.choice(_PEOPLE)
        self._mark += 1
        self._when += dice.randint(-50, 500)
        person = who.encode(encoding)
        message = f"number {self._mark}\n\nwörds\n".encode(
            "utf-8" if encoding != "iso-8859-2" else "ascii", "ignore"
        )
        for _ in range(dice.choice((0, 0, 1, 2)) if case.ids else 0):
            named = dice.choice(case.ids)
            message += b"see " + named[: dice.choice((40, 12, 7, 40))] + b".\n"
        out = [
            b"commit refs/heads/%s/%s" % (case.name, branch),
            b"mark :%d" % self._mark,
            b"author %s %d %s" % (person, self._when, dice.choice(_ZONES).encode()),
            b"committer %s %d %s" % (person, self._when + 7, dice.choice(_ZONES).encode()),
            *([b"encoding " + encoding.encode()] if encoding != "utf-8" else []),
            b"data %d\n%s" % (len(message), message),
            *([b"from :%d" % parents[0]] if parents else []),
            *(b"merge :%d" % parent for parent in parents[1:]),
            b"deleteall",
            *(b"M %o %s %s" % (mode, blob, _quoted(path)) for path, (blob, mode) in files.items()),
            b"",
            b"get-mark :%d" % self._mark,
        ]
        self._to.write(b"\n".join(out) + b"\n")
        self._to.flush()
        case.ids.append(self._told.readline().strip())
        case.heads[branch] = (self._mark, files)


def _settle(files: dict[bytes, tuple[bytes, int]]) -> None:
    """Take out what can't be beside a folder of its name."""
    for path in list(files):
        parts = path.split(b"/")
        for depth in range(1, len(parts)):
            files.pop(b"/".join(parts[:depth]), None)


def _quoted(path: bytes) -> bytes:
    text = path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\t", b"\\t")
    return b'"' + text + b'"'
