"""GitHub as a host, with every call of its flows gone wrong in every way."""

from __future__ import annotations

from remediate.testing.host_faults import HostFaults
from remediate.testing.proxy import FaultyLine
from remediate_providers.github.host import GitHubHost
from remediate_providers.github.local import LocalGitHub, RunningGitHub

from .hosted import NAME, REFS, guarded


class TestTheHost(HostFaults):
    make = GitHubHost
    refs = REFS
    served = ("a" * 40,)
    each_once = True

    def start(self) -> RunningGitHub:
        running = LocalGitHub().start()
        there = guarded(running)
        there.commits |= set(self.served)
        where = {"path": "/app.ini", "start_line": 3, "end_line": 3, "commit_sha": "a" * 40}
        there.alerts[7] = {
            "secret_type": "github_personal_access_token",
            "secret": "ghp_" + "A1b2" * 9,
            "state": "open",
            "created_at": "2026-03-01T10:00:00Z",
            "locations": [{"type": "commit", "details": where}],
        }
        return running

    def url(self, line: FaultyLine) -> str:
        return f"{line.url}/{NAME}.git"

    def alert(self, line: FaultyLine) -> str:
        return f"{line.url}/{NAME}/security/secret-scanning/7"

    def state(self, running: RunningGitHub) -> object:
        return running.host.repositories[NAME].snapshot()
