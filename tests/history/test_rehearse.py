from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from remediate.history import git
from remediate.history.model import Needle, Rehearsal
from remediate.history.rehearse import rehearse
from remediate.history.repo import open_repo


def _run(path: Path, *needles: Needle, name: str = "quarantine") -> Rehearsal:
    return rehearse(open_repo(path), needles, path.parent / name)


def test_the_sample_comes_out_clean(
    acme: Path,
    acme_needles: tuple[Needle, ...],
    tmp_path: Path,
    digest_tree: Callable[[Path], str],
) -> None:
    before = digest_tree(acme)
    result = _run(acme, *acme_needles)
    assert digest_tree(acme) == before
    assert result.remnants == () and result.unreadable == ()
    assert result.blobs == 5 and len(result.commits) == 7 and result.commits_total == 8
    first = git.text(acme, "rev-list", "--max-parents=0", "HEAD")
    assert first not in result.objects
    quarantine = Path(result.quarantine)
    git.run(quarantine, "fsck", "--strict", "--no-dangling", *(r.new for r in result.refs))
    assert {r.name for r in result.refs} == {
        "refs/heads/main",
        "refs/heads/feature",
        "refs/remotes/origin/main",
        "refs/remotes/origin/feature",
        "refs/tags/v1.0",
    }
    text = b"".join(git.run(quarantine, "cat-file", "-p", new) for new in result.objects.values())
    for needle in acme_needles:
        assert needle.secret.reveal() not in text
        assert needle.replacement in text
    assert {place.needle for place in result.places} == {n.id for n in acme_needles}
    assert _run(acme, *reversed(acme_needles), name="again").objects == result.objects
    assert Rehearsal.from_json(result.to_json()) == result
