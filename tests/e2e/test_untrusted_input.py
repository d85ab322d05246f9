"""What a hostile URL, reference or repository could do, and does not; and that no secret is seen from outside."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
import urllib.request
from pathlib import Path

import pytest

from controlplane.rest import RestError
from sandbox import operator
from tests.support.cluster import SOURCE, condition, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map, kustomization
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

PASSWORD = "hunter2-seen-nowhere"


def refused(workspace: Workspace, name: str, kind: str = SOURCE) -> str:
    """Wait until it says that it is not Ready; the message."""

    def look() -> str:
        found = condition(workspace.get(name, kind))
        return str(found["message"]) if found.get("status") == "False" else ""

    return until(f"{name} is refused", look)


@pytest.mark.parametrize(
    "url",
    ["ext::sh -c id", "file:///etc", "git://127.0.0.1/repo.git", "--upload-pack=id", "/etc", "a:b/c.git"],
)
def test_the_api_server_takes_only_http_and_ssh(workspace: Workspace, url: str) -> None:
    with pytest.raises(RestError, match=r"spec\.url"):
        workspace.source(ready=False, url=url)


def test_hosts_and_references_are_never_options_or_commands(workspace: Workspace, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    workspace.commit({"apps/a.yaml": config_map("a")})
    hosts = {
        "proxy": f"ssh://-oProxyCommand=touch%20{proof}/repo.git",
        "proxy-user": f"ssh://-oProxyCommand=touch${{IFS}}{proof}@127.0.0.1/repo.git",
        "inner": f"http://ext::touch%20{proof}/repo.git",
    }
    references = {
        "branch": {"branch": f"--upload-pack=touch {proof}"},
        "tag": {"tag": f"--exec=touch${{IFS}}{proof}"},
        "name": {"name": f"refs/heads/main:{proof}"},
        "range": {"semver": f">=1 || $(touch {proof})"},
        "commit": {"commit": f"--output={proof}"},
    }
    for name, url in hosts.items():
        workspace.source(name, ready=False, url=url)
    for name, reference in references.items():
        workspace.source(name, ready=False, ref=reference)
    for name in (*hosts, *references):
        assert refused(workspace, name)
    assert not proof.exists()


def test_no_secret_is_in_a_process_list_a_message_or_the_log(
    workspace: Workspace, shared_operator: operator.Operator
) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.secret("git", {"username": "ada", "password": PASSWORD})
    with GitHttpServer(workspace.server.root) as server:
        server.require_basic("ada", PASSWORD)
        server.hang = True
        workspace.source(ready=False, url=server.url(workspace.repository.name), secretRef={"name": "git"})
        until("Git asks", lambda: server.count("info/refs"))
        running = commands_below(shared_operator.pid)
        assert any("git" in command for command in running)
        assert not [command for command in running if PASSWORD in command]
        server.hang = False
        workspace.ready("source", kind=SOURCE)
        # Right, then wrong: failures are where secrets slip out.
        server.require_basic("ada", "another one")
        workspace.commit({"apps/a.yaml": config_map("a", v="2")})
        message = refused(workspace, "source")
    workspace.event("source", "authentication", kind=SOURCE, type="Warning")
    assert PASSWORD not in message + workspace.event_text("source", SOURCE) + str(
        workspace.get("source", SOURCE)
    )
    assert PASSWORD not in shared_operator.log.read_text()


def commands_below(pid: int) -> list[str]:
    """The command lines of a process's descendants (Linux)."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (ValueError, OSError):
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    commands = []
    for each in found:
        try:
            commands.append(Path(f"/proc/{each}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return commands


def test_credentials_do_not_follow_a_redirect_to_another_server(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.secret("git", {"username": "ada", "password": PASSWORD})
    with GitHttpServer(workspace.server.root) as first, GitHttpServer(workspace.server.root) as other:
        first.require_basic("ada", PASSWORD)
        other.require_basic("ada", PASSWORD)
        first.redirect_to = other.url("")
        workspace.source(
            ready=False,
            url=first.url(f"moved/{workspace.repository.name}"),
            secretRef={"name": "git"},
            timeout="10s",
        )
        said = refused(workspace, "source")
        assert other.requests, "the redirect is followed"
        assert PASSWORD not in said
        assert not [request for request in other.requests if request.authorization]


def test_links_in_a_repository_lead_nowhere(workspace: Workspace) -> None:
    """A symbolic link is not followed out of the tree, and is not in the artifact."""
    work = workspace.repository.work
    (work / "apps").mkdir()
    (work / "apps/leak.yaml").symlink_to("/etc/hostname")
    (work / "apps/up").symlink_to("../../../../../../../../etc")
    workspace.commit(
        {"apps/kustomization.yaml": kustomization("a.yaml", "leak.yaml"), "apps/a.yaml": config_map("a")}
    )
    workspace.commit(
        {"more/kustomization.yaml": kustomization("../apps/up/passwd"), "good/a.yaml": config_map("good")}
    )
    source = workspace.source()
    for name in ("apps", "more", "good"):
        workspace.kustomization(name)
    workspace.ready("good")
    hostname = Path("/etc/hostname").read_text().strip() if os.path.exists("/etc/hostname") else ""
    for name in ("apps", "more"):
        said = workspace.failed(name, "BuildFailed")["message"]
        assert "root:" not in said
        assert not hostname or hostname not in said
    with urllib.request.urlopen(source["status"]["artifact"]["url"], timeout=60) as answer:
        content = answer.read()
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as archive:
        assert not [member.name for member in archive.getmembers() if member.issym() or member.islnk()]


def test_a_document_that_grows_without_end_fails_alone(workspace: Workspace) -> None:
    """YAML that expands to billions of nodes; the others continue while Headgate refuses it."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\n"
    workspace.commit({"bomb/a.yaml": head + "\n".join(levels), "good/a.yaml": config_map("good")})
    workspace.source()
    began = time.monotonic()
    workspace.kustomization("bomb")
    workspace.kustomization("good")
    workspace.ready("good")
    said = workspace.failed("bomb", "BuildFailed", r"bomb/a\.yaml")
    print(f"refused after {time.monotonic() - began:.2f} s: {said['message']}")
    assert workspace.config_map("bomb") is None
