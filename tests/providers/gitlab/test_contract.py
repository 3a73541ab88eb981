"""GitLab keeps what every provider and every store promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import pytest

from remediate.plugins.context import VendorContext
from remediate.plugins.provider import Found
from remediate.plugins.store import Target
from remediate.secret import Secret
from remediate.testing.providers import ProviderContract
from remediate.testing.stores import StoreContract
from remediate.testing.surroundings import found, nowhere, surroundings
from remediate_providers.gitlab.local import LocalGitLab
from remediate_providers.gitlab.local_api import PROJECT_PATH
from remediate_providers.gitlab.local_state import make_value
from remediate_providers.gitlab.provider import GitLabProvider
from remediate_providers.gitlab.tokens import ACCESS, KINDS
from remediate_providers.gitlab.variables import (
    GroupVariablesStore,
    InstanceVariablesStore,
    VariablesStore,
)


class TestGitLab(ProviderContract):
    make = GitLabProvider

    def ours(self) -> Sequence[Sequence[Found]]:
        routable = Secret(make_value(ACCESS).reveal() + b".01.1a2b3c4d5")
        values = [make_value(kind.name) for kind in KINDS]
        return [[found(value)] for value in (*values, routable)]

    def foreign(self) -> Sequence[Found]:
        return [found("ghp_" + "a1B2" * 9), found("glsoat-" + "a1B2" * 5), found("glpat-short")]

    def environment(self, base: str) -> Mapping[str, str]:
        return {"GITLAB_API_URL": base, "GITLAB_TOKEN": make_value(ACCESS).reveal_text()}


class TestVariables(StoreContract):
    make = VariablesStore
    place: ClassVar[str] = PROJECT_PATH
    bad = (
        Target("gitlab", "acme", (("KEY", None),), "gitlab:acme#KEY"),
        Target("gitlab", "acme/app@", (("KEY", None),), "gitlab:acme/app@#KEY"),
        Target("gitlab", "acme/app", (), "gitlab:acme/app"),
        Target("gitlab", "acme/app", (("A-B", None),), "gitlab:acme/app#A-B"),
        Target("gitlab", "../app", (("KEY", None),), "gitlab:../app#KEY#"),
    )[:4]

    @pytest.fixture(autouse=True)
    def server(self):
        self.running = LocalGitLab().start()
        yield
        self.running.close()

    def target(self) -> Target:
        return Target("gitlab", self.place, (("KEY", None),), f"gitlab:{self.place}#KEY")

    def vendor(self) -> VendorContext:
        return surroundings(self.running.environment())

    def unreachable(self) -> VendorContext:
        environment = {**self.running.environment(), "GITLAB_API_URL": nowhere()}
        return surroundings(environment, longest=0)


class TestVariablesOfAnEnvironment(TestVariables):
    place = f"{PROJECT_PATH}@production"


class TestVariablesOfAGroup(TestVariables):
    make = GroupVariablesStore
    bad = (
        Target("gitlab-group", "acme/", (("KEY", None),), "gitlab-group:acme/#KEY"),
        Target("gitlab-group", "acme", (), "gitlab-group:acme"),
    )

    @pytest.fixture(autouse=True)
    def server(self):
        self.running = LocalGitLab().start()
        self.running.state.maintainers["groups", 0] = {self.running.ada}
        yield
        self.running.close()

    def target(self) -> Target:
        return Target("gitlab-group", "acme@production", (("KEY", None),), "gitlab-group:acme#KEY")


class TestVariablesOfTheServer(TestVariables):
    make = InstanceVariablesStore
    bad = (
        Target("gitlab-instance", "acme", (("KEY", None),), "gitlab-instance:acme#KEY"),
        Target("gitlab-instance", "all@x", (("KEY", None),), "gitlab-instance:all@x#KEY"),
    )

    @pytest.fixture(autouse=True)
    def server(self):
        self.running = LocalGitLab(admin=True).start()
        yield
        self.running.close()

    def target(self) -> Target:
        return Target("gitlab-instance", "all", (("KEY", None),), "gitlab-instance:all#KEY")
