"""record.html in real Chromium: no complaint, no request, the time line drawn, fit for every reader."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remediate.record.build import build
from remediate.record.html import to_html

from .browser import CHROMIUM, Page, chromium
from .conftest import Story, whole_story

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)")

#: axe-core's axe.min.js (npm pack axe-core), where it is to be had. Read before tests are sealed.
AXE = os.environ.get("AXE_CORE")
#: A folder to keep the pictures in, to be looked at.
PICTURES = os.environ.get("RECORD_PICTURES")

DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Page:
    """The browser as a person opens it: a desktop's window, light."""
    browser.requests.clear()
    browser.complaints.clear()
    browser.size(*DESKTOP)
    browser.media()
    return browser


def cut_off() -> Story:
    """Before anything was done."""
    story = Story()
    story.leak()
    story.assessed()
    return story


def hostile() -> Story:
    """Everything that others wrote tries to act."""
    story = Story()
    text = "<img src=x onerror=\"fetch('https://evil.example')\"><script>alert(1)</script>"
    story.opened(repository=text, remote=f"https://git.example.com/{text}")
    story.secret("a1" * 32, text)
    story.credential(f"aws:{text}", text, {"id": "a1" * 32})
    story.fact("assess", "reach", f"aws:{text}", known={text: text})
    story.add("advice", text=text)
    return story


STORIES: dict[str, Callable[[], Story]] = {
    "whole": whole_story,
    "cut off": cut_off,
    "empty": Story,
    "hostile": hostile,
}


def written(folder: Path, name: str) -> Path:
    path = folder / "record.html"
    path.write_text(to_html(build(STORIES[name]().rows)), "utf-8")
    return path


@pytest.mark.parametrize("name", STORIES)
def test_no_complaint_and_no_request_leaves_the_page(name: str, page: Page, tmp_path: Path) -> None:
    path = written(tmp_path, name)
    page.open(path)
    assert page.complaints == []
    assert page.requests == [path.as_uri()]
    assert page.run("document.scripts.length") == 0
    assert page.run("document.querySelectorAll('img, link, iframe, object, embed').length") == 0


@pytest.mark.parametrize(
    ("size", "shown", "hidden"), [(DESKTOP, "wide", "narrow"), (PHONE, "narrow", "wide")]
)
def test_the_time_line_is_drawn(
    size: tuple[int, int], shown: str, hidden: str, page: Page, tmp_path: Path
) -> None:
    page.size(*size, phone=size == PHONE)
    page.open(written(tmp_path, "whole"))
    box = "document.querySelector('svg.{}').getBoundingClientRect()"
    assert page.run(f"{box.format(shown)}.width") > 300
    assert page.run(f"{box.format(hidden)}.width") == 0
    assert page.run(f"document.querySelectorAll('svg.{shown} circle').length") == 9
    assert page.run(f"document.querySelectorAll('svg.{shown} circle.hit').length") == 7
    # What is written at a station stands within the drawing.
    outside = page.run(
        f"(() => {{ const b = {box.format(shown)};"
        f"return [...document.querySelectorAll('svg.{shown} text')].map(t => t.getBoundingClientRect())"
        ".filter(r => r.left < b.left - 1 || r.right > b.right + 1 || r.bottom > b.bottom + 1).length })()"
    )
    assert outside == 0


@pytest.mark.parametrize("size", [DESKTOP, PHONE, (320, 640)])
@pytest.mark.parametrize("name", STORIES)
def test_the_page_never_scrolls_sideways(
    name: str, size: tuple[int, int], page: Page, tmp_path: Path
) -> None:
    page.size(*size, phone=size != DESKTOP)
    page.open(written(tmp_path, name))
    assert page.run("document.documentElement.scrollWidth") <= size[0]


def test_dark_is_dark_and_print_is_light(page: Page, tmp_path: Path) -> None:
    page.open(written(tmp_path, "whole"))
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.run(colour)
    page.media(prefers_color_scheme="dark")
    dark = page.run(colour)
    page.media("print", prefers_color_scheme="dark")
    assert light == "rgb(251, 251, 250)"
    assert dark == "rgb(20, 23, 26)"
    assert page.run(colour) == "rgb(255, 255, 255)"


def test_pictures(page: Page, tmp_path: Path) -> None:
    folder = Path(PICTURES) if PICTURES else tmp_path
    for name in ("whole", "cut off"):
        for size, word in ((DESKTOP, "desktop"), (PHONE, "phone")):
            for scheme in ("light", "dark"):
                page.size(*size, phone=size == PHONE)
                page.media(prefers_color_scheme=scheme)
                page.open(written(tmp_path, name))
                data = page.picture()
                assert data.startswith(b"\x89PNG")
                assert len(data) > 20_000, "something is on it"
                (folder / f"{name.replace(' ', '-')}-{word}-{scheme}.png").write_bytes(data)


@pytest.mark.skipif(AXE is None, reason="needs axe-core: AXE_CORE=path of axe.min.js")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("name", STORIES)
def test_axe_finds_no_fault(
    name: str, size: tuple[int, int], scheme: str, page: Page, tmp_path: Path
) -> None:
    assert AXE is not None
    page.size(*size, phone=size == PHONE)
    page.media(prefers_color_scheme=scheme)
    page.open(written(tmp_path, name))
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.run(Path(AXE).read_text("utf-8") + ";0")
    faults = page.run(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
        ".then(r => r.violations.map(v => [v.id, v.help, v.nodes.map(n => n.html.slice(0, 200))]))"
    )
    assert faults == []
