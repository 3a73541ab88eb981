from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.history.repo import open_repo
from remediate.incident.searching import search

_DICE = random.Random(7)


def made(prefix: str, alphabet: str, length: int) -> str:
    return prefix + "".join(_DICE.choice(alphabet) for _ in range(length))


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
WORD = LETTERS + "0123456789"
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
KEY = "\n".join(
    ["-----BEGIN EC PRIVATE KEY-----", made("", WORD, 64), "-----END EC PRIVATE KEY-----"]
)
SHAPES = {
    "AWS access key id": made("AKIA", BASE32, 16),
    "GitHub token": made("ghp_", WORD, 36),
    "GitHub fine-grained token": made("github_pat_", WORD, 82),
    "GitLab token": made("glpat-", WORD, 20),
    "Stripe key": made("sk_live_", WORD, 24),
    "Slack token": "xoxb-" + made("", "0123456789", 12) + "-" + made("", WORD, 24),
    "Google API key": made("AIza", WORD, 35),
    "SendGrid key": made("SG.", WORD, 22) + "." + made("", WORD, 43),
    "Hugging Face token": made("hf_", LETTERS, 34),
    "private key": KEY,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_is_found_once_reachable_or_not(
    shape: str, tmp_path: Path, bash: Callable[..., str]
) -> None:
    value = SHAPES[shape]
    (tmp_path / "value").write_text(f'x = "{value}"\n' if shape != "private key" else value + "\n")
    bash(
        "git init -q r; cd r; cp ../value a; echo more >> a; cp ../value b; git add .; git commit -qm x"
    )
    bash("git -C r reset -q --hard; git -C r rm -q a b; git -C r commit -qm gone")
    (found,) = search(open_repo(tmp_path / "r"))
    assert found.value.reveal() == value.encode()
    assert found.rules == (shape,)


def test_words_that_only_look_alike_are_left_alone(
    tmp_path: Path, bash: Callable[..., str]
) -> None:
    text = "AKIA is a prefix, ghp_short too; sk_live_ and xoxb- alone; hf_transfer; AIza\n"
    (tmp_path / "text").write_text(text + "-----BEGIN PUBLIC KEY-----\n")
    bash("git init -q r; cd r; cp ../text a; git add .; git commit -qm x")
    assert search(open_repo(tmp_path / "r")) == []


def test_an_empty_repository(tmp_path: Path, bash: Callable[..., str]) -> None:
    bash("git init -q r")
    assert search(open_repo(tmp_path / "r")) == []
