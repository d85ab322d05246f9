"""Which cluster it is: the one given on purpose, kind where containers can run, otherwise a local control plane.

A ``KUBECONFIG`` in the environment is not "on purpose": it may well be that of production, and tests delete things.
It counts when it is named for this: ``--kubeconfig``, ``HEADGATE_TEST_KUBECONFIG``, or ``make test KUBECONFIG=...``.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controlplane import kind, local
from controlplane.errors import ClusterError
from controlplane.progress import Progress
from controlplane.rest import Rest, RestError
from controlplane.state import DEFAULT_NAME, READY, Cluster, Folder, State, all_clusters

PROVIDERS = ("auto", "local", "kind")
KUBECONFIG_VARIABLE = "HEADGATE_TEST_KUBECONFIG"
PROVIDER_VARIABLE = "HEADGATE_TEST_CLUSTER"

TIMEOUT = 300.0
_BEGINNING = 60.0
"""Seconds after which a folder without a state is taken for what a killed run left."""


@contextmanager
def start(
    name: str = "",
    *,
    provider: str = "",
    kubeconfig: Path | None = None,
    progress: Progress | None = None,
    timeout: float = TIMEOUT,
    trusting: Cluster | None = None,
) -> Iterator[Cluster]:
    """A cluster for as long as the context lasts; it is gone afterwards, also when this process is killed.

    A kind cluster outlives a killed process (``hack/cluster.py down`` finds it); a given one is left as it is.
    ``trusting``: service accounts of that cluster, a local one, are users of this local one, by OIDC as on real
    clusters; that one must let anybody read its keys.
    Raises :class:`ClusterError`.
    """
    progress = progress or Progress()
    chosen, given = choose(provider, kubeconfig)
    folder = Folder(f"{name or 'run'}-{uuid.uuid4().hex[:6]}")
    if chosen == "given":
        yield _given(given, folder.name)
    elif chosen == "kind":
        try:
            kind.start(folder, progress, timeout)
            yield local.cluster(folder)
        finally:
            kind.stop(folder, progress)
    else:
        attached = local.start(
            folder, progress, False, timeout, trusting.kubeconfig if trusting is not None else None
        )
        assert attached is not None
        try:
            yield local.cluster(folder)
        finally:
            attached.close()


def up(
    name: str = DEFAULT_NAME,
    *,
    provider: str = "",
    kubeconfig: Path | None = None,
    progress: Progress | None = None,
    timeout: float = TIMEOUT,
) -> Cluster:
    """A cluster that stays until :func:`down`; the same one when it is up already. Raises :class:`ClusterError`."""
    progress = progress or Progress()
    chosen, given = choose(provider, kubeconfig)
    folder = Folder(name)
    with folder.locked():
        running = folder.cluster()
        if running is not None:
            return running
        _clear(folder, progress)
        if chosen == "given":
            cluster = _given(given, name)
            folder.create()
            folder.kubeconfig.symlink_to(given.resolve())
            folder.write(State("given", phase=READY, version=cluster.version))
            return cluster
        if chosen == "kind":
            kind.start(folder, progress, timeout)
        else:
            local.start(folder, progress, detached=True, timeout=timeout)
        return local.cluster(folder)


def down(name: str = DEFAULT_NAME, progress: Progress | None = None) -> bool:
    """Stop a cluster and forget it (one that was given is only forgotten); False when there was none."""
    folder = Folder(name)
    with folder.locked():
        return _clear(folder, progress or Progress())


def find(name: str = DEFAULT_NAME) -> Cluster | None:
    """The running cluster of that name."""
    return Folder(name).cluster()


def orphans() -> list[Folder]:
    """Clusters whose supervisor is gone: what is left of runs that were killed, or failed."""
    found = []
    for folder in all_clusters():
        state = folder.state()
        if state is None:  # one that has only begun to start has none either, for a moment
            forgotten = time.time() - folder.path.stat().st_mtime > _BEGINNING
        else:
            forgotten = state.supervisor is not None and not state.supervisor.is_running()
        if forgotten:
            found.append(folder)
    return found


def _clear(folder: Folder, progress: Progress) -> bool:
    state = folder.state()
    if state is None:
        folder.remove()
        return False
    if state.provider == "local":
        local.stop(folder, state)
    elif state.provider == "kind":
        kind.stop(folder, progress)
    else:
        folder.remove()
    return True


def choose(provider: str, kubeconfig: Path | None) -> tuple[str, Path]:
    """The provider, ``given``, ``kind`` or ``local``, and the kubeconfig if one is given.

    An argument wins over the environment. Raises :class:`ClusterError` for a provider that there is not.
    """
    if kubeconfig is None and not provider and os.environ.get(KUBECONFIG_VARIABLE):
        kubeconfig = Path(os.environ[KUBECONFIG_VARIABLE])
    if kubeconfig is not None:
        return "given", kubeconfig
    provider = provider or os.environ.get(PROVIDER_VARIABLE) or "auto"
    if provider not in PROVIDERS:
        raise ClusterError(f"unknown provider {provider!r}: want one of {', '.join(PROVIDERS)}")
    if provider == "auto":
        provider = "kind" if kind.engine() else "local"
    return provider, Path()


def _given(kubeconfig: Path, name: str) -> Cluster:
    try:
        version = Rest.connect(kubeconfig, timeout=10.0).request("GET", "/version")["gitVersion"]
    except (OSError, RestError, LookupError, ValueError, StopIteration) as error:
        raise ClusterError(f"{kubeconfig}: no answer from its cluster: {error}") from error
    return Cluster(name, "given", kubeconfig.resolve(), version)
