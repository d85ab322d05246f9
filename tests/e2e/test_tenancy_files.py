"""Nothing that a tenant writes into a repository leads out of it, or out of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import SOURCE, condition, until
from tests.support.manifests import config_map, kustomization
from tests.support.teams import Files, Teams
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]


# Out of the repository.


@pytest.mark.parametrize("path", ["../../../../../../etc", "./../..//../etc", "/etc", "/proc/self"])
def test_a_path_that_leads_out(teams: Teams, path: str) -> None:
    name = teams.attempt({"a.yaml": config_map("a")}, path=path)
    teams.refused(name, "ArtifactFailed", "kustomization path not found")


LINKS = (
    ("/etc/hostname", "link"),
    ("../../../../../../../../../etc/hostname", "link"),
    ("/etc", "link/hostname"),
    ("../../../../../../../../../etc", "link/hostname"),
    ("/proc/self/environ", "link"),
    ("/proc/self/root", "link/etc/hostname"),
)


@pytest.mark.parametrize("use", ["resource", "generator", "patch"])
def test_symbolic_links(teams: Teams, use: str) -> None:
    """To files and to directories, by absolute and by relative paths."""
    trees: list[Files] = []
    for number, (target, entry) in enumerate(LINKS):
        place = teams.tenant.repository.work / f"try-{teams.next_number() + number}"
        place.mkdir()
        (place / "link").symlink_to(target)
        fields: Obj = {
            "resource": {"resources": ["a.yaml", entry]},
            "generator": {"configMapGenerator": [{"name": "stolen", "files": [entry]}]},
            "patch": {"resources": ["a.yaml"], "patches": [{"path": entry}]},
        }[use]
        text = kustomization(*fields.pop("resources", ()), **fields)
        trees.append({"a.yaml": config_map("linked"), "kustomization.yaml": text})
    hostname = Path("/etc/hostname").read_text().strip()
    for name in teams.attempt_each(trees, targetNamespace=teams.tenant.namespace):
        said = teams.refused(name, "BuildFailed")
        assert not hostname or hostname not in said
        assert "PATH=" not in said


def test_a_directory_link_to_everything(teams: Teams) -> None:
    """Without a kustomization.yaml every manifest below is taken: not those behind a link."""
    place = teams.tenant.repository.work / f"try-{teams.next_number()}"
    place.mkdir()
    (place / "all").symlink_to("/")
    (place / "up").symlink_to("..")
    (place / "self").symlink_to(".")
    name = teams.attempt({"a.yaml": config_map("alone")}, targetNamespace=teams.tenant.namespace)
    done = teams.tenant.ready(name)
    assert [e["id"] for e in done["status"]["inventory"]["entries"]] == [
        f"{teams.tenant.namespace}_alone__ConfigMap"
    ]


OUTSIDE = ("../../../../../../../../etc/passwd", "/etc/passwd", "/proc/self/environ", "file:///etc/passwd")


@pytest.mark.parametrize(
    "field",
    [
        "resources",
        "components",
        "files",
        "envs",
        "secret files",
        "patches",
        "patchesStrategicMerge",
        "patchesJson6902",
        "crds",
        "configurations",
        "openapi",
        "replacements",
        "generators",
        "transformers",
        "validators",
    ],
)
def test_files_outside_of_the_repository(teams: Teams, field: str) -> None:
    """Every field of a kustomization that names a file."""
    trees = [{"a.yaml": config_map("a"), "kustomization.yaml": naming(field, outside)} for outside in OUTSIDE]
    for name in teams.attempt_each(list(trees), targetNamespace=teams.tenant.namespace):
        said = teams.refused(name, "BuildFailed")
        assert "root:" not in said
        assert "PATH=" not in said


def naming(field: str, path: str) -> str:
    """A kustomization that names the file there."""
    target = {"version": "v1", "kind": "ConfigMap", "name": "a"}
    fields: Obj = {
        "files": {"configMapGenerator": [{"name": "stolen", "files": [f"x={path}"]}]},
        "envs": {"configMapGenerator": [{"name": "stolen", "envs": [path]}]},
        "secret files": {"secretGenerator": [{"name": "stolen", "files": [path]}]},
        "patches": {"patches": [{"path": path}]},
        "patchesJson6902": {"patchesJson6902": [{"path": path, "target": target}]},
        "openapi": {"openapi": {"path": path}},
        "replacements": {"replacements": [{"path": path}]},
    }.get(field, {field: [path]})
    return kustomization("a.yaml", *fields.pop("resources", ()), **fields)


@pytest.mark.parametrize("outside", ["../../../../../etc", "/etc", "file:///etc"])
def test_components_of_the_spec(teams: Teams, outside: str) -> None:
    name = teams.attempt(
        {"a.yaml": config_map("a")}, components=[outside], targetNamespace=teams.tenant.namespace
    )
    teams.refused(name, "BuildFailed")


def test_another_team_s_files_by_way_of_the_cache(teams: Teams) -> None:
    """All sources lie side by side in the operator's storage."""
    commit = teams.other.repository.head()
    outside = [
        f"../../{teams.other.namespace}/source/base",
        f"../../../gitrepository/{teams.other.namespace}/source/{commit}",
        commit,
    ]
    for each in outside:
        name = teams.attempt(
            {"a.yaml": config_map("a"), "kustomization.yaml": kustomization("a.yaml", each)},
            targetNamespace=teams.tenant.namespace,
        )
        teams.refused(name, "BuildFailed")


