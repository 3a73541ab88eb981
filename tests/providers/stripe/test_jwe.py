"""The sealed envelope: opened only where it is whole, ours, and sealed as said."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate_providers.stripe.jwe import Envelope, EnvelopeError
from remediate_providers.stripe.local_state import State

ENVELOPE = Envelope()


def sealed(algorithm: str = "RSA-OAEP-256", envelope: Envelope = ENVELOPE) -> tuple[str, str]:
    state = State(lag=0, live=True, managed=True)
    state.algorithm = algorithm
    key = state.issue()
    return state.sealed(key, envelope.public_pem), key.token.reveal_text()


@pytest.mark.parametrize("algorithm", ["RSA-OAEP", "RSA-OAEP-256"])
def test_both_algorithms_open(algorithm: str) -> None:
    compact, value = sealed(algorithm)
    assert ENVELOPE.open(compact).reveal_text() == value


@pytest.mark.parametrize("algorithm", ["RSA-OAEP", "RSA-OAEP-256"])
def test_what_another_library_seals_opens(algorithm: str) -> None:
    jwe = pytest.importorskip("joserfc.jwe")
    jwk = pytest.importorskip("joserfc.jwk")
    key = jwk.RSAKey.import_key(ENVELOPE.public_pem)
    registry = jwe.JWERegistry(algorithms=[algorithm, "A256GCM"])
    header = {"alg": algorithm, "enc": "A256GCM"}
    compact = jwe.encrypt_compact(header, b"made elsewhere", key, registry=registry)
    assert ENVELOPE.open(compact).reveal() == b"made elsewhere"


@pytest.mark.parametrize("part", range(5))
def test_a_change_anywhere_is_noticed(part: int) -> None:
    segments = sealed()[0].split(".")
    first = segments[part][0]
    segments[part] = ("A" if first != "A" else "B") + segments[part][1:]
    with pytest.raises(EnvelopeError):
        ENVELOPE.open(".".join(segments))


def test_an_envelope_for_somebody_else_stays_closed() -> None:
    with pytest.raises(EnvelopeError, match="not sealed for this call"):
        Envelope().open(sealed()[0])


@pytest.mark.parametrize(
    "change",
    [{"alg": "RSA1_5"}, {"alg": "dir"}, {"enc": "A128GCM"}, {"zip": "DEF"}, {"crit": ["exp"]}],
)
def test_another_way_of_sealing_is_refused_by_name(change: dict[str, object]) -> None:
    header, *rest = sealed()[0].split(".")
    data = json.loads(base64.urlsafe_b64decode(header + "==")) | change
    other = base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")
    with pytest.raises(EnvelopeError, match="another way"):
        ENVELOPE.open(".".join([other, *rest]))


@given(st.text(alphabet="AZaz09-_.=+/ \n\u00e9", max_size=80))
@settings(max_examples=60, deadline=None)
def test_any_text_is_an_error_and_no_crash(text: str) -> None:
    with pytest.raises(EnvelopeError):
        ENVELOPE.open(text)


def test_a_public_key_is_what_stripe_asks_for() -> None:
    pem = ENVELOPE.public_pem
    assert pem.startswith("-----BEGIN PUBLIC KEY-----\n")
    assert "PRIVATE" not in pem
