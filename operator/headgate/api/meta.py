"""References between objects, for the models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from headgate.api.fields import Fields


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """Namespace and name; the context gives the kind."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Reference:
    """An object named by kind; ``namespace`` and ``api_version`` are empty where the spec omits them."""

    kind: str
    name: str
    namespace: str = ""
    api_version: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

    @property
    def key(self) -> ObjectKey:
        """Namespace and name without the kind."""
        return ObjectKey(self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class LocalReference:
    """An object of a known kind in the namespace of the object that refers to it."""

    name: str

    @staticmethod
    def parse(fields: Fields) -> LocalReference:
        """From ``{name}``."""
        return LocalReference(fields.required_text("name"))


def timestamp(now: datetime | None = None) -> str:
    """A time in the API server's format: RFC 3339, UTC, whole seconds; by default the current time."""
    return (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
