"""The command provider keeps what every provider promises, as far as one without a shape of its own can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediate.plugins.provider import Found
from remediate.testing.providers import ProviderContract
from remediate_providers.command.provider import CommandProvider
from remediate_providers.kingfisher.provider import KingfisherProvider


class TestCommand(ProviderContract):
    make = CommandProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        return []

    def environment(self, base: str) -> Mapping[str, str]:
        return {}


class TestKingfisher(TestCommand):
    make = KingfisherProvider
