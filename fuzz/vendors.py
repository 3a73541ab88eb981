"""Coverage-guided fuzzing of what vendors and credentials themselves say: docs/fuzzing.md.

What must hold: any bytes are read, or are None; whatever a value is, each provider tells it or leaves it, and quickly.
"""

from __future__ import annotations

import contextlib
import sys
import time

import atheris

with atheris.instrument_imports(include=["remediate_providers", "remediate.http"]):
    from remediate.http.answer import Answer
    from remediate.plugins.provider import Found
    from remediate.plugins.registry import providers
    from remediate.plugins.store import Target
    from remediate.secret import Secret
    from remediate_providers.aws.document import DocumentError, merged
    from remediate_providers.dotenv import lines
    from remediate_providers.google.keys import file_of
    from remediate_providers.kubernetes.tokens import claims_of
    from remediate_providers.stripe.jwe import Envelope, EnvelopeError
    from remediate_providers.table.parts import mapbox

    # Loaded here, or they would not be instrumented.
    PROVIDERS = tuple(providers)

ENVELOPE = Envelope()
TARGET = Target("aws-secrets-manager", "prod/app", (("KEY", None),), "x")


def one(data: bytes) -> None:
    """An answer's body and headers, and a value, of whatever bytes."""
    began = time.monotonic()
    text = data.decode("utf-8", "replace")
    answer = Answer(403, {"Retry-After": text[:60], "Date": text[-60:]}, data)
    answer.json()
    _ = (answer.retry_after, answer.limited)
    value = Secret(data or b"x")
    for provider in PROVIDERS:
        list(provider.identify([Found("0" * 64, value)]))
    file_of(value)
    claims_of(value)
    mapbox(value)
    with contextlib.suppress(EnvelopeError):
        ENVELOPE.open(text)
    with contextlib.suppress(DocumentError):
        merged(TARGET, text, {"value": value})
    lines.values_in(text)
    with contextlib.suppress(ValueError):
        assert lines.values_in(lines.edited(text, {"KEY": "v"})).get("KEY") == "v"
    if time.monotonic() - began > 5:
        raise TimeoutError(f"{len(data)} bytes took {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
