from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.prevention import patches
from remediate.prevention.framework import with_hook, without_hook

MARK = re.compile(r"REMOVED-[a-z0-9][a-z0-9-]*")


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.js", 'const apiKey = "REMOVED-secret";', "const apiKey = process.env.API_KEY;"),
        ("a.go", '\ttoken := "REMOVED-github-pat"\n', '\ttoken := os.Getenv("TOKEN")\n'),
        ("a.rb", "call('REMOVED-slack-token')", 'call(ENV.fetch("SLACK_TOKEN"))'),
        ("a.sh", "export KEY=REMOVED-secret\n", 'export KEY="${KEY:?}"\n'),
        ("a.ts", "{ 'db.password': `REMOVED-secret` }", "{ 'db.password': process.env.PASSWORD }"),
    ],
)
def test_a_literal_is_read_from_the_environment(path: str, before: str, after: str) -> None:
    assert patches.from_environment(path, before, MARK)[0] == after


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.yml", "key: REMOVED-secret\n"),
        ("a.py", 'url = "https://me:REMOVED-secret@example.com"\n'),
        ("a.py", "# REMOVED-secret was here\n"),
    ],
)
def test_what_is_not_the_whole_literal_is_for_a_person(path: str, text: str) -> None:
    assert patches.from_environment(path, text, MARK) == (text, [])


@pytest.mark.parametrize(
    "head",
    [
        "",
        '"""Doc."""\n',
        '"""Doc."""\n\nfrom __future__ import annotations\n\n',
        "#!/usr/bin/python\n",
        "import os\n",
    ],
)
def test_python_gets_its_import_where_it_may_stand(head: str) -> None:
    text = f'{head}import re\n\nAWS_KEY: str = "REMOVED-secret"\n'
    after, names = patches.from_environment("a.py", text, MARK)
    assert names == ["AWS_KEY"] and after.startswith(head.split("\n")[0])
    scope: dict[str, object] = {}
    with pytest.raises(KeyError):
        exec(compile(ast.parse(after), "a.py", "exec"), scope)
    assert after.count("import os\n") == 1


def test_an_example_has_no_value() -> None:
    text = "# settings\nexport A=1\nB = 'two words'\n# OLD=3\n\nnot an assignment\n"
    assert patches.example(text) == "# settings\nA=\nB=\n\n"


def test_ignore_rules_come_once() -> None:
    once = patches.ignores(["deploy/.env", "keys/id_rsa", "app.py"], "*.log")
    assert once == "*.log\n.env\n.env.*\n!.env.example\n/keys/id_rsa\n"
    assert patches.ignores(["deploy/.env", "keys/id_rsa"], once) == once


_LINES = st.lists(st.sampled_from(["a\n", "b\n", "c", "\n", "ü\n"]), max_size=8).map("".join)


@given(st.none() | _LINES, _LINES)
@settings(max_examples=25, deadline=None)
def test_git_applies_what_is_proposed(
    tmp_path_factory: pytest.TempPathFactory, before: str | None, after: str
) -> None:
    where = tmp_path_factory.mktemp("r")
    text = patches.diff("f.txt", before, after)
    if before is not None:
        (where / "f.txt").write_text(before, newline="")
    if not text or (before is None and not after):
        return
    subprocess.run(["git", "apply", "-"], input=text.encode(), cwd=where, check=True)
    assert (where / "f.txt").read_text() == after


def test_the_ci_check_goes_red_on_old_history(tmp_path: Path, bash: Callable[..., str]) -> None:
    from remediate.prevention.oldids import hashed

    bash("git init -q r; cd r; git commit -q --allow-empty -m old; git branch old")
    old = bash("git -C r rev-parse HEAD").strip()
    bash(
        "cd r; git checkout -q --orphan new; git commit -q --allow-empty -m new; git branch -q -D main"
    )
    files = patches.ci_check(hashed([old]), lambda path: path == ".gitlab-ci.yml")
    assert set(files) == {
        ".remediate/check_history.py", ".remediate/old-history.sha256", ".remediate/gitlab-ci.yml",
    }  # fmt: skip
    assert old not in "".join(files.values()), "the list leads nobody to an old commit"
    for name, text in files.items():
        path = tmp_path / "r" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    check = ["python3", ".remediate/check_history.py"]
    red = subprocess.run(check, cwd=tmp_path / "r", capture_output=True, text=True)
    assert red.returncode == 1 and old in red.stderr
    bash("cd r; git branch -q -D old")
    assert subprocess.run(check, cwd=tmp_path / "r", capture_output=True).returncode == 0


CONFIGS = (
    "repos:\n  - repo: https://x\n    rev: v1\n    hooks:\n      - id: y\n",
    "# mine\nfail_fast: true\nrepos:\n- repo: local\n  hooks: []\nexclude: ^a\n",
    "repos: []\n",
    "repos:\n  - repo: https://x\n    hooks: []",
)


@pytest.mark.parametrize("text", CONFIGS)
def test_the_frameworks_file_gets_one_block_and_loses_it_again(text: str) -> None:
    yaml = pytest.importorskip("yaml")
    once = with_hook(text)
    assert once is not None and with_hook(once) == once
    before, after = yaml.safe_load(text), yaml.safe_load(once)
    assert after["repos"][:-1] == before["repos"]
    assert after["repos"][-1]["hooks"][0]["id"] == "remediate"
    assert {k: v for k, v in after.items() if k != "repos"} == {
        k: v for k, v in before.items() if k != "repos"
    }
    back = without_hook(once)
    assert yaml.safe_load(back) in (before, {**before, "repos": None})
    if text != "repos: []\n":
        assert back.rstrip("\n") == text.rstrip("\n"), "not a byte of anybody else's"
    assert with_hook("nothing: here\n") is None
