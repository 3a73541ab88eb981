"""Looking for leaked secrets where there is no report and no scanner: a few patterns, over every blob.

It finds what has a shape of its own: tokens with a vendor's prefix and private keys. A scanner finds more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from remediate.history.inventory import Inventory, Stretch, listed
from remediate.history.model import Progress, no_progress
from remediate.history.prefilter import Prefilter, prefilter
from remediate.history.repo import Repo
from remediate.history.stream import Chunk, Cores
from remediate.reports.canonical import canonical
from remediate.reports.secrets import DistinctSecret
from remediate.secret import Secret

#: Name, what the prefilter looks for (syntax that hyperscan and `re` share), the value itself.
#: Prefixes from the vendors' own pages, which docs/providers/ names.
_PATTERNS: tuple[tuple[str, bytes, bytes], ...] = (
    ("AWS access key id", rb"A[KS]IA[A-Z2-7]{16}", rb"\bA[KS]IA[A-Z2-7]{16}\b"),
    ("GitHub token", rb"gh[pousr]_[A-Za-z0-9]{36}", rb"\bgh[pousr]_[A-Za-z0-9]{36,251}\b"),
    (
        "GitHub fine-grained token",
        rb"github_pat_[A-Za-z0-9_]{22}",
        rb"\bgithub_pat_[A-Za-z0-9_]{36,251}\b",
    ),
    ("GitLab token", rb"glpat-[A-Za-z0-9_\-]{20}", rb"\bglpat-[A-Za-z0-9_.\-]{20,300}"),
    (
        "Stripe key",
        rb"[sr]k_(live|test)_[A-Za-z0-9]{16}",
        rb"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,247}\b",
    ),
    ("Slack token", rb"xox[abeprs]-[A-Za-z0-9\-]{10}", rb"\bxox[abeprs]-[A-Za-z0-9-]{10,250}\b"),
    ("Google API key", rb"AIza[A-Za-z0-9_\-]{35}", rb"\bAIza[A-Za-z0-9_-]{35}\b"),
    (
        "SendGrid key",
        rb"SG\.[A-Za-z0-9_\-]{22}\.",
        rb"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b",
    ),
    ("Hugging Face token", rb"hf_[A-Za-z]{34}", rb"\bhf_[A-Za-z]{34,40}\b"),
    (
        "private key",
        rb"-----BEGIN [A-Z ]{0,20}PRIVATE KEY",
        (
            rb"-----BEGIN [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----.{40,20000}?"
            rb"-----END [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----"
        ),
    ),
)
_VALUES = tuple(re.compile(value, re.DOTALL) for _, _, value in _PATTERNS)


def search(repo: Repo, *, progress: Progress = no_progress) -> list[DistinctSecret]:
    """Every distinct value in *repo*'s blobs, reachable or not, that one of the patterns fits."""
    there = Inventory()
    patterns = prefilter([anchor for _, anchor, _ in _PATTERNS])

    def blobs() -> Iterator[Stretch]:
        return (stretch for stretch in listed(repo.common_dir, there) if stretch.kind == "blob")

    def begin() -> Callable[[str, Iterator[Chunk | object]], set[tuple[int, bytes]]]:
        mine = patterns.fork()
        return lambda _kind, chunks: _found(mine, chunks)

    progress("Looking for secrets", 0, None)
    with Cores(repo.common_dir) as cores:
        parts = cores.each(
            blobs(),
            begin,
            step="Looking for secrets",
            progress=progress,
            total=lambda: there.total("blob"),
        )
    return [
        DistinctSecret(Secret(canonical(value)), (), rules=(_PATTERNS[number][0],))
        for number, value in sorted(set().union(*parts))
    ]


def _found(patterns: Prefilter, chunks: Iterator[Chunk | object]) -> set[tuple[int, bytes]]:
    """(pattern's number, value) of each value in *chunks*."""
    found: set[tuple[int, bytes]] = set()
    for chunk in chunks:
        if isinstance(chunk, Chunk):
            for number, index in {(n, chunk.index(end)) for n, end in patterns.hits(chunk.data)}:
                values = _VALUES[number].findall(chunk.content(index))
                found |= {(number, value) for value in values}
    return found
