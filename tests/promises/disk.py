"""A disk that keeps only what was brought to it: rebuilt from the system calls of a run.

strace writes down each call that changes a file, with its bytes, and each that brings one to disk. `Disk`
follows them: what every file and folder holds, and what would be left of it after a cut of power. POSIX
promises no more than this: a file's content as of its last fsync(2), a folder's names as of the folder's.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FILES = (
    *("open", "openat", "creat", "write", "pwrite64", "writev", "ftruncate", "truncate", "lseek"),
    *("copy_file_range", "sendfile", "fallocate", "fsync", "fdatasync", "syncfs", "sync"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"),
    *("link", "linkat", "symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "chdir", "fchdir"),
)
_OTHERS = ("sendto", "sendmsg", "execve")
_LONGEST = 1 << 28


def traced(log: Path) -> list[str]:
    """What has a command's calls written down in *log*; to stand before it."""
    options = ["-f", "-qq", "--seccomp-bpf", "-yy", "-xx", "-s", str(_LONGEST), "-o", str(log)]
    return ["strace", *options, "-e", f"trace={','.join(_FILES + _OTHERS)}", "-e", "signal=none"]


@dataclass(frozen=True)
class Call:
    """One call that went well."""

    process: int
    name: str
    arguments: str = field(repr=False)
    result: str = field(repr=False)

    @property
    def texts(self) -> list[bytes]:
        """Its strings, in order."""
        return [_bytes(text) for text in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', self.arguments)]

    @property
    def files(self) -> list[tuple[str, str]]:
        """Its descriptors, ``AT_FDCWD`` too, each with what is open there; a deleted file is left out."""
        found = re.findall(r"\b(\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})+)>(\(deleted\))?", self.arguments)
        return [(number, _path(path)) for number, path, gone in found if not gone]

    @property
    def numbers(self) -> list[int]:
        """What stands after the last string or descriptor."""
        return [int(word, 0) for word in re.findall(r"(?<=, )-?\d+\b(?!<)", self.arguments)]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _path(text: str) -> str:
    return os.fsdecode(_bytes(text))


_WHOLE = re.compile(r"(\w+)\((.*)\) += (-?\d+\S*)(.*)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)", re.DOTALL)


def calls(log: Path) -> Iterator[Call]:
    """Each call of *log* that went well, where it ended."""
    begun: dict[int, str] = {}
    with log.open(errors="surrogateescape") as lines:
        for line in lines:
            number, _, text = line.rstrip("\n").partition(" ")
            process, text = int(number), text.strip()
            if text.endswith("<unfinished ...>"):
                begun[process] = text.removesuffix("<unfinished ...>").rstrip()
                continue
            if (rest := _RESUMED.match(text)) is not None:
                text = begun.pop(process, "") + rest[1]
            whole = _WHOLE.match(text)
            if whole is not None and not whole[3].startswith("-"):
                yield Call(process, whole[1], whole[2], whole[3] + whole[4])


class File:
    """A file: what it holds, and what of that is on disk."""

    def __init__(self, data: bytes, mode: int, *, kept: bool) -> None:
        self.data = bytearray(data)
        self.mode = mode
        self.kept = bytes(data) if kept else b""
        self.appends = False
        self._at: dict[tuple[int, str], int] = {}
        self._last = 0

    def opened(self, process: int, number: str, *, appends: bool) -> None:
        self.appends = appends
        self.seek(process, number, 0)

    def seek(self, process: int, number: str, where: int) -> None:
        self._at[process, number] = self._last = where

    def write(self, process: int, number: str, data: bytes) -> None:
        # A descriptor that a child inherited goes on where its parent's stood.
        at = len(self.data) if self.appends else self._at.get((process, number), self._last)
        self.put(at, data)
        self.seek(process, number, at + len(data))

    def put(self, at: int, data: bytes) -> None:
        if at > len(self.data):
            self.data.extend(bytes(at - len(self.data)))
        self.data[at : at + len(data)] = data

    def resize(self, size: int) -> None:
        del self.data[size:]
        self.data.extend(bytes(size - len(self.data)))


@dataclass
class Link:
    """A symbolic link; it is on disk with its name."""

    target: str


class Folder:
    """A folder: its names, and those that are on disk."""

    def __init__(self, mode: int) -> None:
        self.mode = mode
        self.names: dict[str, Node] = {}
        self.kept: dict[str, Node] = {}


Node = File | Link | Folder


class Disk:
    """What lies in the folder *root*, as the calls change it."""

    def __init__(self, root: Path, start: Path) -> None:
        """*start*: a copy of what lay there before the first call, all of it on disk."""
        self._root = root
        self._top = _read(start)
        self._where: dict[int, str] = {}

    # Reading ------------------------------------------------------------------------------------

    def find(self, path: str) -> Node | None:
        """What stands at *path* now; None where nothing does, or it is not below the root."""
        node: Node | None = self._top
        for name in self._parts(path) or ():
            node = node.names.get(name) if isinstance(node, Folder) else None
        return node if self._parts(path) is not None else None

    def _parts(self, path: str) -> tuple[str, ...] | None:
        try:
            return Path(os.path.normpath(path)).relative_to(self._root).parts
        except ValueError:
            return None

    def unkept(self, path: Path) -> list[str]:
        """What a cut of power would change at or below *path*, which is to be a folder."""
        folder = self.find(str(path))
        assert isinstance(folder, Folder), path
        found: list[str] = []
        # Its own name, and that of each folder above it.
        for above in [path, *path.parents]:
            parent = self.find(str(above.parent))
            if above == self._root or not isinstance(parent, Folder):
                break
            if parent.kept.get(above.name) is not parent.names.get(above.name):
                found.append(f"{above}: its name")
        return found + list(_unkept(folder, str(path)))

    def left(self, path: Path, into: Path, names: Callable[[], bool] = lambda: False) -> None:
        """Write what a cut of power would leave of *path* to *into*.

        *names* is asked for each folder whether its names are on disk without having been brought there: file
        systems do that by themselves after a while, in whatever order.
        """
        node: Node | None = self._top
        for name in self._parts(str(path)) or ():
            assert isinstance(node, Folder)
            node = (node.names if names() else node.kept).get(name)
        if isinstance(node, Folder):
            _write(node, into, names, whole=False)

    def now(self, path: Path, into: Path) -> None:
        """Write what lies at *path* now to *into*."""
        node = self.find(str(path))
        assert isinstance(node, Folder), path
        _write(node, into, lambda: True, whole=True)

    # Following ----------------------------------------------------------------------------------

    def follow(self, call: Call) -> None:
        """Do to this disk what *call* did."""
        does = getattr(self, f"_{call.name}", None)
        for number, path in call.files:
            if number == "AT_FDCWD":
                self._where[call.process] = path
        if does is not None:
            does(call)

    def _named(self, call: Call) -> list[str]:
        """The whole path of each of its strings."""
        folders = [path for _, path in call.files]
        found = []
        for at, text in enumerate(call.texts):
            name = os.fsdecode(text)
            base = folders[min(at, len(folders) - 1)] if folders else self._where.get(call.process)
            assert base is not None or name.startswith("/"), f"where is {name} of {call.name}?"
            found.append(os.path.normpath(Path(base or "/") / name))
        return found

    def _parent(self, path: str) -> tuple[Folder | None, str]:
        parent = self.find(str(Path(path).parent))
        return (parent if isinstance(parent, Folder) else None), Path(path).name

    def _file(self, call: Call, at: int = 0) -> tuple[str, File | None]:
        files = call.files
        if len(files) <= at:
            return "", None
        node = self.find(files[at][1])
        return files[at][0], node if isinstance(node, File) else None

    def _openat(self, call: Call) -> None:
        opened = re.match(r"(\d+)<((?:\\x[0-9a-f]{2})+)>", call.result)
        if opened is None or not re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)", call.arguments):
            return
        path = _path(opened[2])
        parent, name = self._parent(path)
        if parent is None:
            return
        node = parent.names.get(name)
        if node is None:
            mode = re.search(r", (0\d*)$", call.arguments)
            node = parent.names[name] = File(b"", int(mode[1], 8) if mode else 0o600, kept=False)
            node.mode &= ~0o022
        if isinstance(node, File):
            if "O_TRUNC" in call.arguments:
                node.resize(0)
            node.opened(call.process, opened[1], appends="O_APPEND" in call.arguments)

    _open = _creat = _openat

    def _write(self, call: Call) -> None:
        number, file = self._file(call)
        if file is not None:
            file.write(call.process, number, b"".join(call.texts)[: int(call.result.split()[0])])

    _writev = _write

    def _pwrite64(self, call: Call) -> None:
        _, file = self._file(call)
        if file is not None:
            file.put(call.numbers[-1], call.texts[0][: int(call.result.split()[0])])

    def _lseek(self, call: Call) -> None:
        number, file = self._file(call)
        if file is not None:
            file.seek(call.process, number, int(call.result.split()[0]))

    def _ftruncate(self, call: Call) -> None:
        _, file = self._file(call)
        if file is not None:
            file.resize(call.numbers[-1])

    def _truncate(self, call: Call) -> None:
        node = self.find(self._named(call)[0])
        if isinstance(node, File):
            node.resize(call.numbers[-1])

    def _fallocate(self, call: Call) -> None:
        _, file = self._file(call)
        if file is not None:
            file.resize(max(len(file.data), sum(call.numbers[-2:])))

    def _sendfile(self, call: Call) -> None:
        number, file = self._file(call)
        if file is not None:
            self._copied(call, number, file, call.files[1][1])

    def _copy_file_range(self, call: Call) -> None:
        number, file = self._file(call, 1)
        if file is not None:
            self._copied(call, number, file, call.files[0][1])

    def _copied(self, call: Call, number: str, file: File, source: str) -> None:
        found = self.find(source)
        data = bytes(found.data) if isinstance(found, File) else Path(source).read_bytes()
        at = len(file.data)
        file.write(call.process, number, data[at : at + int(call.result.split()[0])])

    def _fsync(self, call: Call) -> None:
        for _, path in call.files:
            node = self.find(path)
            if isinstance(node, File):
                node.kept = bytes(node.data)
            elif isinstance(node, Folder):
                node.kept = dict(node.names)

    _fdatasync = _fsync

    def _sync(self, _call: Call) -> None:
        _keep(self._top)

    _syncfs = _sync

    def _rename(self, call: Call) -> None:
        old, new = self._named(call)
        (source, was), (target, is_) = self._parent(old), self._parent(new)
        node = source.names.pop(was, None) if source is not None else None
        if target is not None and node is not None:
            target.names[is_] = node
        elif target is not None:
            # Out of a folder that is not followed.
            data = Path(new).read_bytes() if Path(new).is_file() else b""
            target.names[is_] = File(data, 0o644, kept=False)

    _renameat = _renameat2 = _rename

    def _unlink(self, call: Call) -> None:
        parent, name = self._parent(self._named(call)[0])
        if parent is not None:
            parent.names.pop(name, None)

    _unlinkat = _rmdir = _unlink

    def _mkdir(self, call: Call) -> None:
        parent, name = self._parent(self._named(call)[0])
        if parent is not None:
            mode = re.search(r", (0\d*)$", call.arguments)
            parent.names[name] = Folder((int(mode[1], 8) if mode else 0o777) & ~0o022)

    _mkdirat = _mkdir

    def _link(self, call: Call) -> None:
        old, new = self._named(call)
        parent, name = self._parent(new)
        node = self.find(old)
        if parent is not None and node is not None:
            parent.names[name] = node

    _linkat = _link

    def _symlink(self, call: Call) -> None:
        parent, name = self._parent(self._named(call)[1])
        if parent is not None:
            parent.names[name] = Link(os.fsdecode(call.texts[0]))

    _symlinkat = _symlink

    def _chmod(self, call: Call) -> None:
        path = self._named(call)[0] if call.texts else (call.files or [("", "")])[0][1]
        node = self.find(path)
        mode = re.search(r", (0\d*)", call.arguments)
        if isinstance(node, File | Folder) and mode:
            node.mode = int(mode[1], 8)

    _fchmod = _fchmodat = _chmod

    def _chdir(self, call: Call) -> None:
        self._where[call.process] = self._named(call)[0] if call.texts else call.files[0][1]

    _fchdir = _chdir


