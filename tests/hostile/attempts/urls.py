"""Attempts to make the operator fetch from URLs that the tenant must not reach."""

from __future__ import annotations

import yaml

from tests.hostile.attempt import Attempt, Try, attempt, source
from tests.hostile.objects import (
    own_map,
)
from tests.hostile.world import World

ATTEMPTS: list[Attempt] = []


@attempt(
    ("page", "http://127.0.0.1:{page}/x.git"),
    ("page-error", "http://127.0.0.1:{page}/error"),
    ("page-status", "http://127.0.0.1:{page}/status"),
    ("redirect", "http://127.0.0.1:{page}/redirect"),
    ("metadata", "http://169.254.169.254/latest/meta-data/iam"),
    ("file", "file:///etc"),
    ("ext", "ext::sh -c id"),
    ("options", "ssh://-oProxyCommand=id/x.git"),
    ("caches", "file://{storage}"),
    ("scheme-in-the-host", "http://ext::id/x.git"),
)
def url_of_a_source(w: World, name: str, url: str) -> Try:
    """For the URL of a source, Git runs no program and reads no folder, and Headgate does not quote the response."""
    filled = url.format(page=w.servers.page.port, storage=w.folder / "storage")
    return Try(spec=None, objects=(source(name, filled),))


@attempt(
    ("page", "http://127.0.0.1:{page}/x.git"),
    ("file", "file://{folder}"),
    ("path", "{folder}"),
    ("up", "../{name}"),
    ("ext", "ext::sh -c id"),
)
def submodule_at(w: World, name: str, url: str) -> Try:
    """For the URL of a submodule, Git runs no program and reads no folder, and Headgate does not quote the response."""
    theirs, work = w.other.repository, w.tenant.repository
    address = url.format(
        page=w.servers.page.port, folder=w.git.root / theirs.name, name="nothing-of-the-kind.git"
    )
    work.switch(name, "HEAD")
    work.write({".gitmodules": f'[submodule "s"]\n\tpath = s\n\turl = {address}\n'})
    work.git("update-index", "--add", "--cacheinfo", f"160000,{theirs.head()},s")
    work.git("add", "-f", ".gitmodules")
    work.git("commit", "-q", "--no-gpg-sign", "-m", "submodule")
    work.switch("main")
    return Try(
        spec=None,
        objects=(source(name, w.tenant.url, recurseSubmodules=True, ref={"branch": name}, timeout="10s"),),
    )


@attempt(
    ("page", "http://127.0.0.1:{page}/x.yaml"),
    ("metadata", "http://169.254.169.254/latest/meta-data/"),
    ("their-repository", "{theirs}//base?ref=main"),
    ("git", "git::{theirs}//base"),
    ("file", "file://{folder}"),
    ("ssh", "git@127.0.0.1:x.git"),
)
def base_at(w: World, name: str, url: str) -> Try:
    """This operator fetches no remote bases (``--no-remote-bases``)."""
    folder = w.git.root / w.other.repository.name
    address = url.format(page=w.servers.page.port, theirs=w.other.url, folder=folder)
    text = yaml.safe_dump({"resources": ["a.yaml", address]})
    return Try({"a.yaml": own_map(w, name), "kustomization.yaml": text})
