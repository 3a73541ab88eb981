"""Archives that can't be opened here: known by their first bytes, named, never passed over."""

from __future__ import annotations

from remediate.history.containers.model import Opened, Room

#: First bytes to what they begin. Formats that the standard library has no reader for.
MAGICS = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"LZIP\x01": "lzip",
    b"\x1f\x9d\x90": "compress (.Z)",
    b"MSCF\0\0\0\0": "cabinet",
    b"hsqs": "squashfs",
    b"xar!\0": "xar",
    b"!<arch>\n": "ar",
    b"\xed\xab\xee\xdb": "rpm",
}

#: Packages that are read like anything else, unless there is zstd in them.
_PACKAGES = frozenset({"ar", "rpm"})
_ZSTD = b"\x28\xb5\x2f\xfd"


def sealed(data: bytes, start: int, _room: Room) -> Opened | None:
    """See `Opener`: an archive that begins the text, with nothing in it to look into."""
    for magic, kind in MAGICS.items():
        if kind in _PACKAGES and _ZSTD not in data:
            continue
        if start == 0 and data.startswith(magic):
            return Opened(kind, 0, len(data), [], None, ("it can't be unpacked here",))
    return None
