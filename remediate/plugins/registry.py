"""Plugins by entry point: the same way in for ours and for anyone's.

Sorted by name, so that two machines do the same. A name that two packages claim is refused with both
named; a plugin that can't be imported is a warning, until it is asked for by name.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from remediate.errors import PluginError
from remediate.plugins.host import Host
from remediate.plugins.local import LocalVendor
from remediate.plugins.provider import Provider
from remediate.plugins.report import ReportFormat
from remediate.plugins.store import Store

T = TypeVar("T")


@dataclass(frozen=True)
class Broken:
    """A plugin that could not be loaded."""

    name: str
    package: str
    reason: str


class Plugins(Generic[T]):
    """The plugins of one group. Nothing is imported before it is asked for."""

    def __init__(self, group: str) -> None:
        self.group = group

    @functools.cached_property
    def _entries(self) -> Mapping[str, EntryPoint]:
        found: dict[str, EntryPoint] = {}
        for entry in sorted(entry_points(group=self.group), key=lambda e: (e.name, e.value)):
            other = found.get(entry.name)
            if other is not None and other.value != entry.value:
                raise PluginError(
                    f"Two packages offer a plugin named {entry.name!r} in {self.group}: "
                    f"{_package(other)} and {_package(entry)}.",
                    hint=f"Uninstall one of them: pip uninstall {_package(entry)}",
                )
            found[entry.name] = entry
        return found

    def names(self) -> tuple[str, ...]:
        """Every name, sorted; broken ones too."""
        return tuple(self._entries)

    def get(self, name: str) -> T:
        """The plugin of that name, made. Raises `PluginError` where there is none or it is broken."""
        entry = self._entries.get(name)
        if entry is None:
            raise PluginError(
                f"There is no plugin named {name!r} in {self.group}.",
                hint=f"Known: {', '.join(self._entries) or 'none'}.",
            )
        try:
            return cast("T", _make(entry))
        except Exception as error:
            raise PluginError(
                f"The plugin {name!r} of {_package(entry)} can't be loaded: "
                f"{type(error).__name__}: {error}",
                hint=f"Reinstall {_package(entry)}, or do without it.",
            ) from error

    def __iter__(self) -> Iterator[T]:
        """Every plugin that loads, by name; a broken one is left out (`broken` tells which)."""
        for name in self._entries:
            try:
                yield self.get(name)
            except PluginError:
                continue

    def broken(self) -> tuple[Broken, ...]:
        """The plugins that can't be loaded, for a warning."""
        return tuple(
            Broken(name, _package(entry), reason)
            for name, entry in self._entries.items()
            if (reason := self._failure(name)) is not None
        )

    def _failure(self, name: str) -> str | None:
        try:
            self.get(name)
        except PluginError as error:
            return error.message
        return None


@functools.cache
def _make(entry: EntryPoint) -> Any:
    return entry.load()()


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value


providers: Plugins[Provider] = Plugins("remediate.providers.v1")
stores: Plugins[Store] = Plugins("remediate.stores.v1")
hosts: Plugins[Host] = Plugins("remediate.hosts.v1")
reports: Plugins[ReportFormat] = Plugins("remediate.reports.v1")
local_vendors: Plugins[LocalVendor] = Plugins("remediate.local.v1")
