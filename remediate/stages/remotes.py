"""Which remotes are published to: all of them known before the first one is pushed to."""

from __future__ import annotations

from remediate.errors import RepositoryError
from remediate.history import remote
from remediate.incident.run import Run


def published_to(run: Run) -> list[str]:
    """The remotes that policy names, the first one first; nothing for a clone without any remote.

    Raises `RepositoryError` where the clone has no remote of such a name, or none with one address:
    a name mistyped would else be found out when half of it is public.
    """
    there = run.repo.git("remote").decode("utf-8", "surrogateescape").split("\n")
    there = [name for name in there if name]
    if not there and not run.policy.mirrors:
        return []
    for name in run.policy.remotes:
        if name not in there:
            raise RepositoryError(
                f"Nothing was pushed: this clone has no remote named {name}. What its remotes "
                "hold is as it was.",
                hint=f"It has {', '.join(there) or 'none'}. Name them in remediate.toml "
                '([publish] remote = "NAME", mirrors = ["NAME"]), then: remediate resume',
            )
        remote.address(run.repo, name)
    return list(run.policy.remotes)
