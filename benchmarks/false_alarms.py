"""How often something is found where nothing is: random secrets over the histories of repositories.

    python benchmarks/false_alarms.py REPO… [--secrets N] [--seed S] [--verify]

Each secret is made anew, in the shape of a real one, and stands in none of the repositories. What
finding says of it, and with ``--verify`` what the verifier says, is a false alarm. What could not be
read is counted beside it: an archive that is none would make every verdict "not clean".
"""

from __future__ import annotations

import argparse
import random
import string
import time
from collections import Counter
from pathlib import Path

from remediate.history.model import Needle
from remediate.history.repo import open_repo
from remediate.history.scan import scan
from remediate.history.verify import verify
from remediate.secret import Secret

_LETTERS = string.ascii_letters + string.digits

#: Shapes of secrets: what they begin with, their alphabet and length.
SHAPES = (
    ("ghx_", _LETTERS, 36),
    ("AKIX", string.ascii_uppercase + string.digits, 16),
    ("", _LETTERS + "+/", 40),
    ("sk_", _LETTERS, 24),
    ("", "0123456789abcdef", 32),
    ("", "0123456789abcdef", 64),
    ("", _LETTERS + "-_", 20),
    ("", _LETTERS + "!#$%&*+-=?@", 12),
)


def needles(count: int, seed: int) -> list[Needle]:
    """*count* secrets that are nobody's."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        start, alphabet, length = SHAPES[number % len(SHAPES)]
        value = start + "".join(chance.choices(alphabet, k=length))
        made.append(Needle(f"secret-{number}", Secret(value), b"REMOVED-secret"))
    return made


def main() -> None:
    """Measure, and print a table for docs/coverage-forms.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repositories", nargs="+", type=Path)
    parser.add_argument("--secrets", type=int, default=40)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    parser.add_argument("--verify", action="store_true", help="ask the verifier as well (slower)")
    asked = parser.parse_args()
    looked_for = needles(asked.secrets, asked.seed)
    print(f"{asked.secrets} secrets, seed {asked.seed}\n")
    print("| repository | objects | MB | found | verifier | unreadable |")
    print("| --- | --- | --- | --- | --- | --- |")
    total: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for path in asked.repositories:
        repo = open_repo(path)
        found = scan(repo, looked_for)
        row: Counter[str] = Counter(
            objects=found.searched.objects,
            bytes=found.searched.bytes,
            found=len({hit.oid for hit in found.hits}) + len(found.file_hits),
        )
        unreadable = set(found.unreadable)
        if asked.verify:
            verdict = verify(repo, looked_for)
            row["verifier"] = len({(r.object, r.path) for r in verdict.remnants})
            unreadable |= set(verdict.unreadable)
        row["unreadable"] = len({thing.what for thing in unreadable})
        reasons.update(thing.reason for thing in unreadable)
        total += row
        print(_row(path.parent.name if path.name == "repo" else path.name, row), flush=True)
    print(_row("all", total))
    for reason, count in reasons.most_common():
        print(f"\n{count} x {reason}")


def _row(name: str, row: Counter[str]) -> str:
    cells = [name, f"{row['objects']:,}", f"{row['bytes'] / 1e6:,.0f}"]
    cells += [str(row[key]) for key in ("found", "verifier", "unreadable")]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
