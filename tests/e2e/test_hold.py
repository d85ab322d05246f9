"""Annotations hold new revisions of a GitRepository; what runs is kept as it is, and comes no further."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox import operator
from tests.support.cluster import LONG_PATIENCE, SOURCE, condition, is_ready, until
from tests.support.manifests import config_map, deployment
from tests.support.metrics import read, value
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]

HOLD, WINDOWS = "promotion.headgate.dev/hold", "promotion.headgate.dev/windows"
CLOSED = "[{cron: 0 0 29 2 *, window: 1m}]"
"""Open for a minute in four years."""


def annotate(workspace: Workspace, name: str = "source", **annotations: str | None) -> None:
    """Set ``hold`` or ``windows`` of a GitRepository; None removes it."""
    named = {f"promotion.headgate.dev/{each}": text for each, text in annotations.items()}
    workspace.api.merge(workspace.get(name, SOURCE), {"metadata": {"annotations": named}}, manager="kubectl")


def handled(workspace: Workspace, name: str = "source", kind: str = SOURCE) -> Obj:
    """Request a reconcile and wait until it is done."""
    stamp = workspace.request_reconcile(kind, name)

    def is_handled() -> bool:
        return workspace.get(name, kind)["status"].get("lastHandledReconcileAt") == stamp

    until(f"the request for {name} is handled", is_handled)
    return workspace.get(name, kind)


def held(workspace: Workspace, revision: str, name: str = "source") -> Obj:
    """Wait until the condition names the revision."""

    def find() -> Obj | None:
        found = condition(workspace.get(name, SOURCE), "RevisionHeld")
        return found if f"'{revision}'" in found.get("message", "") else None

    return until(f"{revision} is held", find)


def assert_current(workspace: Workspace, revision: str, name: str = "source") -> None:
    """The GitRepository is Ready at the revision, and kstatus takes it for Current."""
    obj = workspace.get(name, SOURCE)
    assert is_ready(obj)
    assert condition(obj)["message"] == f"stored artifact for revision '{revision}'"
    assert obj["status"]["artifact"]["revision"] == revision
    assert obj["status"]["observedGeneration"] == obj["metadata"]["generation"]
    types = {each["type"] for each in obj["status"]["conditions"]}
    assert not types & {"Reconciling", "Stalled", "ArtifactOutdated", "FetchFailed"}


def release(workspace: Workspace, version: str, **files: str) -> str:
    """Tag a commit with these ConfigMaps and two replicas of ``web``; returns the revision."""
    maps = {f"apps/{name}.yaml": config_map(name, v=text) for name, text in files.items()}
    commit = workspace.repository.commit({**maps, "apps/web.yaml": deployment("web", replicas=2)})
    workspace.repository.tag(version)
    return f"{version}@sha1:{commit}"


def data(workspace: Workspace, name: str) -> Obj | None:
    found = workspace.config_map(name)
    return found["data"] if found is not None else None


def replicas(workspace: Workspace) -> int:
    found = workspace.object("apps/v1", "Deployment", "web") or {"spec": {}}
    return int(found["spec"].get("replicas", 0))


@pytest.mark.parametrize(
    "annotations", [{"hold": "incident 42"}, {"windows": CLOSED}], ids=["hold", "windows"]
)
def test_a_new_tag_is_not_applied_and_a_manual_scale_is_corrected(
    workspace: Workspace, annotations: dict[str, str]
) -> None:
    first = release(workspace, "1.0.0", a="1")
    workspace.source(ref={"semver": ">=1.0.0"})
    workspace.kustomization("apps")
    workspace.ready("apps", first)
    annotate(workspace, **annotations)
    second = release(workspace, "1.1.0", a="2", b="2")
    handled(workspace)
    message = held(workspace, second)["message"]
    assert message.endswith(f"'{first}' stays")
    event = workspace.event("source", f"revision '{second}' is ", kind=SOURCE, reason="RevisionHeld")
    assert (event["type"], event["message"]) == ("Normal", message)
    assert_current(workspace, first)
    # Drift is corrected, and so is what only a full pass finds.
    web = workspace.object("apps/v1", "Deployment", "web")
    assert web is not None
    workspace.api.merge(web, {"spec": {"replicas": 5}}, manager="kubectl-scale")
    until("the scale is corrected", lambda: replicas(workspace) == 2)
    workspace.api.delete("v1", "ConfigMap", "a", workspace.namespace)
    until("the ConfigMap is back", lambda: data(workspace, "a") == {"v": "1"})
    handled(workspace, "apps", "Kustomization")
    handled(workspace)
    workspace.ready("apps", first)
    assert (data(workspace, "a"), workspace.config_map("b")) == ({"v": "1"}, None)
    assert [each["reason"] for each in workspace.events("source", SOURCE)].count("RevisionHeld") == 1
    # Nobody requests anything: the change of the annotation is enough.
    annotate(workspace, hold=None, windows=None)
    workspace.ready("apps", second)
    assert (data(workspace, "a"), data(workspace, "b")) == ({"v": "2"}, {"v": "2"})
    assert condition(workspace.get("source", SOURCE), "RevisionHeld") == {}


def test_a_held_revision_goes_in_when_its_window_opens(workspace: Workspace) -> None:
    first = release(workspace, "1.0.0", a="1")
    workspace.source(ref={"semver": ">=1.0.0"})
    workspace.kustomization("apps")
    workspace.ready("apps", first)
    # A minute that is long enough away for the checks before it.
    opens = (datetime.now(UTC) + timedelta(seconds=80)).replace(second=0, microsecond=0)
    window = f'[{{"cron": "{opens.minute} {opens.hour} * * *", "window": "2h", "timeZone": "UTC"}}]'
    annotate(workspace, windows=window)
    second = release(workspace, "1.1.0", a="2")
    workspace.request_reconcile(SOURCE, "source")
    workspace.ready("apps", second, timeout=LONG_PATIENCE)
    stored = datetime.fromisoformat(
        workspace.get("source", SOURCE)["status"]["artifact"]["lastUpdateTime"].replace("Z", "+00:00")
    )
    assert stored >= opens
    event = workspace.event("source", "until the next window opens", kind=SOURCE, reason="RevisionHeld")
    assert opens.strftime("%Y-%m-%dT%H:%M:%SZ") in event["message"]


def test_a_hold_keeps_the_first_revision_out_and_windows_let_it_in(workspace: Workspace) -> None:
    first = workspace.commit({"apps/a.yaml": config_map("a", v="1")})
    spec = {"interval": "1h", "url": workspace.url, "ref": {"branch": "main"}}
    workspace.apply_custom(SOURCE, "source", spec, {HOLD: "not yet", WINDOWS: CLOSED})
    workspace.kustomization("apps")
    held(workspace, first)
    ready = condition(workspace.get("source", SOURCE))
    assert (ready["status"], ready["reason"]) == ("Unknown", "RevisionHeld")
    assert workspace.config_map("a") is None
    annotate(workspace, hold=None)
    workspace.ready("apps", first)
    workspace.ready("source", kind=SOURCE)


def test_an_invalid_annotation_holds_and_says_what_is_wrong(workspace: Workspace) -> None:
    first = workspace.commit({"apps/a.yaml": config_map("a", v="1")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps", first)
    annotate(workspace, windows="[{cron: 0 9 * * *, window: 1h, timezone: Europe/Berlin}]")
    problem = rf"metadata.annotations\[{WINDOWS}\]\[0\].timezone: is not a field"
    workspace.event("source", problem, kind=SOURCE, type="Warning", reason="InvalidAnnotation")
    second = workspace.commit({"apps/a.yaml": config_map("a", v="2")})
    assert held(workspace, second)["reason"] == "InvalidAnnotation"
    assert_current(workspace, first)
    assert data(workspace, "a") == {"v": "1"}
    annotate(workspace, windows="[{cron: '* * * * *', window: 1h, timeZone: Europe/Berlin}]")
    workspace.ready("apps", second)


def test_another_reference_and_another_url_are_held(workspace: Workspace) -> None:
    first = workspace.commit({"apps/a.yaml": config_map("a", v="1")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps", first)
    annotate(workspace, hold="freeze")
    second = release(workspace, "1.0.0", a="2")
    workspace.change("source", {"ref": {"branch": None, "tag": "1.0.0"}}, SOURCE)
    held(workspace, second)
    handled(workspace)
    assert_current(workspace, first)
    workspace.api.delete("v1", "ConfigMap", "a", workspace.namespace)
    until("the ConfigMap is back", lambda: data(workspace, "a") == {"v": "1"})
    annotate(workspace, hold=None)
    workspace.ready("apps", second)


Ending = Callable[[operator.Operator, Path], None]


def killed(running: operator.Operator, _: Path) -> None:
    running.kill()


def storage_lost(running: operator.Operator, folder: Path) -> None:
    running.stop()
    shutil.rmtree(folder / "storage")


@pytest.mark.parametrize("ending", [killed, storage_lost])
def test_a_restart_lets_nothing_in(
    own_workspace: Workspace, account: Path, tmp_path: Path, ending: Ending
) -> None:
    workspace = own_workspace
    first = release(workspace, "1.0.0", a="1")
    with operator.running(account, tmp_path, (workspace.selector,)) as running:
        workspace.source(ref={"semver": ">=1.0.0"})
        workspace.kustomization("apps")
        workspace.ready("apps", first)
        annotate(workspace, hold="freeze")
        second = release(workspace, "1.1.0", a="2")
        workspace.request_reconcile(SOURCE, "source")
        held(workspace, second)
        ending(running, tmp_path)
    workspace.api.delete("v1", "ConfigMap", "a", workspace.namespace)
    with operator.running(account, tmp_path, (workspace.selector,)) as running:
        until("what was deleted meanwhile is back", lambda: data(workspace, "a") == {"v": "1"})
        handled(workspace)
        held(workspace, second)
        assert_current(workspace, first)
        workspace.ready("apps", first)
        assert [each["reason"] for each in workspace.events("source", SOURCE)].count("RevisionHeld") == 1

        def counted(wanted: float) -> bool:
            return value(read(running.metrics), "headgate_held_sources") == wanted

        until("the metric counts it", lambda: counted(1.0))
        annotate(workspace, hold=None)
        workspace.ready("apps", second)
        until("the metric counts it no more", lambda: counted(0.0))
        workspace.close()


def test_others_of_the_same_remote_go_ahead(workspace: Workspace) -> None:
    first = workspace.commit({"apps/a.yaml": config_map("a", v="1"), "more/b.yaml": config_map("b", v="1")})
    workspace.source()
    workspace.source("other")
    workspace.kustomization("apps")
    workspace.kustomization("more", sourceRef={"kind": SOURCE, "name": "other"})
    workspace.ready("apps", first)
    workspace.ready("more", first)
    annotate(workspace, hold="freeze")
    second = workspace.commit({"apps/a.yaml": config_map("a", v="2"), "more/b.yaml": config_map("b", v="2")})
    workspace.ready("more", second)
    held(workspace, second)
    assert_current(workspace, first)
    assert (data(workspace, "a"), data(workspace, "b")) == ({"v": "1"}, {"v": "2"})
