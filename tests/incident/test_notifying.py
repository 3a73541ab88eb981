"""The notification, sent to a webhook on this machine; the command is driven in tests/e2e/test_notify.py."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from email import message_from_string
from email.policy import default
from pathlib import Path

import pytest

from remediate.errors import UsageError
from remediate.incident import notifying
from remediate.incident.conclusion import conclude
from remediate.incident.journal import Journal
from remediate.incident.policy import parse
from remediate.incident.rows import Kind, Row
from remediate.incident.state import State
from remediate.incident.waiting import waits
from remediate.plugins.outcome import Outcome, Status
from remediate.record.build import build
from remediate.secret import InstallationKey, Secret

from .webhook import PATH, Webhook, listening

KEY = InstallationKey(bytes(range(32)))
PLAIN = {"kind": "secret", "locations": [], "detected_at": None, "rules": []}


@pytest.fixture(scope="module")
def server() -> Iterator[Webhook]:
    with listening() as hook:
        yield hook


@pytest.fixture
def webhook(server: Webhook) -> Webhook:
    server.taken.clear()
    server.answers.clear()
    return server


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path, KEY)
    made.append(Kind.OPENED, {"incident": "INC-1", "severity": "high", "remote": "https://x/<a&b>"})
    yield made
    made.close()


def send(journal: Journal, url: str, text: str = "hello") -> Outcome:
    return notifying.send(journal, KEY, Secret(url), text, environment={}, sleep=lambda _: None)


def test_it_is_sent_with_an_intent_before_and_an_outcome_after(
    journal: Journal, webhook: Webhook
) -> None:
    assert send(journal, webhook.url).status is Status.DONE
    assert send(journal, webhook.url, "again").status is Status.DONE
    assert webhook.taken == [{"text": "hello"}, {"text": "again"}]
    rows = [(r.kind, r.key, r.data.get("subject")) for r in journal.rows[1:]]
    assert rows == [
        ("intent", "notify/1", "127.0.0.1"),
        ("outcome", "notify/1", None),
        ("intent", "notify/2", "127.0.0.1"),
        ("outcome", "notify/2", None),
    ]
    assert PATH not in str(journal.rows)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, "no_service", {}), "it answered 404 no_service"),
        ((403, "invalid_token", {}), "it answered 403 invalid_token"),
        ((500, "<html>hidden</html>", {}), "it answered 500"),
        ((302, "", {"Location": "http://127.0.0.1:1/else"}), "it answered 302"),
    ],
)
def test_what_is_refused_says_so_and_nothing_hangs_on_it(
    answer: tuple[int, str, dict[str, str]], reason: str, journal: Journal, webhook: Webhook
) -> None:
    before = conclude(State.of(journal.rows), []), waits(State.of(journal.rows))
    webhook.answers.append(answer)
    outcome = send(journal, webhook.url)
    assert (outcome.status, outcome.reason) == (Status.REFUSED, reason)
    assert webhook.taken == []
    state = State.of(journal.rows)
    assert conclude(state, []) == before[0]
    assert [w.on for w in waits(state)] == [w.on for w in before[1]]


def test_asked_too_often_it_waits_and_sends_once(journal: Journal, webhook: Webhook) -> None:
    webhook.answers.append((429, "rate_limited", {"Retry-After": "1"}))
    assert send(journal, webhook.url).status is Status.DONE
    assert webhook.taken == [{"text": "hello"}]


def test_nobody_there(journal: Journal) -> None:
    outcome = send(journal, f"http://127.0.0.1:9{PATH}")
    assert outcome.status is Status.UNREACHABLE
    assert PATH not in outcome.reason


def test_a_leaked_webhook_is_not_posted_to(journal: Journal, webhook: Webhook) -> None:
    leaked = KEY.fingerprint(Secret(webhook.url))
    journal.append(Kind.SECRET, {"fingerprint": leaked, **PLAIN})
    with pytest.raises(UsageError, match="one of the leaked values"):
        send(journal, webhook.url)
    assert webhook.taken == []
    assert len(journal.rows) == 2, "nothing was meant"


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "http://hooks.example.com/x7Qm",
        "ftp://127.0.0.1/x7Qm",
        "https://x7Qm@hooks.example.com/",
        "x7Qm",
    ],
)
def test_an_address_that_may_not_be_asked_is_refused_and_not_told(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        notifying.address({notifying.VARIABLE: url}, "")
    assert "x7Qm" not in caught.value.message + caught.value.hint
    assert notifying.VARIABLE in caught.value.message + caught.value.hint


def test_the_environment_comes_before_the_policy() -> None:
    found = notifying.address({notifying.VARIABLE: "https://a.example/x"}, "keyring:a#b")
    assert found == Secret("https://a.example/x")


def test_without_a_safe_keyring_the_policy_can_not_be_followed() -> None:
    with pytest.raises(UsageError, match="keyring:a#b: This machine has no OS keyring"):
        notifying.address({}, "keyring:a#b")


def test_a_policy_names_a_place_in_the_keyring_and_no_address() -> None:
    good = parse(b'[incident]\nnotify = "keyring:remediate#slack"\n', "remediate.toml")
    assert good.notify == "keyring:remediate#slack"
    with pytest.raises(Exception, match="a webhook's address is a secret") as caught:
        parse(b'[incident]\nnotify = "https://hooks.example.com/x7Qm"\n', "remediate.toml")
    assert "x7Qm" not in str(caught.value)


def test_what_a_chat_would_take_for_markup_is_escaped(journal: Journal) -> None:
    text = notifying.chat_text(build(journal.rows))
    assert text.startswith("*[high] Incident INC-1: Investigating*\n")
    assert "https://x/&lt;a&amp;b&gt;" in text


def test_a_very_long_one_is_cut(journal: Journal) -> None:
    done = {"status": "done", "summary": "dead"}
    rows = [
        Row(number, "2026-01-01T00:00:00Z", kind, None, f"revoke/{number // 2}", data)
        for number in range(2, 4000, 2)
        for kind, data in (("intent", {"action": "revoke", "subject": "x"}), ("outcome", done))
    ]
    text = notifying.chat_text(build([*journal.rows, *rows]))
    assert len(text) == 12_000
    assert text.endswith("…")


def test_a_mail_has_a_subject_and_no_header_of_anybody_elses(journal: Journal) -> None:
    journal.append(Kind.OPENED, {})
    record = build([journal.rows[0]])
    mail = message_from_string(notifying.email_text(record), policy=default)
    assert mail["Subject"] == "[high] Incident INC-1: Investigating"
    assert mail["To"] is None
    assert "Severity: high" in mail.get_content()


def test_a_name_can_not_break_out_of_the_mails_head(tmp_path: Path) -> None:
    with contextlib.closing(Journal(tmp_path, KEY)) as made:
        made.append(Kind.OPENED, {"incident": "INC\nBcc: x@example.com\n", "severity": "high"})
        mail = message_from_string(notifying.email_text(build(made.rows)), policy=default)
    assert mail["Bcc"] is None
