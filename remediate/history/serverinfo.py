"""What a server without git's own protocol hands out: ``info/refs`` and ``objects/info/packs``."""

from __future__ import annotations

from remediate.history.durable import sync_folder
from remediate.history.guard import Guard
from remediate.history.repo import Repo


def refresh(repo: Repo, guard: Guard) -> None:
    """Have git write both anew, where either is there; drafts of a git that was killed over it go.

    Raises `remediate.errors.GitError`.
    """
    refs, packs = repo.common_dir / "info" / "refs", repo.objects_dir / "info" / "packs"
    if not (refs.exists() or packs.exists()):
        return
    # Those of before: one that is at work right now has ended by the time that ours has.
    drafts = [draft for file in (refs, packs) for draft in file.parent.glob(f"{file.name}_??????")]
    guard.git(repo.common_dir, "update-server-info")
    for draft in drafts:
        draft.unlink(missing_ok=True)
    for file in (refs, packs):
        if file.parent.is_dir():
            sync_folder(file.parent)
