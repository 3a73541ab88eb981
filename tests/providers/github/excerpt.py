"""Makes the excerpts of GitHub's OpenAPI description that lie beside this file; not a test.

The description is in the npm package ``@octokit/openapi`` (MIT licence), ``generated/ghec.deref.json``. To
make an excerpt anew, or to add operations to it::

    npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
    python tests/providers/github/excerpt.py package openapi-stores.json 'GET /orgs/{org}/actions/secrets/public-key' …
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COMMENT = (
    "Operations out of GitHub's own OpenAPI description (MIT licence), descriptions left out. "
    "Made by excerpt.py."
)
_LEFT_OUT = ("description", "example", "examples", "title", "x-multi-segment")


def main(package: str, name: str, *added: str) -> None:
    """Write the excerpt *name* with the operations that it has and those *added*."""
    version = json.loads((Path(package) / "package.json").read_text())["version"]
    whole = json.loads((Path(package) / "generated" / "ghec.deref.json").read_text())
    path = HERE / name
    had = json.loads(path.read_text())["operations"] if path.exists() else []
    wanted = dict.fromkeys([*(f"{one['method']} {one['path']}" for one in had), *added])
    excerpt = {
        "comment": COMMENT,
        "source": f"npm package @octokit/openapi {version}, generated/ghec.deref.json",
        "operations": [_operation(whole, *one.split(" ", 1)) for one in wanted],
    }
    path.write_text(json.dumps(excerpt, indent=1) + "\n")


def _operation(whole: Any, method: str, path: str) -> dict[str, object]:
    found = whole["paths"][path][method.lower()]
    body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return {
        "id": found["operationId"],
        "method": method,
        "path": path,
        "parameters": {
            one["name"]: {
                "in": one["in"],
                "required": one.get("required", False),
                "schema": _plain(one["schema"]),
            }
            for one in found.get("parameters", [])
        },
        "body": None if body is None else _plain(body),
        "responses": sorted(found["responses"]),
    }


def _plain(schema: Any) -> Any:
    """A schema without its prose. A property may be named like a keyword: those are kept."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {}
    for key, value in schema.items():
        if key == "properties":
            plain[key] = {name: _plain(one) for name, one in value.items()}
        elif key not in _LEFT_OUT:
            plain[key] = _plain(value)
    return plain


if __name__ == "__main__":
    main(*sys.argv[1:])
