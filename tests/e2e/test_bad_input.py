"""Bad input of every kind at once in one namespace: each message says what is wrong and where; the good one works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from controlplane.ports import free_ports
from sandbox import operator
from tests.support.cluster import (
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    SOURCE,
    SOURCE_VERSION,
    Api,
    condition,
    until,
)
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map, deployment, dump, kustomization
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

BROKEN = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: broken\n  labels: [one, two\ndata: {}\n"
MANY = deployment("web").replace("replicas: 1", "replicas: many")
UNKNOWN = {"apiVersion": "nobody.example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
NEIGHBOR = config_map("neighbor")
"""In the same stage as something invalid: not applied."""


def _with_env(name: str, value: int) -> str:
    """A Deployment with a number for the value of a variable."""
    obj = yaml.safe_load(deployment(name))
    obj["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": value}]
    return dump(obj)


UNMATCHED = {"patch": config_map("unmatched"), "target": {"kind": "ConfigMap", "name": "unmatched"}}


@dataclass(frozen=True, slots=True)
class Case:
    """The files and the spec of a case, and regular expressions for what the operator reports."""

    reason: str
    says: str
    files: dict[str, str]
    spec: dict[str, Any]
    kind: str = KUSTOMIZATION
    event: str = ""
    """What the event says, when it is not what the condition says."""
    silent: bool = False
    """No event says it: the condition alone, as each bootstrap begins so."""
    then: dict[str, str] | None = None
    """Files committed when it is Ready, which are the bad input."""


def _case(reason: str, says: str, files: dict[str, str] | None = None, **fields: Any) -> Case:
    known = {name: fields.pop(name) for name in ("kind", "event", "silent", "then") if name in fields}
    return Case(reason, says, files or {}, fields, **known)


CASES = {
    "missing-path": _case("ArtifactFailed", "(?i)path.*missing-path.*not found|missing-path.*no such"),
    "broken-yaml": _case(
        "BuildFailed",
        r"broken-yaml/config\.yaml.*(line |:)[56]\b",
        {"config.yaml": BROKEN, "neighbor.yaml": NEIGHBOR},
    ),
    "wrong-kustomization": _case(
        "BuildFailed",
        r"wrong-kustomization/base/kustomization\.yaml.*namePrefx",
        {
            "kustomization.yaml": kustomization("base"),
            "base/kustomization.yaml": kustomization("a.yaml", namePrefx="a-"),
            "base/a.yaml": NEIGHBOR,
        },
    ),
    "missing-resource": _case(
        "BuildFailed",
        r"missing-resource.*nowhere\.yaml",
        {"kustomization.yaml": kustomization("nowhere.yaml")},
    ),
    "leaves-the-repository": _case(
        "BuildFailed", r"etc/passwd", {"kustomization.yaml": kustomization("../../../../../../../etc/passwd")}
    ),
    "patch-without-target": _case(
        "BuildFailed",
        r"unmatched",
        {
            "kustomization.yaml": kustomization("a.yaml", patches=[{"path": "patch.yaml"}]),
            "patch.yaml": config_map("unmatched"),
            "a.yaml": NEIGHBOR,
        },
    ),
    "invalid-field": _case(
        "ReconciliationFailed",
        r"Deployment/\S+/web .*: field spec\.replicas: must be a number, not text \(from invalid-field/web\.yaml:1\)",
        {"web.yaml": MANY, "neighbor.yaml": NEIGHBOR},
    ),
    "number-in-env": _case(
        "ReconciliationFailed",
        r"field spec\.template\.spec\.containers\S*\.env\S*\.value: must be text, not a number: quote it "
        r"\(from number-in-env/web\.yaml:1\)",
        {"web.yaml": _with_env("web", 1), "neighbor.yaml": NEIGHBOR},
    ),
    "number-in-selector": _case(
        "ReconciliationFailed",
        r"field spec\.selector\.matchLabels\.app: must be text, not a number: quote it",
        {"web.yaml": deployment("web").replace("app: web", "app: 1"), "neighbor.yaml": NEIGHBOR},
    ),
    "number-in-labels": _case(
        "BuildFailed",
        r"number-in-labels/a\.yaml:1, ConfigMap/\S+/a, field metadata\.labels\.tier: must be text, not a number: quote",
        {
            "a.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {tier: 1}}}",
            "neighbor.yaml": NEIGHBOR,
        },
    ),
    "list-of-labels": _case(
        "BuildFailed",
        r"list-of-labels/a\.yaml:1, ConfigMap/\S+/a, field metadata\.labels: must be a map of text, not a list",
        {
            "a.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: [a]}}",
            "neighbor.yaml": NEIGHBOR,
        },
        commonMetadata={"labels": {"team": "a"}},
    ),
    "name-that-becomes-a-number": _case(
        "BuildFailed",
        r"a\.yaml:1, ConfigMap/\S+/123, field metadata\.name: must be text, not a number: quote it.*quotes",
        {"a.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: '${n}'}}", "neighbor.yaml": NEIGHBOR},
        postBuild={"substitute": {"n": "123"}},
    ),
    "template-of-a-chart": _case(
        "BuildFailed",
        r"a\.yaml:\d+: .*in line 3 it looks like a template of a Helm chart",
        {
            "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n",
            "neighbor.yaml": NEIGHBOR,
        },
    ),
    "path-that-is-a-file": _case(
        "BuildFailed",
        r"a\.yaml: is a file, not a directory",
        {"a.yaml": NEIGHBOR},
        path="./path-that-is-a-file/a.yaml",
    ),
    "unknown-kind": _case(
        "ReconciliationFailed",
        r"Widget/\S+/w.*no matches for kind \"Widget\" in version \"nobody\.example\.com/v1\"",
        {"w.yaml": dump(UNKNOWN), "neighbor.yaml": NEIGHBOR},
    ),
    "immutable-field": _case(
        "ReconciliationFailed",
        r"Deployment/\S+/pinned.*spec\.selector.*immutable",
        {"web.yaml": deployment("pinned")},
        then={"web.yaml": deployment("pinned").replace("app: pinned", "app: other")},
    ),
    "missing-source": _case(
        "ArtifactFailed",
        r'GitRepository.*"nowhere" not found',
        silent=True,
        sourceRef={"kind": SOURCE, "name": "nowhere"},
    ),
    "cycle": _case(
        "DependencyNotReady",
        r"dependency cycle: \S+/cycle -> \S+/cycle-too -> \S+/cycle",
        {"a.yaml": config_map("cycle")},
        dependsOn=[{"name": "cycle-too"}],
    ),
    "missing-dependency": _case(
        "DependencyNotReady",
        r"dependency '\S+/nowhere' not found",
        {"a.yaml": config_map("missing-dependency")},
        event="Dependencies do not meet ready condition",
        dependsOn=[{"name": "nowhere"}],
    ),
    "git-unreachable": _case(
        "GitOperationFailed", r"http://127\.0\.0\.1:UNUSED.*(refused|connect)", kind=SOURCE, url="UNREACHABLE"
    ),
    "git-missing-repository": _case("GitOperationFailed", r"not found", kind=SOURCE, url="MISSING"),
    "git-missing-branch": _case("GitOperationFailed", r"nowhere", kind=SOURCE, ref={"branch": "nowhere"}),
    "git-no-matching-tag": _case("GitOperationFailed", r">=9\.0\.0", kind=SOURCE, ref={"semver": ">=9.0.0"}),
    "git-bad-range": _case("GitOperationFailed|InvalidSpec", r"nine", kind=SOURCE, ref={"semver": "nine"}),
    "git-refused-credentials": _case(
        "AuthenticationFailed|GitOperationFailed",
        r"(?i)authentication|credentials",
        kind=SOURCE,
        url="GUARDED",
        secretRef={"name": "wrong"},
    ),
    "git-missing-secret": _case(
        "AuthenticationFailed", r"secret '\S+/nowhere'.*not found", kind=SOURCE, secretRef={"name": "nowhere"}
    ),
}
PASSWORD = "hunter2-never-shown"


@pytest.fixture(scope="module")
def all_bad(api: Api, git_server: GitHttpServer, shared_operator: operator.Operator) -> Iterator[Workspace]:
    """Every case at once, and a good one."""
    workspace = Workspace(api, git_server, "bad-input")
    files: dict[str, str] = {
        "good/a.yaml": config_map("good", v="1"),
        "cycle-too/a.yaml": config_map("cycle-too"),
    }
    for name, case in CASES.items():
        files |= {f"{name}/{path}": text for path, text in case.files.items()}
    workspace.commit(files)
    workspace.source()
    workspace.secret("wrong", {"username": "ada", "password": PASSWORD})
    with GitHttpServer(git_server.root) as guarded:
        guarded.require_basic("ada", "another one")
        urls = {
            "UNREACHABLE": f"http://127.0.0.1:{free_ports(1)[0]}/repo.git",
            "MISSING": git_server.url("nowhere.git"),
            "GUARDED": guarded.url(workspace.repository.name),
        }
        for name, case in CASES.items():
            if case.kind == SOURCE:
                url = urls.get(case.spec.get("url", ""), workspace.url)
                workspace.source(name, ready=False, **{**case.spec, "url": url})
            else:
                workspace.kustomization(name, **case.spec)
        workspace.kustomization("cycle-too", dependsOn=[{"name": "cycle"}])
        workspace.kustomization("good")
        workspace.ready("good")
        later = {name: case.then for name, case in CASES.items() if case.then}
        for name in later:
            workspace.ready(name)
        workspace.commit(
            {f"{name}/{path}": text for name, then in later.items() for path, text in then.items()}
        )
        yield workspace
        workspace.close()


@pytest.mark.parametrize("name", CASES)
def test_it_says_what_is_wrong_and_where(all_bad: Workspace, name: str) -> None:
    case = CASES[name]
    says = case.says.replace("UNUSED", r"\d+")

    def look() -> dict[str, Any] | None:
        found = condition(all_bad.get(name, case.kind))
        return found if found.get("status") == "False" and found["reason"] in case.reason.split("|") else None

    reason = until(f"{name} is not Ready: {case.reason}", look)["reason"]
    said = all_bad.failed(name, reason, f"(?s){says}", kind=case.kind)
    assert said["observedGeneration"] == 1
    assert PASSWORD not in said["message"]
    if case.silent:
        assert all_bad.events(name, case.kind) == []
    else:
        event = all_bad.event(name, f"(?s){case.event or says}", kind=case.kind)
        assert PASSWORD not in event["message"]
    print(f"{name}: {said['reason']}: {said['message']}")


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if NEIGHBOR in case.files.values()])
def test_nothing_of_a_stage_with_something_invalid_is_applied(all_bad: Workspace, name: str) -> None:
    all_bad.failed(name, CASES[name].reason)
    assert all_bad.config_map("neighbor") is None


def test_the_good_one_goes_on(all_bad: Workspace) -> None:
    revision = all_bad.commit({"good/a.yaml": config_map("good", v="2")})
    all_bad.ready("good", revision)
    assert (all_bad.config_map("good") or {})["data"] == {"v": "2"}


@pytest.mark.parametrize("field", ["interval", "retryInterval", "timeout"])
def test_a_time_that_only_the_pattern_allows_is_refused_and_keeps_nothing_from_being_deleted(
    workspace: Workspace, field: str
) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    workspace.change("apps", {field: "99999999h"})
    said = workspace.failed("apps", "InvalidSpec", rf"^spec\.{field}: must be less than 292 years")
    assert condition(workspace.get("apps"), "Stalled")["message"] == said["message"]
    # While it is suspended nothing is deleted, as ever.
    workspace.change("apps", {"suspend": True})
    workspace.delete("apps")
    assert workspace.config_map("a") is not None
    workspace.kustomization("apps", **{field: "99999999h"})
    workspace.failed("apps", "InvalidSpec", rf"^spec\.{field}: ")
    workspace.change("apps", {field: "10m"})
    workspace.ready("apps")
    workspace.change("apps", {field: "99999999h"})
    workspace.failed("apps", "InvalidSpec", rf"^spec\.{field}: ")
    workspace.delete("apps")
    assert workspace.config_map("a") is None


def test_a_git_repository_with_such_a_time_can_be_deleted_too(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.change("source", {"interval": "99999999h"}, kind=SOURCE)
    until(
        "it says what is wrong",
        lambda: condition(workspace.get("source", SOURCE))["message"].startswith(
            "spec.interval: must be less"
        ),
    )
    workspace.delete("source", SOURCE)


def test_a_list_may_have_so_many_entries(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps", dependsOn=[{"name": f"x{i}"} for i in range(1_001)])
    workspace.failed(
        "apps", "InvalidSpec", r"^spec\.dependsOn: has 1001 entries, more than 1000 \(--max-list-entries\)"
    )
    workspace.delete("apps")


@pytest.mark.parametrize("kind", [KUSTOMIZATION, SOURCE])
def test_without_a_spec(workspace: Workspace, kind: str) -> None:
    """The schema asks for the fields of a spec, and takes an object that has none."""
    meta = {"name": "bare", "namespace": workspace.namespace}
    version = {KUSTOMIZATION: KUSTOMIZATION_VERSION, SOURCE: SOURCE_VERSION}[kind]
    workspace.api.apply({"apiVersion": version, "kind": kind, "metadata": meta})
    workspace.failed("bare", "InvalidSpec", "spec: must be a mapping", kind=kind)
    workspace.event("bare", "spec: must be a mapping", kind=kind, type="Warning")
    workspace.delete("bare", kind)
