"""Repositories that are small on the wire and large in use fail alone, also after a restart, and in little memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import operator
from tests.support import bombs
from tests.support.cluster import SOURCE, Api
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository
from tests.support.manifests import config_map
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = pytest.mark.e2e

MARK = "hostile-repositories"
MAX_MEMORY = 512 << 10
"""KiB of the operator's process at any time."""
TOLD = {
    "nested-0": ("GitOperationFailed", "more than 200000 files and directories.*--max-source-entries"),
    "nested-1": ("GitOperationFailed", "more than 200000 files and directories.*--max-source-entries"),
    "nested-2": ("GitOperationFailed", "more than 200000 files and directories.*--max-source-entries"),
    "name": ("GitOperationFailed", "a name in it is longer than 255"),
    "depth": ("GitOperationFailed", "nested deeper than 256"),
    "size": ("GitOperationFailed", "more than 2147483648 bytes.*--max-source-size"),
    "line": ("SourceIgnoreError", r"\.sourceignore, line 1: the pattern is longer than 1024 characters"),
    "rules": ("SourceIgnoreError", "take too long for the number of files"),
    "blob-tag": ("GitOperationFailed", "'refs/tags/v1' is not a commit, but a blob"),
}


def make(served: Path, name: str, made: str) -> Repository:
    repository = Repository(served, name)
    if made.startswith("nested"):
        bombs.nested(repository, 20 + int(made[-1]), 5)
    elif made == "name":
        content = bombs.blob(repository)
        bombs.publish(repository, bombs.tree(repository, [("100644", "n" * 300, content)]))
    elif made == "depth":
        bombs.deep(repository, 300)
    elif made == "size":
        content = bombs.blob(repository, bytes(64 << 20))
        entries = [("100644", f"{n:03}", content) for n in range(40)]
        bombs.publish(repository, bombs.tree(repository, entries))
    elif made == "line":
        repository.commit({".sourceignore": "*a" * (250 << 10 >> 1)})
    elif made == "rules":
        repository.commit({".sourceignore": "".join(f"**/*{n}*/*/x\n" for n in range(1900))})
        content = repository.git("rev-parse", "HEAD:.sourceignore").strip()
        inner = bombs.tree(repository, [("100644", f"{n:03}", content) for n in range(100)])
        entries = [("100644", ".sourceignore", content)]
        entries += [("40000", f"d{n:03}", inner) for n in range(300)]
        bombs.publish(repository, bombs.tree(repository, entries))
    else:
        repository.commit({"a": "1"})
        repository.git("tag", "v1", "HEAD:a")
    return repository


def peak(running: operator.Operator) -> int:
    """KiB of memory that the operator's process had at the most."""
    status = Path(f"/proc/{running.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def test_each_says_why_and_the_others_go_on(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> None:
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: MARK})
    options = (f"--watch-label-selector={OWN}={MARK}",)
    urls = {
        name: git_server.url(make(git_server.root, f"{workspace.namespace}-{name}", name).name)
        for name in TOLD
    }
    workspace.commit({"apps/a.yaml": config_map("a")})

    def all_as_expected(x: str) -> None:
        for name, (reason, message) in TOLD.items():
            workspace.failed(name, reason, message, kind=SOURCE)
        workspace.ready("apps", workspace.commit({"apps/a.yaml": config_map("a", x=x)}))

    with operator.running(account, tmp_path, options) as running:
        for name, url in urls.items():
            ref = {"tag": "v1"} if name == "blob-tag" else {"branch": "main"}
            workspace.source(name, ready=False, url=url, ref=ref, timeout="120s")
        workspace.source()
        workspace.kustomization("apps")
        all_as_expected("1")
        for name, (reason, message) in TOLD.items():
            workspace.event(name, message, kind=SOURCE, type="Warning", reason=reason)
        assert peak(running) < MAX_MEMORY
        running.kill()
    with operator.running(account, tmp_path, options) as running:
        for name in TOLD:
            workspace.request_reconcile(SOURCE, name)
        all_as_expected("2")
        running.check()
        assert peak(running) < MAX_MEMORY
        workspace.close()