def _read(path: Path) -> Folder:
    folder = Folder(stat.S_IMODE(path.stat().st_mode))
    for entry in path.iterdir():
        if entry.is_symlink():
            node: Node = Link(str(entry.readlink()))
        elif entry.is_dir():
            node = _read(entry)
        else:
            node = File(entry.read_bytes(), stat.S_IMODE(entry.stat().st_mode), kept=True)
        folder.names[entry.name] = folder.kept[entry.name] = node
    return folder


def _keep(node: Node) -> None:
    if isinstance(node, File):
        node.kept = bytes(node.data)
    elif isinstance(node, Folder):
        node.kept = dict(node.names)
        for inner in node.names.values():
            _keep(inner)


def _unkept(folder: Folder, path: str) -> Iterator[str]:
    for name in sorted({*folder.names, *folder.kept}):
        now, then = folder.names.get(name), folder.kept.get(name)
        where = f"{path}/{name}"
        if now is not then:
            yield f"{where}: {'new' if then is None else 'removed' if now is None else 'another'}"
        if isinstance(now, File) and bytes(now.data) != now.kept:
            yield f"{where}: {len(now.data)} bytes, {len(now.kept)} on disk"
        if isinstance(now, Folder):
            yield from _unkept(now, where)


def _write(folder: Folder, into: Path, names: Callable[[], bool], *, whole: bool) -> None:
    into.mkdir()
    for name, node in (folder.names if names() else folder.kept).items():
        path = into / name
        if isinstance(node, Folder):
            _write(node, path, names, whole=whole)
        elif isinstance(node, Link):
            path.symlink_to(node.target)
        else:
            path.write_bytes(bytes(node.data) if whole else node.kept)
            path.chmod(node.mode)
    into.chmod(folder.mode)


def differs(one: Path, other: Path, but: Iterable[str]) -> list[str]:
    """Every path at which two folders differ in what is there or what it holds; *but*: ends of names."""
    found = []
    ends = tuple(but)
    names = {p.relative_to(top) for top in (one, other) for p in top.rglob("*")}
    for name in sorted(names):
        if str(name).endswith(ends):
            continue
        a, b = one / name, other / name
        if a.is_symlink() or b.is_symlink():
            same = a.is_symlink() and b.is_symlink() and a.readlink() == b.readlink()
        elif a.is_file() and b.is_file():
            same = a.read_bytes() == b.read_bytes()
        else:
            same = a.is_dir() and b.is_dir()
        if not same:
            found.append(str(name))
    return found
