"""What is shared leads nobody back to a secret."""

from __future__ import annotations

import json
from collections.abc import Callable

import jsonschema

from remediate.model import ManualStep
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.record.build import build
from remediate.record.html import to_html
from remediate.record.json_record import schema, to_json
from remediate.record.markdown import to_markdown
from remediate.record.model import Record
from remediate.record.ocsf import to_ocsf
from remediate.record.sharing import share

from .conftest import AWS, KEY, SECRET, TOKEN, Story

FORMS: tuple[Callable[[Record], str], ...] = (to_json, to_markdown, to_html, to_ocsf)
OLD_IDS = ("1a" * 20, "2b" * 20, "3c" * 20, "5e" * 20)
NEW_ID = "4d" * 20


def shared(story: Story) -> list[str]:
    return [form(share(build(story.rows))) for form in FORMS]


def test_no_old_id_is_left_in_any_form(whole: Story) -> None:
    whole.fact("assess", "exposure", known={"introduced_by": "2b" * 20})
    for text in shared(whole):
        for old in OLD_IDS:
            assert old[:7] not in text
    assert NEW_ID in to_json(share(build(whole.rows))), "what everybody will see anyway stays"


def test_no_fingerprint_is_left_in_any_form(whole: Story) -> None:
    for text in shared(whole):
        for fingerprint in (KEY, SECRET, TOKEN):
            assert fingerprint[:8] not in text
    told = json.loads(to_json(share(build(whole.rows))))
    assert [secret["fingerprint"] for secret in told["secrets"]] == [
        "secret-1",
        "secret-2",
        "secret-3",
    ]
    assert told["credentials"][1]["id"] == "github:secret-3"
    assert told["credentials"][1]["parts"] == {"value": "secret-3"}


def test_no_person_folder_or_backup_is_left(whole: Story) -> None:
    for text in shared(whole):
        for private in ("Ada Dev", "ada@example.com", "/home/ada", "b.age", "9" * 20):
            assert private not in text


def test_what_happened_is_still_told(whole: Story) -> None:
    record = share(build(whole.rows))
    assert record.times == build(whole.rows).times
    assert record.credentials[0].id == AWS, "a public id is no secret"
    assert [m.at for m in record.milestones] == [m.at for m in build(whole.rows).milestones]
    assert record.communication.summary


def test_it_holds_to_the_schema(stories: dict[str, Callable[[], Story]]) -> None:
    for make in stories.values():
        jsonschema.validate(json.loads(to_json(share(build(make().rows)))), schema())


def test_sharing_what_is_shared_changes_nothing(whole: Story) -> None:
    once = share(build(whole.rows))
    assert share(once) == once


def test_whose_word_it_was_is_no_outsiders_business(whole: Story) -> None:
    thing = {"what": "worktree old.zip", "reason": "zip: it is encrypted", "sha256": "5e" * 32}
    word = {"by": "grace", "at": whole.now}
    step = ManualStep("vouch-1a2b3c4d", "Look into 1 thing", "It can't be read.", on_word=True)
    key = whole.intent("clean", "vouch", "after-purge", "vouch/after-purge/1")
    whole.outcome("clean", key, Outcome(Status.MANUAL, "Not read", manual=step))
    seen = (Evidence("remediate resume --done vouch-1a2b3c4d", "grace says so", whole.now),)
    given = {"things": [thing], "word": word}
    ended = Outcome(Status.DONE, "Look: done, on grace's word", "", seen, given, step)
    whole.outcome("clean", key, ended)
    searched = {"when": "after-push", "clean": False, "scope": {"remote_refs": True}}
    whole.add("verified", "publish", None, **searched, searched={}, remnants=[], unreadable=[thing])
    record = build(whole.rows)
    said = "nothing found; 1 thing could not be read, grace vouches for it"
    assert said in record.communication.summary
    assert [(v.what, v.by) for v in record.searches[-1].vouched] == [("worktree old.zip", "grace")]
    assert said in to_html(record) and said in to_markdown(record)
    for text in shared(whole):
        assert "grace" not in text
    assert "a person vouches for it" in share(record).communication.summary
