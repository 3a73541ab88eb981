"""AWS, with every call of its flows gone wrong in every way; in front of moto, signed and checked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from remediate.testing.faults import ProviderFaults, Scene, _killed, _look
from remediate.testing.proxy import FaultyLine, Trouble
from remediate_providers.aws.local import RunningAws
from remediate_providers.aws.provider import AwsProvider

from .conftest import hold


class TestAUsersKey(ProviderFaults):
    make = AwsProvider
    each_once = True

    @pytest.fixture(autouse=True)
    def account(self, aws: RunningAws, line: FaultyLine) -> None:
        self.aws, self.line = aws, line

    @contextlib.contextmanager
    def scene(self) -> Iterator[Scene]:
        self.leaked_key = hold(self.aws.plant().values)
        yield Scene(AwsProvider(), self.aws, self.line, self.leaked_key, self.context)
        self.line.arm(None)

    def living(self, running: RunningAws) -> int:
        leaked = self.leaked_key.credential.public_id
        keys = [[key.access_key_id for key in user.access_keys] for user in self._users(running)]
        return next(len(ids) - 1 for ids in keys if leaked in ids)

    def before_reissue(self, scene: Scene) -> None:
        """Only the kill: a successor's rights are its user's, and nothing has to be learned for it."""
        _killed(scene)

    def _users(self, running: RunningAws):
        return running.gate.keys._users()

    # Thirty calls, and botocore's own pace: one kind of trouble stands for all of them.
    @pytest.mark.parametrize("trouble", [Trouble.MALFORMED])
    def test_looking_is_honest_whatever_goes_wrong(self, trouble: Trouble) -> None:
        for scene, _call in self._cases(trouble, _look):
            _look(scene)
            scene.line.heal()