@pytest.mark.parametrize("url", ["{folder}", "file://{folder}", "../{name}", "ext::sh -c cat% /etc/passwd"])
def test_submodules(teams: Teams, url: str) -> None:
    """A submodule is fetched over the network as its own address says, never from a folder of the operator's host."""
    repository = teams.other.repository
    folder = Path(teams.other.server.root) / repository.name
    address = url.format(folder=folder, name="no-such-repository")
    work = teams.tenant.repository
    work.switch("submodule", "HEAD")
    work.write({".gitmodules": f'[submodule "s"]\n\tpath = s\n\turl = {address}\n'})
    work.git("update-index", "--add", "--cacheinfo", f"160000,{repository.head()},s")
    work.git("add", "-f", ".gitmodules")
    work.git("commit", "-q", "--no-gpg-sign", "-m", "submodule")
    work.switch("main")
    source = "submodules"
    teams.tenant.source(
        source, ready=False, recurseSubmodules=True, ref={"branch": "submodule"}, timeout="10s"
    )

    def refused() -> str:
        found = condition(teams.tenant.get(source, SOURCE))
        return str(found["message"]) if found.get("status") == "False" else ""

    said = until("the source is refused", refused)
    assert "root:" not in said
    teams.check_silence()
    teams.tenant.delete(source, SOURCE)


# Out of the machine.


BASES = (
    "file:///etc",
    "file://{folder}",
    "http://127.0.0.1:9440/healthz",
    "http://localhost:9090/{name}",
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "https://169.254.169.254//x?ref=main",
    "http://[::1]/x.yaml",
    "{url}//base?ref=main",
    "git::{url}//base",
    "ssh://git@127.0.0.1/x.git//y",
    "git@127.0.0.1:x.git",
    "github.com/fluxcd/flux2//manifests",
    "ext::sh -c touch% /tmp/x",
)


def test_remote_bases(teams: Teams) -> None:
    """None are fetched here at all (``--no-remote-bases``), so that no request is sent."""
    asked = len(teams.tenant.server.requests)
    repository = teams.other.repository
    folder = Path(teams.other.server.root) / repository.name
    addresses = [b.format(folder=folder, name=repository.name, url=teams.other.url) for b in BASES]
    trees: list[Files] = [
        {"a.yaml": config_map("a"), "kustomization.yaml": kustomization("a.yaml", address)}
        for address in addresses
    ]
    for name in teams.attempt_each(trees, targetNamespace=teams.tenant.namespace):
        teams.refused(name, "BuildFailed")
    strangers = [r for r in teams.tenant.server.requests[asked:] if repository.name in r.line]
    assert strangers == []


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/secret.yaml",
        "http://localhost:{port}/secret.yaml",
        "http://0.0.0.0:{port}/secret.yaml",
        "http://[::ffff:127.0.0.1]:{port}/secret.yaml",
        "http://169.254.169.254/latest/meta-data",
    ],
)
@pytest.mark.parametrize("use", ["resources", "files"])
def test_where_remote_bases_are_allowed_this_host_is_not_asked(
    workspace: Workspace, address: str, use: str
) -> None:
    """By the shared operator, whose options leave remote bases on: no file comes from the operator's own host."""
    url = address.format(port=workspace.server.url("").rpartition(":")[2].strip("/"))
    fields: Obj = {"resources": ["a.yaml", url]}
    if use == "files":
        fields = {"resources": [], "configMapGenerator": [{"name": "stolen", "files": [f"x={url}"]}]}
    asked = len(workspace.server.requests)
    workspace.commit(
        {
            "apps/a.yaml": config_map("a"),
            "apps/kustomization.yaml": kustomization(*fields.pop("resources"), **fields),
        }
    )
    workspace.source()
    workspace.kustomization("apps", timeout="5s")
    workspace.failed("apps", "BuildFailed")
    assert not [r for r in workspace.server.requests[asked:] if "secret.yaml" in r.line]


def test_the_operator_itself_is_as_it_was(teams: Teams) -> None:
    """After all this."""
    teams.check_unharmed()
