"""Bases and files that kustomizations name by URL."""

from __future__ import annotations

import functools
import gc
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from headgate.documents.errors import LimitExceeded
from headgate.documents.tree import EntryKind, MemoryTree
from headgate.git.bases import download
from headgate.git.bases import fetcher as remotes
from headgate.git.bases.fetcher import RemoteBases, RemoteFailed
from headgate.kustomize import BuildOptions, build
from headgate.kustomize.errors import Refused
from headgate.kustomize.giturl import parse_git_url
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository
from tests.support.serving import serving
from tests.unit.git.test_submodules import with_submodule

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n"


@pytest.fixture
def bases(tmp_path: Path) -> Iterator[RemoteBases]:
    made = RemoteBases(tmp_path / "bases", fresh=0, guarded=False)
    yield made
    made.close()


def read(bases: RemoteBases, url: str, path: str = "a") -> bytes:
    parsed = parse_git_url(url)
    assert parsed is not None
    return bases.repository(parsed).read(path)


def test_branch_tag_commit_and_default(
    server: GitHttpServer, repository: Repository, bases: RemoteBases
) -> None:
    first = repository.commit({"a": "1"})
    repository.tag("v1", annotated=True)
    repository.commit({"a": "2"})
    repository.switch("dev", "HEAD")
    repository.commit({"a": "3"})
    repository.switch("main")
    assert read(bases, server.url()) == b"2"
    assert read(bases, f"{server.url()}?ref=dev") == b"3"
    assert read(bases, f"{server.url()}?ref=v1") == b"1"
    assert read(bases, f"{server.url()}?ref=refs/heads/dev") == b"3"
    assert read(bases, f"{server.url()}//?ref={first}") == b"1"
    assert read(bases, f"{server.url()}?version=dev") == b"3"


def test_a_build_on_a_remote_base(server: GitHttpServer, repository: Repository, bases: RemoteBases) -> None:
    repository.commit(
        {
            "base/kustomization.yaml": "resources: [map.yaml, ../other]\n",
            "base/map.yaml": CONFIG_MAP.format(name="one"),
            "other/kustomization.yaml": "resources: [map.yaml]\n",
            "other/map.yaml": CONFIG_MAP.format(name="two"),
        }
    )
    tree = MemoryTree({"kustomization.yaml": f"namePrefix: x-\nresources: ['{server.url()}//base']\n"})
    objects = build(tree, "", BuildOptions(allow_remote=bases))
    assert [each["metadata"]["name"] for each in objects] == ["x-one", "x-two"]


def test_what_is_known_is_not_fetched_again(
    server: GitHttpServer, repository: Repository, tmp_path: Path
) -> None:
    commit = repository.commit({"a": "1"})
    bases = RemoteBases(tmp_path / "bases", fresh=1000, guarded=False)
    for _ in range(3):
        assert read(bases, server.url()) == b"1"
    assert (server.count("ls-refs"), server.count("fetch")) == (1, 1)
    server.forget()
    assert read(bases, f"{server.url()}?ref={commit}") == b"1"
    assert server.count() == 0
    bases.close()


