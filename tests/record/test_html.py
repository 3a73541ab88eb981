"""record.html as text: what stands in it, and that nothing of it acts. test_browser.py opens it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from remediate.incident.rows import Kind
from remediate.record.build import build
from remediate.record.html import to_html
from remediate.record.model import Record
from remediate.record.sharing import share

from .conftest import AWS, GITHUB, KEY, TOKEN, Story


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page(record: Record) -> Page:
    return Page(to_html(record))


def test_a_whole_incident(whole: Story) -> None:
    seen = page(build(whole.rows))
    for said in (
        "INC-2026-11-24-k3x9qa",
        "Resolved",
        "How long it was out",
        "Detection to containment",
        "42 min 30 s",
        "2 of 2 dead, seen by probe revoke",
        "GDPR, article 33",
        "2026-11-27 02:00:00 UTC",
        "Severity: high",
        "Turn push protection on.",
        AWS,
        GITHUB,
    ):
        assert said in seen.text


def test_every_milestone_is_named_whether_it_is_reached_or_not(
    stories: dict[str, Callable[[], Story]],
) -> None:
    for make in stories.values():
        record = build(make().rows)
        text = page(record).text
        names = [m.name for m in record.milestones]
        assert names == [
            "introduced",
            "pushed",
            "public",
            "detected",
            "revoked",
            "replaced",
            "rewritten",
            "published",
            "verified",
        ]
        assert all(name.capitalize() in text for name in names)
        assert all(m.note for m in record.milestones if m.at is None), "why it is not known"


def test_at_any_moment_it_says_what_is_not_known(whole: Story) -> None:
    for end in range(len(whole.rows)):
        text = page(build(whole.rows[:end])).text
        assert "What is not known yet" in text
    early = page(build(whole.rows[:8])).text
    assert "may still work" in early
    assert "Not known: nobody has learned what the credentials may do" in early


def test_the_same_rows_give_the_same_page(stories: dict[str, Callable[[], Story]]) -> None:
    for make in stories.values():
        assert to_html(build(make().rows)) == to_html(build(make().rows))


def test_nothing_from_outside_becomes_markup(story: Story) -> None:
    text = "<script>alert(1)</script>\"'><img src=x onerror=y>\x1b[31m\u202e"
    story.opened(repository=text, remote=None, incident=text, severity=text, version=text)
    story.secret(TOKEN, text, locations=[{"url": f"javascript:{text}", "path": text}])
    story.credential(GITHUB, text, {"value": TOKEN}, account=text)
    story.fact("assess", text, GITHUB, known={text: text, "scopes": text}, unknown={text: text})
    story.fact("assess", "events", GITHUB, known={"events": [{"at": text, "what": text}]})
    story.fact("assess", "footholds", GITHUB, known={"footholds": [text, {"what": text}]})
    job = dict.fromkeys(("store", "what", "state", "why", "ended", "command"), text)
    runs = [{**job, "id": 7, "page": f"javascript:{text}", "sure": True}]
    story.fact("recover", "reruns", GITHUB, known={"reruns": runs}, unknown={text: text})
    story.add(Kind.ADVICE, text=text)
    story.add(Kind.REFUSAL, asked=text, why=text)
    written = to_html(build(story.rows))
    seen = Page(written)
    assert not [e for e in seen.elements if e[0] in ("script", "img")]
    assert not [e for e in seen.elements if any(name.startswith("on") for name in e[1])]
    assert not [e for e in seen.elements if (e[1].get("href") or "#").startswith("javascript")]
    assert "\x1b" not in written
    assert "\u202e" not in written


def test_it_asks_for_nothing(whole: Story) -> None:
    written = to_html(build(whole.rows))
    seen = Page(written)
    assert not [e for e in seen.elements if "src" in e[1] or e[0] in ("link", "script", "base")]
    assert "url(" not in written
    assert "@import" not in written
    policy = next(e[1]["content"] for e in seen.elements if "http-equiv" in e[1])
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_links_are_web_addresses_alone(whole: Story) -> None:
    whole.github_waits()
    links = [e[1]["href"] for e in page(build(whole.rows)).elements if e[0] == "a"]
    assert set(links) == {"#main", "https://github.com/settings/tokens/new?scopes=repo"}


def test_an_open_step_has_an_owner_or_says_that_it_has_none(whole: Story) -> None:
    whole.github_waits()
    assert "Owner: ada;" in page(build(whole.rows)).text, "whoever ran it"
    assert "Owner: ada;" not in page(share(build(whole.rows))).text
    assert "Owner: whoever ran remediate;" in page(share(build(whole.rows))).text
    whole.add(Kind.RESUMED, by="bob")
    assert "Owner: bob;" in page(build(whole.rows)).text, "last"
    nobody = [replace(row, data={**row.data, "started_by": None}) for row in whole.rows[:-1]]
    assert "Owner: not named yet;" in page(build(nobody)).text


@pytest.mark.parametrize(("seconds", "met"), [(0, True), (15 * 60, True), (15 * 60 + 1, False)])
def test_the_target_is_a_quarter_of_an_hour(seconds: int, met: bool, story: Story) -> None:
    story.opened()
    story.secret(KEY, "github-pat", detected_at="2026-11-24T02:00:00Z")
    story.credential(GITHUB, "github-pat", {"value": KEY})
    key = story.intent("contain", "revoke", GITHUB)
    minutes, rest = divmod(seconds, 60)
    at = f"2026-11-24T02:{minutes:02d}:{rest:02d}Z"
    seen = [{"probe": "GET /user", "saw": "401", "at": at}]
    data = {"status": "done", "summary": "dead", "reason": "", "evidence": seen, "data": {}}
    story.add(Kind.OUTCOME, "contain", key, manual=None, **data)
    one = build(story.rows).response[1]
    assert (one.name, one.met) == ("detection-to-containment", met)


def test_before_containment_the_time_runs(story: Story) -> None:
    story.leak()
    one = build(story.rows).response[1]
    assert one.seconds is None
    assert one.so_far == 40 * 60 + 50
    assert one.met is False


def test_a_long_list_ends_with_how_many_there_are(story: Story) -> None:
    story.leak()
    for number in range(600):
        story.done("contain", "revoke", f"x{number}", "done")
    assert "100 more are in record.json." in page(build(story.rows)).text
