"""Incidents as their journals tell them, built row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remediate.clock import rfc3339
from remediate.incident.rows import Kind, Row
from remediate.incident.state import write_outcome
from remediate.model import ManualStep
from remediate.plugins.outcome import Evidence, Outcome, Status

BEGIN = datetime(2026, 11, 24, 2, 40, tzinfo=UTC)
KEY, SECRET, TOKEN = "a1" * 32, "b2" * 32, "c3" * 32
NEW_KEY, NEW_SECRET, NEW_TOKEN = "d4" * 32, "e5" * 32, "f6" * 32
AWS, GITHUB = "aws:AKIAEXAMPLEOLD000000", "github:c3c3c3c3c3c3"
STORE = "aws-secrets-manager:prod/app#AWS_ACCESS_KEY_ID=id,AWS_SECRET_ACCESS_KEY=secret"


class Story:
    """Rows, ten seconds apart."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    @property
    def now(self) -> str:
        return rfc3339(BEGIN + timedelta(seconds=10 * len(self.rows)))

    def add(
        self, kind: str, stage: str | None = None, key: str | None = None, /, **data: Any
    ) -> None:
        self.rows.append(Row(len(self.rows) + 1, self.now, str(kind), stage, key, data))

    def opened(self, **more: Any) -> None:
        self.add(
            Kind.OPENED,
            **{
                "schema": 1,
                "incident": "INC-2026-11-24-k3x9qa",
                "version": "0.1.0",
                "repository": "/home/ada/acme",
                "remote": "https://git.example.com/acme/shop.git",
                "started_by": "ada",
                "report": {"name": "leaks.json", "format": "gitleaks"},
                "options": {"offline": False, "push": True},
                "severity": "high",
                **more,
            },
        )

    def secret(self, fingerprint: str, kind: str, **more: Any) -> None:
        self.add(
            Kind.SECRET,
            **{
                "fingerprint": fingerprint,
                "kind": kind,
                "rules": ["some-rule"],
                "detected_at": "2026-11-24T02:00:00Z",
                "locations": [
                    {
                        "commit": "1a" * 20,
                        "path": "config/deploy.env",
                        "start_line": 3,
                        "end_line": 3,
                        "url": None,
                        "date": "2026-03-01T10:00:00+01:00",
                    }
                ],
                **more,
            },
        )

    def credential(self, name: str, kind: str, parts: Mapping[str, str], **more: Any) -> None:
        self.add(
            Kind.CREDENTIAL,
            **{
                "id": name,
                "provider": name.split(":")[0],
                "kind": kind,
                "parts": dict(parts),
                "public_id": None,
                "account": None,
                "labels": {},
                **more,
            },
        )

    def fact(self, stage: str, topic: str, credential: str | None = None, **more: Any) -> None:
        facts = {"known": {}, "unknown": {}, "evidence": [], **more}
        self.add(Kind.FACT, stage, credential=credential, topic=topic, **facts)

    def intent(self, stage: str, action: str, subject: str, key: str | None = None) -> str:
        key = key or f"{action}/{subject}"
        self.add(Kind.INTENT, stage, key, action=action, subject=subject, detail={})
        return key

    def outcome(self, stage: str, key: str, outcome: Outcome) -> None:
        self.add(Kind.OUTCOME, stage, key, **write_outcome(outcome))

    def done(
        self,
        stage: str,
        action: str,
        subject: str,
        summary: str,
        key: str | None = None,
        **data: Any,
    ) -> None:
        name = self.intent(stage, action, subject, key)
        seen = (Evidence(f"probe {action}", "it is so", self.now),)
        self.outcome(stage, name, Outcome(Status.DONE, summary, evidence=seen, data=data))

    def leak(self) -> None:
        """Opened, with one AWS pair and one GitHub token."""
        self.opened()
        self.secret(KEY, "aws-access-key-id")
        self.secret(SECRET, "aws-secret-access-key")
        self.secret(TOKEN, "github-pat", detected_at=None)
        self.credential(
            AWS,
            "aws-access-key-id",
            {"id": KEY, "secret": SECRET},
            public_id="AKIAEXAMPLEOLD000000",
            account="123456789012",
        )
        self.credential(GITHUB, "github-pat", {"value": TOKEN})

    def assessed(self) -> None:
        self.add(Kind.STAGE_STARTED, "assess")
        self.fact("assess", "identity", AWS, known={"arn": "arn:aws:iam::123456789012:user/ci"})
        self.fact("assess", "identity", GITHUB, unknown={"scopes": "the token is dead already"})
        self.fact(
            "assess",
            "exposure",
            known={"introduced": "2026-03-01T09:00:00.000Z"},
            unknown={"first_out": "this clone did not push it"},
        )
        self.add(Kind.STAGE_FINISHED, "assess", status="done", summary="3 secrets, 2 credentials")

    def contained(self) -> None:
        self.add(Kind.STAGE_STARTED, "contain")
        self.done("contain", "revoke", AWS, "Deactivated access key AKIAEXAMPLEOLD000000")
        self.done("contain", "revoke", GITHUB, "GitHub refuses the token")
        self.add(Kind.STAGE_FINISHED, "contain", status="done", summary="2 of 2 are dead")

    def recovered_aws(self) -> None:
        self.add(Kind.CUSTODY, "recover", fingerprint=NEW_KEY, purpose="new value", action="put")
        self.credential(
            "aws:AKIAEXAMPLENEW000000",
            "aws-access-key-id",
            {"id": NEW_KEY, "secret": NEW_SECRET},
            public_id="AKIAEXAMPLENEW000000",
            labels={"replaces": AWS},
        )
        self.done("recover", "reissue", AWS, "Created access key AKIAEXAMPLENEW000000")
        self.done("recover", "store", STORE, "Wrote two keys", f"store/{STORE}/{AWS}")
        self.done("recover", "check-new", AWS, "The new credential works")

    def github_waits(self) -> None:
        key = self.intent("recover", "reissue", GITHUB)
        self.outcome("recover", key, Outcome(Status.MANUAL, "Waits", "no API", manual=STEP))

    def github_handed_in(self) -> None:
        self.credential(
            "github:f6f6f6f6f6f6",
            "github-pat",
            {"value": NEW_TOKEN},
            labels={"replaces": GITHUB},
        )
        self.done("recover", "reissue", GITHUB, "Took the new token")
        self.done("recover", "check-new", GITHUB, "The new credential works")

    def rehearsed(self) -> None:
        place = {
            "fingerprint": TOKEN,
            "where": "file",
            "commit": "2b" * 20,
            "path": "app/main.py",
            "line": 7,
            "encoding": "plain",
            "author": "Ada Dev <ada@example.com>",
            "date": "2026-02-01T10:00:00+00:00",
        }
        self.add(
            Kind.REHEARSED,
            "clean",
            commits_total=12,
            commits_rewritten=9,
            blobs=4,
            refs=[{"name": "refs/heads/main", "old": "3c" * 20, "new": "4d" * 20}],
            lost=[{"kind": "signature", "object": "5e" * 20}],
            places=[place],
            searched={"objects": 90, "files": 20, "forms": 12, "bytes": 4096},
            unreadable=[],
        )

    def cleaned(self) -> None:
        self.rehearsed()
        self.done("clean", "back-up", "acme", "Backed up", "back-up", path="b.age", sha256="9" * 64)
        self.done("clean", "apply", "acme", "Moved 3 refs", "apply")
        self.done("clean", "purge", "acme", "Removed 30 objects", "purge")
        self.verified("after-purge", local=True)
        self.add(Kind.STAGE_FINISHED, "clean", status="done", summary="clean here")

    def verified(self, when: str, remnants: list[Any] | None = None, **scope: bool) -> None:
        names = ("local", "remote_refs", "remote_by_id", "copies")
        self.add(
            Kind.VERIFIED,
            "clean",
            scope={name: scope.get(name, False) for name in names},
            clean=not remnants,
            searched={"objects": 60, "files": 20, "forms": 12},
            remnants=remnants or [],
            unreadable=[],
            when=when,
        )

    def published(self) -> None:
        self.done("publish", "push", "refs/heads/main", "Pushed refs/heads/main")
        self.verified("after-push", remote_refs=True)

    def closed(self) -> None:
        self.add(Kind.CUSTODY, fingerprint="", purpose="closing", action="emptied")
        self.add(Kind.CONCLUDED, status="clean", exit=0)
        self.add(Kind.CLOSED, status="clean", exit=0)


