"""What is small on the wire and large in use ends with an error that names the limit, in little memory."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import textwrap
import zlib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from headgate.git.cache.bare import BareCache
from headgate.git.checkout.submodules import fetch_submodules
from headgate.git.errors import IgnoreInvalid, IncludeFailed, RefNotFound, SourceTooLarge, SubmoduleFailed
from headgate.git.limits import TreeLimits
from headgate.git.refs.reference import GitReference, Resolved, revision_of
from headgate.git.remote.client import Remote
from headgate.git.tree.commit import GitTree
from headgate.git.tree.compose import ComposedTree, TreeLayer
from headgate.git.tree.ignore import IgnoreRules
from headgate.git.url import RemoteUrl
from tests.support import bombs
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository
from tests.support.serving import serving

MAIN = GitReference(branch="main")
MEMORY = 300 << 20


def fetch(remote: Remote, cache: BareCache) -> str:
    return remote.fetch(remote.resolve(MAIN, cache), cache)


def in_little_memory(code: str, *arguments: str) -> str:
    """Run a program that may use no more than ``MEMORY`` bytes; what it prints."""
    program = f"import resource\nresource.setrlimit(resource.RLIMIT_DATA, ({MEMORY}, {MEMORY}))\n"
    finished = subprocess.run(
        [sys.executable, "-c", program + textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not finished.returncode, finished.stderr[-2000:]
    return finished.stdout


def test_a_few_trees_with_millions_of_paths(repository: Repository, remote: Remote, cache: BareCache) -> None:
    bombs.nested(repository, 20, 5)
    commit = fetch(remote, cache)
    says = in_little_memory(
        """
        import sys
        from pathlib import Path
        from headgate.git.cache.bare import BareCache
        from headgate.git.errors import SourceTooLarge
        from headgate.git.tree.commit import GitTree
        for _ in range(2):
            try:
                GitTree(BareCache(Path(sys.argv[1])), sys.argv[2])
            except SourceTooLarge as error:
                print(error)
        """,
        str(cache.path),
        commit,
    )
    assert says.count("the repository has more than 200000 files and directories") == 2
    assert "--max-source-entries" in says


def test_directories_count_like_files(repository: Repository, remote: Remote, cache: BareCache) -> None:
    bombs.nested(repository, 3, 4)
    commit = fetch(remote, cache)
    files, directories = 81, 27 + 9 + 3
    GitTree(cache, commit, limits=TreeLimits(entries=files + directories)).close()
    with pytest.raises(SourceTooLarge, match="more than 119 files and directories"):
        GitTree(cache, commit, limits=TreeLimits(entries=files + directories - 1))


def test_a_huge_directory(repository: Repository, remote: Remote, cache: BareCache) -> None:
    bombs.wide(repository, 5000)
    commit = fetch(remote, cache)
    with pytest.raises(SourceTooLarge, match="more than 4999 files"):
        GitTree(cache, commit, limits=TreeLimits(entries=4999))


def test_what_is_checked_out_sparsely_is_all_that_counts(
    repository: Repository, remote: Remote, cache: BareCache
) -> None:
    repository.commit({f"large/{n}": "x" for n in range(50)} | {"small/a": "1", "small/b/c": "2", ":x": "3"})
    commit = fetch(remote, cache)
    with pytest.raises(SourceTooLarge):
        GitTree(cache, commit, limits=TreeLimits(entries=10))
    tree = GitTree(cache, commit, sparse=["small", "./:x"], limits=TreeLimits(entries=10))
    assert [entry.path for entry in tree.entries()] == ["", ":x", "small", "small/a", "small/b", "small/b/c"]
    tree.close()


@pytest.mark.parametrize("name", ["n" * 256, "ü" * 128])
def test_names_no_file_system_takes(
    name: str, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    content = bombs.blob(repository)
    bombs.publish(repository, bombs.tree(repository, [("100644", name, content)]))
    with pytest.raises(SourceTooLarge, match="or a name in it is longer than 255"):
        GitTree(cache, fetch(remote, cache))


def test_long_names_in_large_numbers(repository: Repository, remote: Remote, cache: BareCache) -> None:
    content = bombs.blob(repository)
    names = [f"{n:03}" + "n" * 250 for n in range(100)]
    bombs.publish(repository, bombs.tree(repository, [("100644", name, content) for name in names]))
    with pytest.raises(SourceTooLarge, match="the paths of the repository have more than"):
        GitTree(cache, fetch(remote, cache), limits=TreeLimits(entries=120))


def test_directories_in_directories(repository: Repository, remote: Remote, cache: BareCache) -> None:
    bombs.deep(repository, 255)
    tree = GitTree(cache, fetch(remote, cache))
    assert tree.read("d/" * 255 + "file.yaml") == b"a: 1\n"
    tree.close()
    bombs.deep(repository, 256)
    with pytest.raises(SourceTooLarge, match="nested deeper than 256"):
        GitTree(cache, fetch(remote, cache))


def test_content_is_counted_before_it_is_read(
    repository: Repository, remote: Remote, cache: BareCache
) -> None:
    repository.commit({"large.bin": bytes(3 << 20), "a.yaml": "a: 1\n"})
    commit = fetch(remote, cache)
    limits = TreeLimits(size=1 << 20)
    with pytest.raises(SourceTooLarge, match=r"more than 1048576 bytes.*--max-source-size"):
        GitTree(cache, commit, limits=limits)
    with pytest.raises(SourceTooLarge, match="more than 1048576 bytes"):
        ComposedTree([TreeLayer(GitTree(cache, commit, filtered=False))], limits=limits)
    GitTree(cache, commit, ignore="*.bin", limits=limits).close()


def test_one_content_under_many_names_counts_each_time(
    repository: Repository, remote: Remote, cache: BareCache
) -> None:
    content = bombs.blob(repository, bytes(1 << 20))
    bombs.publish(repository, bombs.tree(repository, [("100644", f"{n:03}", content) for n in range(100)]))
    with pytest.raises(SourceTooLarge, match="--max-source-size"):
        GitTree(cache, fetch(remote, cache), limits=TreeLimits(size=50 << 20))


def test_a_pack_that_is_too_large_is_not_kept(
    server: GitHttpServer, repository: Repository, cache: BareCache
) -> None:
    repository.commit({"noise": random.Random(1).randbytes(3 << 20)})
    remote = Remote(RemoteUrl.parse(server.url()), timeout=20, max_bytes=1 << 20)
    with pytest.raises(SourceTooLarge, match="--max-source-size"):
        fetch(remote, cache)
    kept = sum(path.stat().st_size for path in cache.path.rglob("*") if path.is_file())
    assert kept < 2 << 20
    allowed = Remote(RemoteUrl.parse(server.url()), timeout=20, max_bytes=8 << 20)
    GitTree(cache, fetch(allowed, cache)).close()


def _entry(kind: int, size: int, body: bytes) -> bytes:
    first, rest = kind << 4 | size & 15, size >> 4
    head = bytearray()
    while rest:
        head.append(first | 0x80)
        first, rest = rest & 0x7F, rest >> 7
    head.append(first)
    return bytes(head) + body


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def delta_bomb(repository: Repository, size: int) -> None:
    """A commit whose only file is a delta of a few KiB that expands to ``size`` bytes."""
    chunk = 1 << 16
    base = b"x" * (chunk - 1)
    copies = size // len(base)
    delta = _varint(len(base)) + _varint(copies * len(base)) + b"\xb0\xff\xff" * copies
    result = hashlib.sha1(b"blob %d\0" % (copies * len(base)), usedforsecurity=False)
    for _ in range(copies):
        result.update(base)
    base_id = hashlib.sha1(b"blob %d\0" % len(base) + base, usedforsecurity=False).digest()
    entries = _entry(3, len(base), zlib.compress(base))
    entries += _entry(7, len(delta), base_id + zlib.compress(delta))
    pack = b"PACK" + (2).to_bytes(4, "big") + (2).to_bytes(4, "big") + entries
    pack += hashlib.sha1(pack, usedforsecurity=False).digest()
    file = repository.path / "objects" / "pack" / f"pack-{pack[-20:].hex()}.pack"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(pack)
    repository.git("-c", "core.bigFileThreshold=4g", "index-pack", str(file))
    bombs.publish(repository, bombs.tree(repository, [("100644", "bomb", result.hexdigest())]))


def test_a_delta_that_unfolds(served: Path, repository: Repository, cache: BareCache) -> None:
    # A server of files sends its packs as they are.
    delta_bomb(repository, 600 << 20)
    repository.git("update-server-info")
    handler = partial(SimpleHTTPRequestHandler, directory=str(served))
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with serving(http):
        address = f"http://127.0.0.1:{http.server_address[1]}/{repository.name}"
        remote = Remote(RemoteUrl.parse(address), timeout=60)
        with pytest.raises(SourceTooLarge, match="needs more than 384 MiB of memory"):
            fetch(remote, cache)


def test_a_commit_nobody_has_written(repository: Repository, remote: Remote, cache: BareCache) -> None:
    root = bombs.tree(repository, [("100644", "a", bombs.blob(repository))])
    (repository.work / "message").write_text("x" * (2 << 20))
    commit = repository.git("commit-tree", root, "-F", "message", time=1_700_000_000).strip()
    repository.git("update-ref", "refs/heads/main", commit)
    fetch(remote, cache)
    with pytest.raises(SourceTooLarge, match="larger than 1048576 bytes"):
        cache.subject(commit)
    with pytest.raises(SourceTooLarge, match="larger than 1048576 bytes"):
        remote.objects(Resolved(commit, revision_of(commit)), cache)


def test_references_without_end(
    repository: Repository, remote: Remote, cache: BareCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headgate.git.remote.client.MAX_REFS_BYTES", 10_000)
    commit = repository.commit({"a": "1"})
    lines = [f"{commit} refs/tags/1.0.{n}" for n in range(500)]
    (repository.path / "packed-refs").write_text(
        "# pack-refs with: sorted\n" + "\n".join(sorted(lines)) + "\n"
    )
    with pytest.raises(SourceTooLarge, match="more than 10000 bytes of references"):
        remote.resolve(GitReference(semver=">=1"), cache)
    assert remote.resolve(MAIN, cache).commit == commit
    with pytest.raises(RefNotFound, match="refs/heads/none"):
        remote.resolve(GitReference(branch="none"), cache)


def test_submodules_together(
    served: Path, server: GitHttpServer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    for name in ("one", "two"):
        other = Repository(served, name)
        other.commit({f"{n}": "x" for n in range(20)})
        repository.git("submodule", "--quiet", "add", server.url(other.name), name)
    repository.commit({"a": "1"})
    top = GitTree(cache, fetch(remote, cache), filtered=False)
    for limits in (TreeLimits(entries=30), TreeLimits(entries=19)):
        with pytest.raises((SourceTooLarge, SubmoduleFailed), match="files and directories"):
            fetch_submodules(remote, cache, top, limits=limits)
    top.close()


def test_a_file_of_submodules_that_is_too_large(
    repository: Repository, remote: Remote, cache: BareCache
) -> None:
    commit = repository.commit({".gitmodules": "# " + "x" * (300 << 10)})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},module")
    repository.git("commit", "-q", "--no-gpg-sign", "-m", "module")
    top = GitTree(cache, fetch(remote, cache), filtered=False)
    with pytest.raises(SubmoduleFailed, match=r"'.gitmodules' is larger than 262144 bytes"):
        fetch_submodules(remote, cache, top)
    top.close()


def test_trees_that_include_each_other_twice_stop_growing(
    repository: Repository, remote: Remote, cache: BareCache
) -> None:
    repository.commit({f"{n}": "x" for n in range(10)})
    limits = TreeLimits(entries=1000)

    def twice(tree: GitTree | ComposedTree) -> ComposedTree:
        return ComposedTree([TreeLayer(tree, "left"), TreeLayer(tree.share(), "right")], limits=limits)

    current: GitTree | ComposedTree = GitTree(cache, fetch(remote, cache))
    for _ in range(6):
        current = twice(current)
    with pytest.raises(SourceTooLarge, match="more than 1000 files and directories"):
        twice(current)


def test_includes_within_includes_end(repository: Repository, remote: Remote, cache: BareCache) -> None:
    repository.commit({"a": "x"})
    current: GitTree | ComposedTree = GitTree(cache, fetch(remote, cache))
    for _ in range(64):
        current = ComposedTree([TreeLayer(current)])
    assert current.read("a") == b"x"
    with pytest.raises(IncludeFailed, match="deeper than 64 levels"):
        ComposedTree([TreeLayer(current)])


# The rules for leaving files out.


def test_a_pattern_that_is_too_long_is_named() -> None:
    with pytest.raises(IgnoreInvalid, match=r"apps/.sourceignore, line 3: .* longer than 1024 characters"):
        IgnoreRules({"apps": "a\n#" + "#" * 5000 + "\n" + "?" * 1025})
    with pytest.raises(IgnoreInvalid, match=r"spec.ignore, line 1"):
        IgnoreRules(spec_ignore="x" * 1025)
    with pytest.raises(IgnoreInvalid, match=r"spec.ignore is larger than 262144 bytes"):
        IgnoreRules(spec_ignore="# \n" * 100_000)


def test_all_files_of_rules_count_together(repository: Repository, remote: Remote, cache: BareCache) -> None:
    repository.commit({f"{n}/.sourceignore": "#" * 1000 + "\n" for n in range(300)})
    with pytest.raises(IgnoreInvalid, match="larger than 262144 bytes, alone or with"):
        GitTree(cache, fetch(remote, cache))
    repository.commit({f"{n}/.sourceignore": None for n in range(300)})
    root = bombs.blob(repository, b"")
    inner = bombs.tree(repository, [("100644", ".sourceignore", root)])
    bombs.publish(repository, bombs.tree(repository, [("40000", f"{n:05}", inner) for n in range(1001)]))
    with pytest.raises(IgnoreInvalid, match=r"there are 1001 .sourceignore files, more than 1000"):
        GitTree(cache, fetch(remote, cache))


COSTLY = {
    "wildcards": {"": "\n".join(f"*{n}*a*b" for n in range(1500))},
    "anywhere": {"": "\n".join(f"**/a{n}/b" for n in range(1500))},
    "starts": {"": "\n".join(f"**/*{n}*/*/x" for n in range(1500))},
    "own": {"/".join(["d"] * depth): "*x*\n*y*" for depth in range(200)},
}


@pytest.mark.parametrize("files", COSTLY.values(), ids=COSTLY)
def test_rules_that_cost_too_much_for_so_many_files(files: dict[str, str]) -> None:
    says = in_little_memory(
        """
        import sys
        from headgate.git.errors import IgnoreInvalid
        from headgate.git.tree.ignore import IgnoreRules
        rules = IgnoreRules(eval(sys.argv[1]))
        deep = "/".join(["d"] * 199)
        try:
            for n in range(200_000):
                rules.ignores(f"{deep}/{n % 1000}/{n}.yaml" if len(rules._domains) > 2 else f"{n % 1000}/{n}/x.yaml")
        except IgnoreInvalid as error:
            print(error)
        """,
        repr(files),
    )
    assert "take too long for the number of files" in says


def test_rules_as_people_write_them_are_for_any_number_of_files() -> None:
    rules = IgnoreRules({"": "\n".join(["*.md", "*.png", "**/test/data", "/ci", "node_modules/"] * 6)})
    ignored = sum(rules.ignores(f"team-{n % 500}/app-{n}/file.yaml") for n in range(100_000))
    assert not ignored
    assert rules.ignores("team-1/test/data/x")


def test_who_asks_for_what_is_missing_does_not_make_a_tree_grow(
    repository: Repository, remote: Remote, cache: BareCache
) -> None:
    repository.commit({".sourceignore": "*.md\n**/x/y\n", "a": "1"})
    tree = GitTree(cache, fetch(remote, cache))
    for n in range(2000):
        assert not tree.left_out(f"{n}/{n}/{n}")
    assert "ignore rules" in tree.left_out("b.md")
    assert "ignore rules" in tree.left_out("x/y")
    assert len(tree._rules._directories) == 1
    tree.close()
