"""One file as one commit had it, by path: where a report says that something stands."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import TracebackType
from typing import IO

from remediate.history import git

LARGEST = 64 << 20
"""Bytes. A larger file is not read: no scanner looks into one."""

_HEADER = re.compile(rb"[0-9a-f]{40,64} (\w+) (\d+)\n")
_COMMIT = re.compile(r"[0-9a-fA-F]{4,64}")
_CHUNK = 1 << 20


class Blobs:
    """Files of a repository's commits, read by one child of git for as many as are asked for.

    A context manager. What it is asked for comes out of a report, so nothing in it is believed:
    only a hex id and a path below the root reach git.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._child: subprocess.Popen[bytes] | None = None
        self._last: tuple[str, bytes | None] = ("", None)

    def read(self, commit: str | None, path: str) -> bytes | None:
        """The file *path* as it was in *commit* (None: the newest commit, HEAD).

        None where there is no such commit, file or object, where it is no file, or is larger than
        `LARGEST`.
        """
        if commit is not None and not _COMMIT.fullmatch(commit):
            return None
        # "commit:./x" would be relative to the working folder; a newline would end git's answer early.
        if re.search(r"[\x00-\x1f]", path) or path.split("/")[0] in ("", ".", ".."):
            return None
        name = f"{commit or 'HEAD'}:{path}"
        if name != self._last[0]:
            # A report lists a file's findings one after another.
            self._last = (name, self._ask(name))
        return self._last[1]

    def _ask(self, name: str) -> bytes | None:
        try:
            question = name.encode("utf-8", "surrogateescape") + b"\0"
        except UnicodeEncodeError:
            return None
        if self._child is None:
            self._child = git.start(self._directory, "cat-file", "--batch", "-z")
        out, into = self._child.stdout, self._child.stdin
        if out is None or into is None:
            return None
        try:
            into.write(question)
            into.flush()
            answer = out.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            # git died of a damaged object; the next question gets another child.
            self.close()
            return None
        found = _HEADER.fullmatch(answer)
        if found is None:
            return None
        size, wanted = int(found[2]), found[1] == b"blob" and int(found[2]) <= LARGEST
        content = out.read(size) if wanted else _skip(out, size)
        if len(content) != (size if wanted else 0) or out.read(1) != b"\n":
            self.close()
            return None
        return content if wanted else None

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def __enter__(self) -> Blobs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _skip(out: IO[bytes], size: int) -> bytes:
    """Read *size* bytes without keeping them."""
    while size > 0:
        got = len(out.read(min(size, _CHUNK)))
        if not got:
            break
        size -= got
    return b""
