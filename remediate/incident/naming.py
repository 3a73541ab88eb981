"""What a credential is called where several are listed: told apart by place and id, never by value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from remediate.model import Credential, LeakedSecret, Location


def called(
    credential: Credential, secrets: Mapping[str, LeakedSecret], redact: Callable[[str], str]
) -> str:
    """``secret 54f8ffa50ff7 (config.ini:12)``; one with a public id goes by that alone.

    *redact* takes leaked values out of a text: a path may hold one.
    """
    if credential.public_id:
        return f"{credential.kind} {credential.public_id}"
    name = f"{credential.kind} {credential.id.split(':', 1)[-1]}"
    place = _place(credential.parts.values(), secrets)
    return f"{name} ({redact(place)})" if place else name


def _place(parts: Iterable[str], secrets: Mapping[str, LeakedSecret]) -> str:
    """The first place that anything is known of; of two equals the one with a path."""
    known = [place for part in parts if part in secrets for place in secrets[part].locations]
    first = next((place for place in known if place.path), known[0] if known else None)
    return _shown(first) if first is not None else ""


def _shown(place: Location) -> str:
    if place.path:
        return f"{place.path}:{place.start_line}" if place.start_line else place.path
    if place.url:
        return place.url
    return f"commit {place.commit[:12]}" if place.commit else ""
