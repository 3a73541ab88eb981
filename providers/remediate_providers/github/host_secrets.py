"""GitHub's own look at what is pushed: secret scanning and push protection, switched on and back.

https://docs.github.com/rest/repos/repos#update-a-repository (``security_and_analysis``). Public repositories
have both for nothing; others need a licence, and GitHub may then take the request and leave the setting.
"""

from __future__ import annotations

from collections.abc import Mapping

from remediate.errors import VendorError
from remediate.plugins.host import Change
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate_providers.github.host_talk import Talk

NAMES = ("secret_scanning", "secret_scanning_push_protection")


def off(talk: Talk) -> Change | None:
    """What would be switched on; None where all of it is. Raises `VendorError` where it is not shown."""
    states = _states(talk)
    if all(states[name] == "enabled" for name in NAMES):
        return None
    return Change(
        "push-protection", "protection", f"secret scanning and push protection of {talk}", states
    )


def set_all(talk: Talk, wanted: Mapping[str, object]) -> Outcome:
    """Bring both to *wanted* (name to ``enabled`` or ``disabled``), and read them again."""
    said = ", ".join(f"{name} {wanted.get(name)}" for name in NAMES)
    body = {name: {"status": str(wanted.get(name))} for name in NAMES}
    answer = talk.ask("PATCH", "", {"security_and_analysis": body})
    if answer.status != 200:
        return talk.refused(f"Push protection of {talk} was not changed", answer)
    states = _states(talk)
    if any(states[name] != wanted.get(name) for name in NAMES):
        return Outcome(
            Status.REFUSED,
            f"Push protection of {talk} was not changed",
            reason="GitHub took it and left the setting: its plan may not include it",
        )
    evidence = (Evidence(f"GET {talk.root}", said, talk.vendor.now()),)
    return Outcome(Status.DONE, f"{talk}: {said}", evidence=evidence)


def _states(talk: Talk) -> dict[str, str]:
    shown = talk.get("").get("security_and_analysis")
    if not isinstance(shown, Mapping):
        raise VendorError(
            f"GitHub does not show whether push protection of {talk} is on.",
            hint="It tells its administrators alone. By hand: Settings, Advanced Security.",
        )
    states: dict[str, str] = {}
    for name in NAMES:
        one = shown.get(name)
        state = one.get("status") if isinstance(one, Mapping) else None
        states[name] = "enabled" if state == "enabled" else "disabled"
    return states
