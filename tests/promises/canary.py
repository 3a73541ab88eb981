"""Known values, looked for in everything that a run wrote, showed, or handed to a child."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from remediate.secret import Secret

from .world import git


def forms(value: bytes) -> Iterator[bytes]:
    """*value* as it is, and encoded as it would be inside a larger text."""
    yield value
    yield from (quote(value, safe="").encode(), quote_plus(value).encode())
    yield from (value.hex().encode(), value.hex().upper().encode())
    yield "".join(f"%{byte:02x}" for byte in value).encode()
    yield json.dumps(value.decode())[1:-1].encode()
    yield json.dumps(value.decode())[1:-1].replace("/", "\\/").encode()
    yield "".join(f"\\u{ord(letter):04x}" for letter in value.decode()).encode()
    yield value.decode().encode("utf-16-le")
    yield value[::-1]
    for offset in range(3):
        # Where the value begins in a group of three decides its letters; the ends are its neighbours'.
        whole = base64.b64encode(b"\0" * offset + value)
        middle = whole[(offset * 8 + 5) // 6 : (offset + len(value)) * 8 // 6]
        yield from (middle, middle.replace(b"+", b"-").replace(b"/", b"_"))


@dataclass
class Canary:
    """What was searched, and every hit: the value's name and the place, never the value."""

    files: int = 0
    searched: int = 0
    children: int = 0
    """Programs whose arguments and environment were watched."""
    debugged: int = 0
    """Bytes of debug logs, of every library that writes one."""
    hits: list[str] = field(default_factory=list)

    def look(self, place: str, data: bytes, values: Iterable[tuple[str, Secret]]) -> None:
        """Search *data*."""
        self.files += 1
        self.searched += len(data)
        for name, value in values:
            if any(form in data for form in forms(value.reveal())):
                self.hits.append(f"{name} in {place}")

    def look_through(self, root: Path, values: list[tuple[str, Secret]], at: str) -> None:
        """Search every file below *root*, its name too, a git object or zlib stream unpacked."""
        for path in sorted(root.rglob("*")):
            place = f"{at}: {path.relative_to(root)}"
            data = bytes(path) if path.is_symlink() or not path.is_file() else path.read_bytes()
            self.look(place, bytes(path) + b"\n" + data, values)
            if path.suffix == ".pack":
                self.look(f"{place} (unpacked)", unpacked(path), values)
            elif "/objects/" in str(path) and path.is_file():
                with contextlib.suppress(zlib.error):
                    self.look(f"{place} (unpacked)", zlib.decompress(data), values)


def unpacked(pack: Path) -> bytes:
    """Every object of a pack."""
    with tempfile.TemporaryDirectory() as folder:
        git(Path(folder), "init", "-q", "--bare")
        subprocess.run(
            ["git", "unpack-objects", "-q"], cwd=folder, input=pack.read_bytes(), check=True
        )
        return git(Path(folder), "cat-file", "--batch-all-objects", "--batch")
