"""Reading a file that decides something: the policy, the list of allowed signers.

Whoever may write to it decides what is killed and who may agree. So a file that anybody may write to,
or replace, is refused; so is one that never ends.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from remediate.errors import PolicyError

LARGEST = 1024 * 1024
"""Bytes; a policy of ten thousand credential tables is about as long."""


def read(path: Path, expected: str, *, follow: bool) -> bytes | None:
    """The content of *path*, None where nothing is there.

    *expected* says what should be there, for the error. Without *follow* a symbolic link is refused: in
    a repository it may lead anywhere. Raises `PolicyError`.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not keep us waiting
    if not follow:
        flags |= os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise PolicyError(
                str(path),
                f"{expected}, not a symbolic link",
                hint="Put the file itself there, or name it: --policy FILE",
            ) from None
        raise PolicyError(str(path), f"{expected} to be readable", found=_why(error)) from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise PolicyError(str(path), expected, found="something that is no regular file")
        _alone(path, found, expected)
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise PolicyError(str(path), f"{expected} to be readable", found=_why(error)) from None
    finally:
        os.close(descriptor)
    if len(data) > LARGEST:
        raise PolicyError(str(path), f"{expected} of at most 1 MiB", found="a larger one")
    return data


def _alone(path: Path, found: os.stat_result, expected: str) -> None:
    """Raise `PolicyError` where any user may write to the file, or put another in its place."""
    if found.st_mode & stat.S_IWOTH:
        raise PolicyError(
            str(path),
            f"{expected} that only you can write to, for it decides what is done",
            hint=f"Look at it, then: chmod o-w {path}",
        )
    folder = path.resolve().parent
    mode = folder.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise PolicyError(
            str(path),
            f"{expected} in a folder that only you can write to, for it decides what is done",
            hint=f"Look who wrote there, then: chmod o-w {folder}",
        )


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
