"""Proposed changes to the repository, as patch files for ``git apply``: never a commit of ours. Pure.

``.gitignore`` and ``.env.example`` without values; a hard-coded value, which the clean-up left as
``REMOVED-<kind>``, read from the environment; a check for CI that goes red on any old commit.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

_DOTENV = re.compile(r"\.env(\.[\w-]+)*$")
_KEYS = (".pem", ".key", ".p12", ".pfx", ".jks", ".keystore")
_ASSIGNED = re.compile(r"([A-Za-z_][\w.-]*)[\"']?\s*(?::\s*[\w\[\]]+\s*)?(?:=>|:=|=|:)\s*$")

#: File ending to how the environment is read there; ``{}`` is the name.
_READS: Mapping[tuple[str, ...], str] = {
    (".py",): 'os.environ["{}"]',
    (".js", ".mjs", ".cjs", ".ts", ".jsx", ".tsx"): "process.env.{}",
    (".rb",): 'ENV.fetch("{}")',
    (".go",): 'os.Getenv("{}")',
    (".java", ".kt", ".scala", ".groovy"): 'System.getenv("{}")',
    (".php",): "getenv('{}')",
    (".cs",): 'Environment.GetEnvironmentVariable("{}")',
    (".rs",): 'std::env::var("{0}").expect("{0} is not set")',
    (".sh", ".bash"): '"${{{0}:?}}"',
    (".tf",): "var.{}",
}


def diff(path: str, before: str | None, after: str) -> str:
    """One file's change as ``git apply`` takes it; *before* None: a new file. Empty for no change."""
    if before == after:
        return ""
    old = (before or "").splitlines(keepends=True)
    new = after.splitlines(keepends=True)
    lines = difflib.unified_diff(
        old, new, "/dev/null" if before is None else f"a/{path}", f"b/{path}"
    )
    head = f"diff --git a/{path} b/{path}\n"
    head += "new file mode 100644\n" if before is None else ""
    body = "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
    return head + body


def is_dotenv(path: str) -> bool:
    """Whether *path* is a file of settings that belongs to one machine."""
    name = PurePosixPath(path).name
    return bool(_DOTENV.fullmatch(name)) and not name.endswith((".example", ".sample", ".template"))


def ignores(paths: Sequence[str], before: str | None) -> str:
    """``.gitignore`` with a line for each of *paths* that should never have been tracked."""
    there = set((before or "").splitlines())
    wanted = []
    for path in paths:
        name = PurePosixPath(path).name
        if is_dotenv(path):
            wanted += [".env", ".env.*", "!.env.example"]
        elif name.endswith(_KEYS) or name.startswith(("id_rsa", "id_ed25519", "id_ecdsa")):
            wanted.append(f"/{path}")
    fresh = [line for line in dict.fromkeys(wanted) if line not in there]
    if not fresh:
        return before or ""
    start = (before or "") + ("" if not before or before.endswith("\n") else "\n")
    return start + "".join(f"{line}\n" for line in fresh)


def example(text: str) -> str:
    """A dotenv file's names and comments without any value; a comment that assigns goes too."""
    lines = []
    for line in text.splitlines():
        found = re.match(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=", line)
        if found:
            lines.append(f"{found[1]}=")
        elif not line.strip() or (line.lstrip().startswith("#") and "=" not in line):
            lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def from_environment(path: str, text: str, mark: re.Pattern[str]) -> tuple[str, list[str]]:
    """*text* with each string that is nothing but a *mark* read from the environment; and the names.

    Only in languages that are known here, and only where the whole literal is the mark: anything else
    is for a person.
    """
    read = next((form for ends, form in _READS.items() if path.endswith(ends)), None)
    if read is None:
        return text, []
    names: list[str] = []
    whole = re.compile(rf"([bfru]?)([\"'`])({mark.pattern})\2")
    if path.endswith((".sh", ".bash")):
        whole = re.compile(rf"()([\"']?)({mark.pattern})\2(?=\s|;|$)")

    def replaced(found: re.Match[str]) -> str:
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        assigned = _ASSIGNED.search(line)
        word = assigned[1].rpartition(".")[2] if assigned else found[3].removeprefix("REMOVED-")
        word = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word)
        name = re.sub(r"\W", "_", word).upper()
        names.append(name)
        return read.format(name.lower() if path.endswith(".tf") else name)

    changed = whole.sub(replaced, text)
    if names and path.endswith(".py"):
        changed = _importing_os(changed)
    return changed, list(dict.fromkeys(names))


def _importing_os(text: str) -> str:
    """Python's *text* with ``import os``, after what has to come before it."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    if any(
        isinstance(node, ast.Import)
        and any(a.name == "os" and a.asname is None for a in node.names)
        for node in tree.body
    ):
        return text
    at = 0
    for node in tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not (docstring and at == 0) and not future:
            break
        at = node.end_lineno or at
    lines = text.splitlines(keepends=True)
    if at == 0:
        while at < len(lines) and lines[at].startswith("#"):
            at += 1
    gap = "\n" if at and at < len(lines) and lines[at].strip() else ""
    lead = "\n" if at and not gap else ""
    return "".join(lines[:at]) + lead + "import os\n" + gap + "".join(lines[at:])


CHECK = '''\
"""Red where a commit, file or tag is here that a clean-up of the history took out. Made by remediate.

Knows them by the SHA-256 of their ids, which leads nobody to what they held.
"""

import hashlib
import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
known = set((here / "old-history.sha256").read_text().split())
listed = subprocess.run(
    ["git", "rev-list", "--objects", "--all", "HEAD"], check=True, capture_output=True, text=True
).stdout
old = [
    line.split(" ")[0]
    for line in listed.splitlines()
    if hashlib.sha256(line.split(" ")[0].encode()).hexdigest() in known
]
for oid in old[:10]:
    print(f"old history is back: {oid}. Do not merge; run: remediate rescue MAP", file=sys.stderr)
print(f"objects: {len(listed.splitlines())}, of the old history: {len(old)}")
sys.exit(1 if old else 0)
'''

_WORKFLOW = """\
name: no old history
on: [push, pull_request]
permissions:
  contents: read
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - run: python3 .remediate/check_history.py
"""

_GITLAB = """\
no old history:
  image: python:3-slim
  variables:
    GIT_DEPTH: "0"
  before_script:
    - command -v git || (apt-get update && apt-get install -y git)
  script:
    - python3 .remediate/check_history.py
"""


def ci_check(hashed_ids: Sequence[str], has: Callable[[str], bool]) -> dict[str, str]:
    """The files of the check, by path; *has*: whether the repository has a path."""
    files = {
        ".remediate/check_history.py": CHECK,
        ".remediate/old-history.sha256": "".join(f"{each}\n" for each in hashed_ids),
    }
    if has(".gitlab-ci.yml"):
        # Taken in by a line of the person's own: include: .remediate/gitlab-ci.yml
        files[".remediate/gitlab-ci.yml"] = _GITLAB
    if has(".github") or not has(".gitlab-ci.yml"):
        files[".github/workflows/no-old-history.yml"] = _WORKFLOW
    return files
