"""preview.html in real Chromium: no complaint, no request, fit for every reader, at a desk and on a phone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Cli
from tests.record.browser import CHROMIUM, Page, chromium

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)")

#: As for record.html (tests/record/test_browser.py): axe-core, and a folder for the pictures.
AXE = os.environ.get("AXE_CORE")
PICTURES = os.environ.get("RECORD_PICTURES")

DESKTOP, PHONE, NARROW = (1280, 900), (390, 844), (320, 640)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Page]:
    with chromium(tmp_path / "profile") as page:
        yield page


def judged(browser: Page, path: Path, name: str) -> None:
    """Look at a page in every way at once: a browser takes longer to start than all of this."""
    browser.open(path)
    assert browser.complaints == []
    assert browser.requests == [path.as_uri()]
    assert browser.run("document.scripts.length") == 0
    assert browser.run("document.querySelectorAll('img, link, iframe, object, embed').length") == 0
    for size in (DESKTOP, PHONE, NARROW):
        browser.size(*size, phone=size != DESKTOP)
        assert browser.run("document.documentElement.scrollWidth") <= size[0], size
        for scheme in ("light", "dark"):
            browser.media(prefers_color_scheme=scheme)
            if PICTURES:
                picture = Path(PICTURES) / f"preview-{name}-{size[0]}-{scheme}.png"
                picture.write_bytes(browser.picture())
            assert faults(browser) == [], (size, scheme)


def faults(browser: Page) -> object:
    """What axe finds wrong; nothing where there is no axe."""
    if AXE is None:
        return []
    browser.run(Path(AXE).read_text("utf-8") + ";0")
    return browser.run(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
        ".then(r => r.violations.map(v => [v.id, v.help, v.nodes.map(n => n.html.slice(0, 200))]))"
    )


def test_the_sample_repository(
    cli: Cli, acme: Path, gitleaks: Path, tmp_path: Path, browser: Page
) -> None:
    path = tmp_path / "preview.html"
    assert cli("preview", gitleaks, "--repo", acme, "--html", path).code == 0
    judged(browser, path, "sample")
    assert browser.run("document.querySelectorAll('.diff .plus').length") > 0


def test_nothing_to_do(cli: Cli, acme: Path, tmp_path: Path, browser: Page) -> None:
    values = tmp_path / "values.txt"
    values.write_text("stands-" + "nowhere-in-here\n")
    path = tmp_path / "preview.html"
    assert cli("preview", values, "--repo", acme, "--html", path).code == 0
    judged(browser, path, "nothing")


def test_a_hostile_repository(
    cli: Cli, tmp_path: Path, browser: Page, bash: Callable[..., str]
) -> None:
    """Names and lines that others wrote try to act, and are too long for a phone."""
    repository = tmp_path / "<b>app"
    repository.mkdir()
    value = "hunter-" + "two-and-a-half"
    for name in ("<img src=x onerror=alert(1)>.txt", "a" * 200):
        (repository / name).write_text(f"<script>alert(1)</script> {value} {'x' * 500}\n")
    bash("git init -q -b main && git add . && git commit -qm '<b>'", cwd=repository)
    values = tmp_path / "values.txt"
    values.write_text(value + "\n")
    path = tmp_path / "preview.html"
    done = cli("preview", values, "--repo", repository, "--html", path)
    assert done.code == 0, done.err
    judged(browser, path, "hostile")
    assert browser.run("document.querySelectorAll('.diff .plus').length") == 2
