"""The rules of who is woken, over queues that nobody empties."""

from __future__ import annotations

from dataclasses import dataclass, field

from headgate.api import ObjectKey
from headgate.reconcile.core.queue import WorkQueue
from headgate.reconcile.core.store import SourceKey, Store
from headgate.reconcile.core.wakeups import LastBuilds, RequestRecord, Wakeups

Queue = WorkQueue[ObjectKey]


class Unbuilt:
    """Nothing was built yet: every revision concerns everybody."""

    def concerns(self, key: ObjectKey, source: SourceKey) -> bool:
        return True

    async def compare(self, key: ObjectKey, source: SourceKey) -> None:
        pass


@dataclass
class Noted:
    """Records which GitRepositories it was called for."""

    keys: list[ObjectKey] = field(default_factory=list)

    def request(self, key: ObjectKey) -> None:
        self.keys.append(key)


def wakeups(
    store: Store,
    kustomizations: Queue | None = None,
    sources: Queue | None = None,
    *,
    builds: LastBuilds | None = None,
    requests: RequestRecord | None = None,
    correct_drift: bool = True,
) -> Wakeups:
    """The product's rules; what is not given is there and empty."""
    return Wakeups(
        store,
        Queue(1) if kustomizations is None else kustomizations,
        Queue(1) if sources is None else sources,
        builds or Unbuilt(),
        requests or Noted(),
        correct_drift=correct_drift,
    )
