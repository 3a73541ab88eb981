"""What a row of the table is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from remediate.plugins.provider import Kind
from remediate_providers.table.calls import Calls

DELETE = "Find it in the list, and delete or revoke it."
CREATE = "Create a new one with the rights of the old one, and no more."


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kind of credential: how it looks, and where a person ends it and makes another.

    A row without `calls` is a step for a person.
    """

    kind: str
    title: str
    vendor: str
    """A credential's id begins with it: ``gitlab:1a2b…``. It stays when the vendor gets a provider."""
    looks: str
    """A regular expression that the whole value matches, over ASCII."""
    page: str | None
    """The vendor's page; None where there is no one page, or it may not be written down here."""
    end: str = DELETE
    """What to click to end it."""
    new: str = CREATE
    """What to click for a new one."""
    where: str = ""
    """How to get to the page, where it has no fixed address."""
    reissue: bool = True
    """Whether it is worth a successor; an access token of an hour is not."""
    checked: bool = True
    """Whether the page's address was found in public documentation or code; else it is from memory."""
    calls: Calls | None = field(default=None, compare=False)
    """What its vendor offers by API; joined in by kind in `remediate_providers.table.rows`."""
    pattern: re.Pattern[bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(self.looks.encode("ascii"), re.DOTALL))

    @property
    def as_kind(self) -> Kind:
        """The row of ``remediate providers``."""
        calls = self.calls
        return Kind(
            self.kind,
            self.title,
            revoke="api" if calls is not None and calls.revoke is not None else "manual",
            reissue="none"
            if not self.reissue
            else "api"
            if calls is not None and calls.renew is not None
            else "manual",
            page=self.page,
            check="none" if calls is None else "api",
        )
