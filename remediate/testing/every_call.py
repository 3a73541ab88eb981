"""That no call of a plugin is left out of its walks of faults.

Name a plugin's package and its walks, and the places in its source that ask the vendor are compared with those
that the walks' requests came from. A call that is added without a walk fails here, with its file and line::

    class TestEveryCall(EveryCall):
        package = "acme_remediate.vault"
        walks = (TestAcmeFaults, TestAcmeStoreFaults)
"""

# ruff: noqa: D102
# The tests' names say what they hold.

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

from remediate.testing.sites import SEEDS, Site, asked_from, asking_names, reached, sites_in


class Walk(Protocol):
    """What `ProviderFaults`, `StoreFaults` and `HostFaults` are."""

    watch: Callable[[], object] | None

    def walk(self) -> None:
        """Every flow once, with nothing going wrong."""
        ...


class EveryCall:
    """Every place that asks the vendor is in a walk. Not collected itself."""

    package: ClassVar[str]
    """The package whose modules are read."""
    walks: ClassVar[Sequence[Callable[[], Walk]]]
    """The walks of its plugins: their classes."""
    shared: ClassVar[str] = ""
    """A package whose modules it asks through: functions in it that hand a path on ask, too."""
    walked_elsewhere: ClassVar[Mapping[str, str]] = {}
    """Places that no walk comes to, each by `Site.name`, with where it is seen to go wrong instead."""

    def prepare(self, walk: Walk) -> None:
        """Hand over what its fixtures would have."""

    def test_no_call_is_in_no_walk(self) -> None:
        folder = _folder(self.package)
        modules = sorted(_folder(self.shared).glob("*.py")) if self.shared else []
        sites = sites_in(folder, asking_names(modules, SEEDS))
        if not sites:
            raise AssertionError(f"nothing in {self.package} asks anybody: what is read is wrong")
        lines: set[tuple[str, int]] = set()
        for make in self.walks:
            walk = make()
            self.prepare(walk)
            walk.watch = lambda: lines.update(asked_from(folder))
            walk.walk()
        left = sites - reached(sites, lines)
        self._none(sorted(site for site in left if site.name not in self.walked_elsewhere))
        stale = set(self.walked_elsewhere) - {site.name for site in left}
        if stale:
            raise AssertionError(f"walked, or there no more: {', '.join(sorted(stale))}")

    @staticmethod
    def _none(left: Sequence[Site]) -> None:
        if left:
            listed = "\n  ".join(str(site) for site in left)
            raise AssertionError(f"in no walk of faults:\n  {listed}")


def _folder(package: str) -> Path:
    module = importlib.import_module(package)
    return Path(module.__path__[0])
