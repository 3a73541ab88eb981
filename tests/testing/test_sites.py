"""The places that ask a vendor are read from the source, and those that requests came from are told apart."""

from __future__ import annotations

import textwrap
import threading
from pathlib import Path

from remediate.testing.sites import SEEDS, asked_from, asking_names, reached, sites_in

MODULE = """
class Api:
    def ask(self, method, path):
        return self._http.ask(method, self.base + path)

    def read(self, path):
        return self.ask("GET", path)

    def get(self, path):
        return self.ask("GET", path)


def whose(api):
    return api.read("/me").get("id")


def both(api, names):
    return [api.get(f"/one/{name}") for name in names], _one(api, "/two")


def _one(api, path):
    return api.ask("GET", path)


def forgotten(api, data):
    data.get("name")
    return api.ask(
        "DELETE",
        "/me",
    )
"""


def package(tmp_path: Path) -> Path:
    (tmp_path / "calls.py").write_text(textwrap.dedent(MODULE))
    (tmp_path / "local.py").write_text('def answer(api):\n    return api.ask("GET", "/x")\n')
    return tmp_path


def test_each_call_that_asks_is_a_place_and_nothing_else(tmp_path: Path) -> None:
    sites = sorted(sites_in(package(tmp_path)))
    assert {f"{site.within}: {site.text}" for site in sites} == {
        "Api.ask: self._http.ask(method, self.base + path)",
        "Api.read: self.ask('GET', path)",
        "Api.get: self.ask('GET', path)",
        "whose: api.read('/me')",
        "both: api.get(f'/one/{name}')",
        "both: _one(api, '/two')",
        "_one: api.ask('GET', path)",
        "forgotten: api.ask('DELETE', '/me')",
    }
    assert sites[-1].name == "calls.py: forgotten: api.ask('DELETE', '/me')"


def test_a_modules_own_name_is_no_other_modules(tmp_path: Path) -> None:
    folder = package(tmp_path)
    (folder / "other.py").write_text("def _one(a, b):\n    return b\n\n\nTWO = _one(1, '/2')\n")
    names = asking_names(sorted(folder.glob("*.py")), SEEDS)
    assert f"{folder / 'calls.py'}:_one" in names and ".read" in names
    assert not [site for site in sites_in(folder) if site.path.endswith("other.py")]


def test_the_line_of_a_request_leads_to_its_place(tmp_path: Path) -> None:
    folder = package(tmp_path)
    sites = sites_in(folder)
    path = str(folder / "calls.py")
    lines = Path(path).read_text().splitlines()
    begins = lines.index("    return api.ask(") + 1
    for line in range(begins, begins + 4):  # a call over several lines is under way on any of them
        assert {site.within for site in reached(sites, {(path, line)})} == {"forgotten"}
    assert reached(sites, {(path, begins - 1)}) == frozenset(), "a mapping's get asks nobody"


def test_whoever_waits_in_another_thread_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "waits.py"
    path.write_text("def wait(begun, end):\n    begun.set()\n    end.wait(10)\n")
    names: dict[str, object] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    begun, end = threading.Event(), threading.Event()
    thread = threading.Thread(target=names["wait"], args=(begun, end))  # type: ignore[arg-type]
    thread.start()
    begun.wait(10)
    seen = asked_from(tmp_path)
    end.set()
    thread.join()
    assert {name for name, _line in seen} == {str(path)}
