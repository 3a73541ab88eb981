"""The stores of a policy, as text and as targets: ``scheme:PLACE#KEY=part,KEY=part``."""

from __future__ import annotations

from pathlib import Path

from remediate.errors import Error, PolicyError, UsageError
from remediate.incident.policy import CredentialPolicy, Policy, options
from remediate.plugins.provider import TakesAny
from remediate.plugins.registry import providers, stores
from remediate.plugins.store import Target


def target(spec: str, root: Path) -> Target:
    """What *spec* names. Raises `UsageError`."""
    scheme, colon, rest = spec.partition(":")
    place, _, names = rest.partition("#")
    if not colon or not scheme or not place:
        raise UsageError(
            f"`{spec}` is not a store: expected SCHEME:PLACE or SCHEME:PLACE#KEY.",
            hint="docs/policy.md lists the stores.",
        )
    keys: list[tuple[str, str | None]] = []
    for name in names.split(",") if names else []:
        key, equals, part = name.partition("=")
        if not key.strip() or (equals and not part.strip()):
            raise UsageError(
                f"`{spec}`: `{name}` is not KEY or KEY=part.", hint="docs/policy.md shows examples."
            )
        keys.append((key.strip(), part.strip() if equals else None))
    return Target(scheme, place, tuple(keys), spec, root)


def validate(policy: Policy, root: Path) -> None:
    """Look at every store that *policy* names before anything is killed.

    A mistyped store found after the kill leaves an application without its key. Raises `PolicyError`.
    """
    for table in policy.credentials:
        _look_at_provider(policy, table)
        for spec in table.stores:
            try:
                where = target(spec, root)
                stores.get(where.scheme).validate(where)
            except Error as error:
                raise PolicyError(
                    policy.source or "the policy",
                    f"`{spec}` to be a store that can be used",
                    found=error.message.rstrip("."),
                    hint=error.hint,
                ) from None


def _look_at_provider(policy: Policy, table: CredentialPolicy) -> None:
    if not table.provider:
        return
    try:
        provider = providers.get(table.provider)
        if not isinstance(provider, TakesAny):
            raise UsageError(
                f"{table.provider} acts for its own kinds alone.",
                hint="docs/policy.md names the providers that act for any.",
            )
        provider.check_options(options(table))
    except Error as error:
        raise PolicyError(
            policy.source or "the policy",
            f'`provider = "{table.provider}"` and its `with` to be usable',
            found=error.message.rstrip("."),
            hint=error.hint,
        ) from None