def test_many_builds_at_once_fetch_once(
    server: GitHttpServer, repository: Repository, bases: RemoteBases
) -> None:
    repository.commit({"a": "1"})
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(read(bases, server.url()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"1"] * 8
    assert server.count("fetch") == 1


def test_a_new_commit_is_seen(server: GitHttpServer, repository: Repository, bases: RemoteBases) -> None:
    repository.commit({"a": "1"})
    assert read(bases, server.url()) == b"1"
    repository.commit({"a": "2"})
    assert read(bases, server.url()) == b"2"


def test_files_that_an_artifact_would_leave_out_are_there(
    server: GitHttpServer, repository: Repository, bases: RemoteBases
) -> None:
    repository.commit({"a.png": "1", ".sourceignore": "*"})
    assert read(bases, server.url(), "a.png") == b"1"


def test_submodules(served: Path, server: GitHttpServer, repository: Repository, bases: RemoteBases) -> None:
    module = Repository(served, "module")
    module.commit({"x.png": "1"})
    repository.commit({"a": "1"})
    with_submodule(repository, "m", "../module.git", module.head())
    assert read(bases, server.url(), "m/x.png") == b"1"
    parsed = parse_git_url(f"{server.url()}?submodules=false")
    assert parsed is not None
    assert bases.repository(parsed).list("m") == ()


def test_a_build_keeps_its_tree_until_it_lets_go(
    server: GitHttpServer, repository: Repository, bases: RemoteBases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remotes, "MAX_TREES", 1)
    repository.commit({"a": "1"})
    parsed = parse_git_url(server.url())
    assert parsed is not None
    held = bases.repository(parsed)
    inner = held._tree
    repository.commit({"a": "2"})
    assert read(bases, server.url()) == b"2"
    assert held.read("a") == b"1"
    assert held.kind("a") is EntryKind.FILE
    assert held.content_id("a")
    del held
    gc.collect()
    with pytest.raises(Exception, match="closed"):
        inner.read("a")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("file:///srv/repo.git", "scheme 'file'"),
        ("git@example.com:org/repo.git", "no credentials for ssh here"),
        ("ssh://git@example.com/org/repo.git", "no credentials for ssh here"),
    ],
)
def test_refused(url: str, says: str, bases: RemoteBases) -> None:
    with pytest.raises(Refused) as error:
        read(bases, url)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("suffix", "says"),
    [
        ("?ref=nope", 'couldn\'t find remote ref "nope"'),
        ("?ref=abcdef1234", "needs its full id"),
        ("?ref=a..b", "not a valid reference name"),
        ("?ref=--upload-pack=x", "couldn't find remote ref"),
    ],
)
def test_failures_name_the_repository(
    suffix: str, says: str, server: GitHttpServer, repository: Repository, bases: RemoteBases
) -> None:
    repository.commit()
    with pytest.raises(RemoteFailed) as error:
        read(bases, server.url() + suffix)
    assert str(error.value).startswith(f"the remote base '{server.url()}' cannot be fetched: ")
    assert says in str(error.value)


def test_a_server_that_hangs(server: GitHttpServer, repository: Repository, bases: RemoteBases) -> None:
    server.hang = True
    with pytest.raises(RemoteFailed, match="not finished within 1 s"):
        read(bases, f"{server.url()}?timeout=1s")


def test_credentials_in_a_url_are_not_shown(server: GitHttpServer, bases: RemoteBases) -> None:
    with pytest.raises(RemoteFailed) as error:
        read(bases, server.url("none.git").replace("http://", "http://ada:s3cret@"))
    assert "s3cret" not in str(error.value)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "map.yaml").write_text(CONFIG_MAP.format(name="web"))
    (tmp_path / "files" / "big").write_bytes(b"x" * 2000)

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(tmp_path / "files"))
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with serving(http):
        yield f"http://127.0.0.1:{http.server_address[1]}"


def test_files_over_http(files: str, bases: RemoteBases, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = MemoryTree({"kustomization.yaml": f"resources: ['{files}/map.yaml']\n"})
    assert build(tree, "", BuildOptions(allow_remote=bases))[0]["metadata"]["name"] == "web"
    assert bases.file(f"{files}/none.yaml") is None
    # The listing of a folder, as any page for people.
    assert bases.file(f"{files}/") is None
    monkeypatch.setattr(download, "MAX_FILE_BYTES", 1000)
    with pytest.raises(LimitExceeded):
        bases.file(f"{files}/big")
    with pytest.raises(Refused):
        bases.file("file:///etc/passwd")


def test_a_file_server_that_is_not_there(bases: RemoteBases) -> None:
    with pytest.raises(RemoteFailed):
        bases.file("http://127.0.0.1:1/map.yaml")