STEP = ManualStep(
    id="replace-github-c3c3c3c3",
    title="Create a new personal access token",
    why="GitHub has no API for it.",
    url="https://github.com/settings/tokens/new?scopes=repo",
    instructions=("Choose repo", "Press Generate"),
    check="remediate asks GET /user",
    takes_value=True,
)


def whole_story() -> Story:
    """From the report to the end, with a manual step that a person did."""
    story = Story()
    story.leak()
    story.assessed()
    story.contained()
    story.recovered_aws()
    story.github_waits()
    story.cleaned()
    story.published()
    story.fact("investigate", "events", AWS, known={"events": []})
    story.add(Kind.ADVICE, text="Turn push protection on.")
    story.add(Kind.CONCLUDED, status="manual", exit=3)
    story.add(Kind.RESUMED, version="0.1.0")
    story.github_handed_in()
    story.closed()
    return story


@pytest.fixture
def story() -> Story:
    """A journal without a row."""
    return Story()


@pytest.fixture
def whole() -> Story:
    """A whole incident."""
    return whole_story()


@pytest.fixture
def stories() -> dict[str, Callable[[], Story]]:
    """Incidents at rest in different places, by name."""

    def nothing() -> Story:
        story = Story()
        story.opened()
        story.add(Kind.CONCLUDED, status="clean", exit=0)
        return story

    def just_opened() -> Story:
        story = Story()
        story.opened()
        return story

    def cut_off() -> Story:
        story = Story()
        story.leak()
        story.assessed()
        story.intent("contain", "revoke", AWS)
        return story

    return {
        "empty": Story,
        "just opened": just_opened,
        "nothing found": nothing,
        "cut off": cut_off,
        "whole": whole_story,
    }
