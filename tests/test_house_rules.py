"""The rules of the house, held by reading the tree. Each failure names the file and the rule."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import remediate
from remediate.errors import ExitStatus

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "remediate"
PROVIDERS = ROOT / "providers" / "remediate_providers"

pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").exists(), reason="needs the source tree, not the wheel"
)

MAX_LINES = 600

#: Packages that speak to one vendor: only a provider may import them.
VENDOR_SDKS = frozenset(
    [
        "boto3",
        "botocore",
        "moto",
        "hvac",
        "stripe",
        "github",
        "githubkit",
        "gitlab",
        "psycopg",
        "slack_sdk",
        "kubernetes",
        "lightkube",
        "kr8s",
        "google",
        "azure",
        "twilio",
        "openai",
        "anthropic",
        "digitalocean",
        "pydo",
    ]
)

#: Ways to reach a terminal: only remediate/cli may use them.
TERMINAL_MODULES = frozenset({"rich", "typer", "click", "getpass", "curses", "readline"})
TERMINAL_CALLS = frozenset({"print", "input", "breakpoint"})

#: Rooms that a room may not look into.
WALLS = {
    "remediate/history": (
        [
            "api",
            "cli",
            "demo",
            "fleet",
            "incident",
            "plugins",
            "record",
            "reports",
            "stages",
            "testing",
        ],
        "history knows git and bytes, nothing of credentials",
    ),
    "remediate/http": (
        [
            "api",
            "cli",
            "demo",
            "fleet",
            "history",
            "incident",
            "record",
            "reports",
            "stages",
            "testing",
        ],
        "HTTP knows neither vendors nor the pipeline",
    ),
    "remediate/reports": (
        ["api", "cli", "demo", "fleet", "history", "incident", "record", "stages"],
        "a report format turns bytes into findings and knows no more",
    ),
    "remediate/plugins": (
        [
            "api",
            "cli",
            "demo",
            "fleet",
            "history",
            "incident",
            "record",
            "reports",
            "stages",
            "testing",
        ],
        "the interfaces lean on nothing that uses them",
    ),
    "remediate/stages": (
        ["api", "cli", "demo", "fleet", "record", "testing"],
        "a stage returns what happened; showing it is not its work",
    ),
    "remediate/clones": (
        ["api", "cli", "demo", "fleet", "record", "reports", "testing"],
        "what is done to a clone is shown elsewhere",
    ),
    "remediate/prevention": (
        ["api", "cli", "demo", "fleet", "record", "reports", "stages", "testing"],
        "hooks and patches know the history, not the pipeline",
    ),
    "remediate/api": (
        ["cli", "demo", "fleet", "testing"],
        "a program has no terminal: the command line leans on the API, never the other way",
    ),
    "remediate/incident": (
        ["api", "cli", "demo", "fleet", "testing"],
        "the runner speaks to the terminal through a port",
    ),
    "providers/remediate_providers": (
        ["api", "cli", "demo", "fleet", "history", "incident", "record", "reports", "stages"],
        "a provider knows its vendor, nothing of history, journal or pipeline",
    ),
}

#: All that the record may lean on: it is a pure function of the journal's rows.
RECORD_MAY_IMPORT = (
    "remediate.clock",
    "remediate.incident.rows",
    "remediate.model",
    "remediate.plugins.outcome",
    "remediate.record",
    "remediate.wording",
)

#: Host names of package registries and their mirrors, in parts, so that this file holds none.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("packagist", "org"),
        ("nuget", "org"),
        ("golang", "org"),
        ("maven", "org"),
        ("sonatype", "org"),
        ("anaconda", "org"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("ftp", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("security", "ubuntu", "com"),
        ("dl-cdn", "alpinelinux", "org"),
    )
)


def python_files(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*.py"))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it, by full dotted name."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            # "from remediate import history" reaches into history as much as the long form.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(module: str, *roots: str) -> bool:
    return any(module == root or module.startswith(f"{root}.") for root in roots)


def tracked_files() -> list[Path]:
    """Every file that a commit would hold; without git, every file but what tools leave."""
    try:
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout.split(b"\0")
        files = [ROOT / name.decode() for name in names if name]
    except (OSError, subprocess.CalledProcessError):
        files = [p for p in ROOT.rglob("*") if not {".git", ".venv", "__pycache__"} & set(p.parts)]
    return [p for p in files if p.is_file()]


def test_the_core_imports_no_provider_and_no_vendor_sdk() -> None:
    wrong = [
        f"{shown(path)} imports {module}"
        for path in python_files(CORE)
        for module in imports(path)
        if within(module, "remediate_providers", *VENDOR_SDKS)
    ]
    assert not wrong, "remediate/ knows no vendor; vendors come by entry point"


def test_only_the_http_room_speaks_http() -> None:
    ways = ("requests", "urllib3", "http.client", "urllib.request", "httpx", "aiohttp")
    wrong = [
        f"{shown(path)} imports {module}"
        for path in python_files(CORE, PROVIDERS)
        if not path.is_relative_to(CORE / "http")
        for module in imports(path)
        if within(module, *ways)
    ]
    assert not wrong, "remediate/http bounds, hides and times what goes out, once for all vendors"


def test_the_core_names_no_provider_package_in_a_string() -> None:
    wrong = [
        f"{shown(path)}:{node.lineno}"
        for path in python_files(CORE)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.match(r"remediate_providers\b", node.value)
    ]
    assert not wrong, "a provider is found by entry point, never by its module's name"


def test_only_the_command_line_reaches_the_terminal() -> None:
    wrong = []
    for path in python_files(CORE):
        if path.is_relative_to(CORE / "cli"):
            continue
        wrong += [
            f"{shown(path)} imports {module}"
            for module in imports(path)
            if within(module, *TERMINAL_MODULES)
        ]
        wrong += [
            f"{shown(path)}:{node.lineno} calls {node.func.id}()"
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in TERMINAL_CALLS
        ]
    assert not wrong, "only remediate/cli writes to the terminal or asks"


@pytest.mark.parametrize("room", WALLS)
def test_a_room_keeps_to_itself(room: str) -> None:
    denied, why = WALLS[room]
    wrong = [
        f"{shown(path)} imports {module}"
        for path in python_files(ROOT / room)
        for module in imports(path)
        if within(module, *(f"remediate.{other}" for other in denied))
    ]
    assert not wrong, why


def test_the_record_is_computed_from_rows_alone() -> None:
    wrong = [
        f"{shown(path)} imports {module}"
        for path in python_files(CORE / "record")
        if path.name != "writing.py"  # the room's one effect
        for module in imports(path)
        if (within(module, "remediate") and not within(module, *RECORD_MAY_IMPORT))
        or within(module, "os", "subprocess", "socket", "time", "random", "requests", "sqlite3")
    ]
    assert not wrong, "the record is a pure function of the journal"


def test_files_stay_small() -> None:
    long = {
        shown(path): lines
        for path in python_files(CORE, PROVIDERS, ROOT / "tests")
        if (lines := path.read_bytes().count(b"\n")) > MAX_LINES
    }
    assert not long, f"one job a file, {MAX_LINES} lines at most"


def test_no_file_names_a_package_registry() -> None:
    hosts = re.compile(
        rb"(?<![a-z0-9-])(?:" + b"|".join(re.escape(h.encode()) for h in REGISTRY_HOSTS) + rb")\b",
        re.IGNORECASE,
    )
    wrong = [
        f"{shown(path)}: {found.group().decode()}"
        for path in tracked_files()
        if (found := hosts.search(path.read_bytes()))
    ]
    assert not wrong, "packages come by name, through whatever index the user has set up"


def shell_blocks(page: Path) -> list[str]:
    """The shell blocks of a page."""
    text = page.read_text("utf-8")
    return re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def readme_blocks() -> list[str]:
    """The shell blocks of the README."""
    return shell_blocks(ROOT / "README.md")


def test_the_readme_installs_from_extras_that_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = {
        extra
        for block in readme_blocks()
        for extras in re.findall(r"'\.\[([a-z,]+)\]'", block)
        for extra in extras.split(",")
    }
    assert asked, "the README's first commands install the package with extras"
    assert asked <= set(project["optional-dependencies"])


def test_the_readme_has_one_command_to_run_and_one_to_test() -> None:
    first = [b.strip() for b in readme_blocks() if b.startswith("python3 -m venv")]
    assert len(first) == 2, "two commands for a fresh machine, each in a block of its own"
    assert all("\n" not in command for command in first)
    assert first[0].endswith("remediate demo")
    assert first[1].endswith("pytest -q"), ".ci/run takes this line as it is printed"


def commands_in(text: str) -> set[str]:
    """The subcommands that follow ``remediate`` in *text*, options and operands left out."""
    return set(re.findall(r"(?:^|[\s/`|$])remediate ([a-z][a-z-]*)(?=[\s`]|$)", text, re.MULTILINE))


def test_the_readme_and_the_docs_name_only_commands_that_exist() -> None:
    from typer.main import get_command

    from remediate.cli.app import build

    known = set(getattr(get_command(build()), "commands", {}))
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    named = {
        (shown(page), name)
        for page in pages
        for block in shell_blocks(page)
        for name in commands_in(block)
    }
    assert named, "the README shows how to use it"
    assert not {(page, name) for page, name in named if name not in known}


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text("utf-8")
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert told == {int(status) for status in ExitStatus}


def test_the_changelog_knows_this_version() -> None:
    assert f"## [{remediate.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
