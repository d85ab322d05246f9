"""Feature gates: behavior that users turn on or off by name, with the names of Flux's controllers."""

from __future__ import annotations

import click

from headgate.settings import gates

GATES = {gate.name: gate.given for gate in gates()}
"""The gates with an effect here, and their defaults."""

ALWAYS = {
    "CancelHealthCheckOnNewRevision": True,
    "DirectSourceFetch": True,
    "ExternalArtifact": True,
}
"""Gates of Flux whose behavior is always on here."""

WITHOUT_MEANING = frozenset(
    (
        "CacheSecretsAndConfigMaps",
        "DisableStatusPollerCache",
        "GroupChangeLog",
        "ObjectLevelWorkloadIdentity",
    )
)
"""Gates of Flux for parts that do not exist here; accepted, so that a Deployment can keep its arguments."""

_OPTION = "--feature-gates"


def parse_gates(text: str) -> dict[str, bool]:
    """Return the value of each of :data:`GATES`; raises :class:`click.BadParameter`.

    >>> parse_gates("DisableFailFastBehavior=true")["DisableFailFastBehavior"]
    True
    """
    values = dict(GATES)
    for part in (p.strip() for p in text.split(",")):
        if not part:
            continue
        name, equals, value = part.partition("=")
        if not equals or value.lower() not in ("true", "false"):
            raise click.BadParameter(
                f"{part!r} is not of the form NAME=true or NAME=false", param_hint=_OPTION
            )
        wanted = value.lower() == "true"
        if name in GATES:
            values[name] = wanted
        elif name in ALWAYS:
            if wanted is not ALWAYS[name]:
                raise click.BadParameter(f"{name} cannot be turned off", param_hint=_OPTION)
        elif name not in WITHOUT_MEANING:
            known = ", ".join(sorted({*GATES, *ALWAYS, *WITHOUT_MEANING}))
            raise click.BadParameter(f"unknown gate {name!r}; known gates: {known}", param_hint=_OPTION)
    return values
