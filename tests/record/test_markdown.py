"""record.md: what people read, and what nobody can smuggle into it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from remediate.incident.rows import Kind
from remediate.model import ManualStep
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.record.build import build
from remediate.record.escaping import block, code, line, link, prose, table, visible
from remediate.record.markdown import communication_lines, duration, to_markdown

from .conftest import AWS, GITHUB, STEP, TOKEN, Story

HOSTILE = [
    "\x1b[2J\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "</td></table><script>alert(1)</script>",
    "[click](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "a | b | c",
    "`code` ``more`` ```fence",
    "\n\n# Heading\n\n- list\n> quote\n---\n",
    "*bold* _it_ ~~gone~~ $x$ \\ &lt; &amp;",
    "https://evil.example www.evil.example @everyone a@evil.example",
    "\u202egnp.exe \u200b\u2066hidden\u2069 \udce9",
    "1. one",
    "=====",
]


def parse(text: str) -> list[Token]:
    """Every token that a renderer would see, those within lines too."""

    def flat(tokens: list[Token]) -> Iterator[Token]:
        for token in tokens:
            yield token
            yield from flat(token.children or [])

    return list(flat(MarkdownIt("commonmark").enable("table").parse(text)))


def shown(text: str) -> str:
    """What a reader sees of *text*."""
    return "".join(
        t.content for t in parse(text) if t.type in ("text", "code_inline", "text_special")
    )


def test_a_manager_finds_what_matters_first(whole: Story) -> None:
    text = to_markdown(build(whole.rows))
    assert text.startswith("# Incident INC-2026-11-24-k3x9qa: Resolved\n")
    assert "9 commits rewritten and pushed." in text.split("## ")[0]
    assert "Encrypted backup" in text
    assert "Hand the new value in" not in text, "it was handed in"


def test_open_steps_have_their_page_and_how_to_go_on(story: Story) -> None:
    story.leak()
    story.github_waits()
    section = to_markdown(build(story.rows)).split("## ")[1]
    assert section.startswith("What a person still has to do")
    assert f"<{STEP.url}>" in section
    assert "`remediate resume --value replace-github-c3c3c3c3`" in section


def test_the_communication_template_can_be_copied(whole: Story) -> None:
    record = build(whole.rows)
    text = to_markdown(record)
    [fence] = [t for t in parse(text) if t.type == "fence"]
    lines = fence.content.splitlines()
    names = ["Severity", "Time detected", "Affected systems", "Status", "Summary", "Impact"]
    assert [line.split(":")[0] for line in lines[:6]] == names
    assert lines[-1].startswith("Next update: ")
    assert lines == communication_lines(record.communication)


def test_every_table_is_a_table(stories: dict[str, Callable[[], Story]]) -> None:
    for name, make in stories.items():
        text = to_markdown(build(make().rows))
        rules = len(re.findall(r"^\|( --- \|)+$", text, re.MULTILINE))
        assert len([t for t in parse(text) if t.type == "table_open"]) == rules, name
        assert text.endswith("\n") and not text.endswith("\n\n")


def test_no_section_without_anything_to_tell(story: Story) -> None:
    story.opened()
    heads = re.findall(r"^## (.*)$", to_markdown(build(story.rows)), re.MULTILINE)
    assert heads == [
        # Said even so, for the duties lean on it.
        "What was reachable",
        "History",
        "Time line",
        "Response times",
        "Duties that a person decides",
        "Communication",
        "About this record",
    ]


def hostile_story(text: str) -> Story:
    story = Story()
    story.opened(
        incident=text,
        repository=text,
        remote=text,
        started_by=text,
        severity=text,
        report={"name": text, "format": text},
    )
    place = {"commit": text, "path": text, "url": text, "date": text}
    story.secret(TOKEN, text, locations=[place], rules=[text])
    story.credential(text, text, {"value": TOKEN}, account=text, public_id=text)
    facts: dict[str, Any] = {
        "known": {text: text, "footholds": [{text: text}]},
        "unknown": {text: text},
    }
    story.fact("assess", text, text, **facts)
    story.fact("triage", "footholds", text, **facts)
    job = dict.fromkeys(("store", "what", "state", "why", "ended", "command", "page"), text)
    story.fact("recover", "reruns", text, known={"reruns": [{**job, "id": 7, "sure": False}]})
    key = story.intent("contain", "revoke", text)
    step = ManualStep(text, text, text, text, (text, text), text, True, text)
    seen = (Evidence(text, text, text),)
    story.outcome("contain", key, Outcome(Status.MANUAL, text, text, seen, {"path": text}, step))
    story.outcome("contain", key, Outcome(Status.REFUSED, text, text, seen))
    story.done("clean", "back-up", text, text, path=text, sha256=text)
    story.add(
        Kind.REHEARSED,
        "clean",
        refs=[{"name": text, "old": text, "new": text}],
        lost=[{"kind": text, "object": text}],
        places=[{"needle": TOKEN, "where": text, "path": text, "encoding": text, "author": text}],
        unreadable=[{"what": text, "reason": text}],
    )
    story.verified("after-purge", [{"needle": text, "where": text, "encoding": text, "path": text}])
    story.add(Kind.REFUSAL, "clean", asked=text, why=text)
    story.add(Kind.ADVICE, text=text)
    story.add(Kind.STAGE_FINISHED, text, status=text, summary=text)
    story.add(Kind.CONCLUDED, status=text, exit=3)
    return story


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_acts(text: str) -> None:
    made = to_markdown(build(hostile_story(text).rows))
    plain = to_markdown(build(hostile_story("plain").rows))
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]", made
    )
    tokens = parse(made)
    assert {t.content for t in tokens if t.type.startswith("html")} <= {"<br>"}
    allowed = {"link_open": 0, "image": 0, "hr": 0, "blockquote_open": 0, "s_open": 0}
    assert {kind: sum(t.type == kind for t in tokens) for kind in allowed} == allowed
    shape = ["heading_open", "table_open", "tr_open", "td_open", "fence", "strong_open", "li"]
    for kind in (*shape, "bullet_list_open", "ordered_list_open", "em_open"):
        count = [sum(t.type == kind for t in parse(one)) for one in (made, plain)]
        assert count[0] == count[1], f"{kind}: {count}"
    assert "@everyone" not in re.sub(r"`[^`]*`|```.*?```", "", made, flags=re.DOTALL)


def test_thousands_of_places_are_cut_and_the_cut_is_told(story: Story) -> None:
    story.leak()
    places = [{"needle": TOKEN, "where": "file", "path": f"f{n}"} for n in range(5_000)]
    story.add(Kind.REHEARSED, "clean", places=places)
    text = to_markdown(build(story.rows))
    assert "more are in record.json." in text
    assert len(text) < 100_000


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (47.9, "47 s"),
        (60, "1 min"),
        (725, "12 min 5 s"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_span_of_time_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize("text", HOSTILE)
def test_words_show_as_they_were_given(text: str) -> None:
    assert shown(line(text)) == visible(text)
    assert shown(f"so: {prose(text)}") == f"so: {visible(text)}"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_text_stays_plain(text: str) -> None:
    tokens = parse(line(text))
    assert {t.type for t in tokens} <= {
        "paragraph_open",
        "paragraph_close",
        "inline",
        "text",
        "text_special",
    }
    assert shown(line(text)) == visible(text)
    cell = parse(table(("x", "y"), [(prose(text), "z")]))
    cells = [t.content for t in cell if t.type == "inline"][2:]
    assert shown(f"so: {cells[0]}") == f"so: {visible(text)}".strip()
    assert cells[1:] == ["z"]


@given(st.text(alphabet="`|\\ ab\n", max_size=12))
@settings(max_examples=200, deadline=None)
def test_any_text_stays_code_also_in_a_table(text: str) -> None:
    cell = table(("x", "y"), [(code(text), "z")])
    tokens = parse(cell)
    assert [t.type for t in tokens].count("td_open") == 2
    cells = [t.content for t in tokens if t.type == "inline"][2:]
    assert shown(cells[0]) == visible(text)
    assert cells[1] == "z"


@given(st.lists(st.text(alphabet="`~|\n ab#", max_size=12), max_size=4))
@settings(max_examples=100, deadline=None)
def test_no_line_closes_the_block(lines: list[str]) -> None:
    [fence] = parse(block(lines))
    assert fence.content == "".join(f"{visible(line)}\n" for line in lines)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://x.example/ <script>", "https://x.example/\nfoo", "data:x"],
)
def test_only_a_plain_web_address_becomes_a_link(url: str) -> None:
    assert "link_open" not in {t.type for t in parse(link(url))}
    assert "html_inline" not in {t.type for t in parse(link(url))}


def test_a_web_address_is_a_link_to_itself() -> None:
    url = "https://github.com/settings/tokens/new?scopes=repo,workflow&description=a%20b"
    [opening] = [t for t in parse(link(url)) if t.type == "link_open"]
    assert opening.attrs["href"] == url


def test_misuse_comes_first_and_our_own_calls_are_none(story: Story) -> None:
    story.leak()
    events = [
        {"at": "2026-11-24T00:00:00Z", "what": "GetCallerIdentity", "suspicious": False},
        {"at": "2026-11-24T01:00:00Z", "what": "CreateUser", "suspicious": True, "why": "new user"},
    ]
    story.fact("investigate", "events", AWS, known={"events": events})
    story.fact(
        "triage", "footholds", AWS, known={"footholds": [{"what": "user", "id": "eve"}, "x"]}
    )
    text = to_markdown(build(story.rows))
    section = text.split("## What was done while it was out")[1].split("##")[0]
    assert section.index("CreateUser") < section.index("GetCallerIdentity")
    assert "**yes** new user" in section
    assert "eve" in text.split("## What may have been left behind")[1].split("##")[0]
    assert "A person has to judge them." in text


def test_no_rows_name_a_credential_twice(whole: Story) -> None:
    text = to_markdown(build(whole.rows))
    section = text.split("## Credentials")[1].split("##")[0]
    assert section.count(f"`{AWS}`") == section.count(f"`{GITHUB}`") == 1
