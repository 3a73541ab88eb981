"""What a remote holds before it is pushed to, kept as an encrypted bundle.

A forced push takes away what no clone may have. The bundle is a plain one inside:
``age -d -i KEY remote-1.age > remote.bundle && git clone --mirror remote.bundle`` gives it back.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyrage

from remediate.errors import BackupError
from remediate.history import archive, git, remote
from remediate.history.durable import sync_folder
from remediate.history.model import Backup, Progress, no_progress
from remediate.history.repo import Repo
from remediate.secret import Secret

_CHUNK = 1 << 20


def keep_remote(
    url: Secret,
    recipients: Sequence[pyrage.x25519.Recipient],
    path: Path,
    workdir: Path,
    *,
    like: Repo,
    progress: Progress = no_progress,
) -> Backup | None:
    """Write every ref that the remote shows, and all they lead to, into *path*; None for no ref.

    The clone is made below *workdir* and gone afterwards; unencrypted it is a git repository 0700
    for that long. Raises `remediate.errors.RemoteError` where the remote can't be reached, and
    `BackupError` where *path* can't be written.
    """
    name = remote.shown(url.reveal_text())
    progress("keeping what the remote has", 0, None)
    with remote.scratch(workdir, url, like) as folder:
        there = remote.listed(folder, "origin", name)
        refs = [ref for ref in there if ref != "HEAD"]
        if not refs:
            return None
        remote.fetch_into(folder, ["+refs/*:refs/*"], name)
        temporary, sha256, size = archive.write(path, _bundle(folder), recipients)
        temporary.replace(path)
        sync_folder(path.parent)
    return Backup(str(path), sha256, size, 0, len(refs))


def _bundle(folder: Path) -> Iterator[bytes]:
    child = git.start(folder, "bundle", "create", "--quiet", "-", "--all", stdin=subprocess.DEVNULL)
    assert child.stdout is not None
    try:
        while chunk := child.stdout.read(_CHUNK):
            yield chunk
    finally:
        child.stdout.close()
        code = child.wait()
    if code:
        raise BackupError(
            "git could not bundle what the remote has. Nothing was pushed.",
            hint="Look whether the remote is whole: git clone --mirror URL && git fsck",
        )
