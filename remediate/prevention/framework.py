"""The pre-commit framework's configuration (https://pre-commit.com): our hook put in and taken out.

The file is a person's, with comments and an order of its own, so it is edited as text: one block between
two marks, and nothing else changes by a byte.
"""

from __future__ import annotations

import re

FILE = ".pre-commit-config.yaml"
_BEGIN, _END = "# remediate: begin", "# remediate: end"
_HOOK = (
    "- repo: local",
    "  hooks:",
    "    - id: remediate",
    "      name: no leaked secret comes back",
    "      entry: remediate prevent --hook pre-commit",
    "      language: system",
    "      always_run: true",
    "      pass_filenames: false",
)


def with_hook(text: str) -> str | None:
    """*text* with our hook among its ``repos``; None where there is no such list to put it into."""
    text = without_hook(text)
    lines = text.splitlines(keepends=True)
    at = next(
        (n for n, line in enumerate(lines) if re.match(r"repos:\s*(\[\s*\]\s*)?(#.*)?$", line)),
        None,
    )
    if at is None:
        return None
    lines[at] = re.sub(r"\[\s*\]", "", lines[at]).rstrip() + "\n"
    end = next(
        (
            n
            for n in range(at + 1, len(lines))
            if re.match(r"[A-Za-z_.\"'-]+\s*:|---|\.\.\.", lines[n])
        ),
        len(lines),
    )
    while end > at + 1 and not lines[end - 1].strip():
        end -= 1
    indents = [found[1] for line in lines[at + 1 : end] if (found := re.match(r"( *)- ", line))]
    indent = min(indents, key=len) if indents else "  "
    if end and not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    block = "".join(f"{indent}{line}\n" for line in (_BEGIN, *_HOOK, _END))
    return "".join(lines[:end]) + block + "".join(lines[end:])


def without_hook(text: str) -> str:
    """*text* without our block."""
    return re.sub(rf"^ *{_BEGIN}\n.*?^ *{_END}\n", "", text, flags=re.MULTILINE | re.DOTALL)
