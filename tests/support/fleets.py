"""Repositories with environments: a bare one as the remote, and a clone in which people and tests work.

    fleet = Fleet(tmp_path)                       # staging follows main, production the highest version
    fleet.tag("1.0.0")
    fleet.commit({"apps/base/my-app/deployment.yaml": deployment("my-app", image="my-app:2")})
    fleet.work                                    # the clone; commits and tags are already on the remote

All Git is real, and all times follow from the order of the commits, so that ids follow from the contents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.support.gitserver_repository import FIRST_COMMIT, dated, run_git, write_files

Files = Mapping[str, str | bytes | None]

URL = "https://git.example.com/my-org/fleet"
"""The URL in the GitRepositories; nothing has this address. It is also the URL of the remote ``upstream`` of clones."""
NAMESPACE = "flux-system"
SOURCE = "flux-system"


class Fleet:
    """``<folder>/remote.git`` and its clone ``<folder>/work``."""

    def __init__(
        self,
        folder: Path,
        files: Files | None = None,
        *,
        branch: str = "main",
        url: str = URL,
        object_format: str = "sha1",
    ) -> None:
        """Make both, with ``files`` (by default those of :func:`fleet_files`) as the first commit."""
        self.folder, self.branch = folder, branch
        self.remote, self.work = folder / "remote.git", folder / "work"
        self._clock = FIRST_COMMIT
        self.environment: dict[str, str] = {}
        """More environment for its git commands."""
        options = ["-q", f"--object-format={object_format}", f"--initial-branch={branch}", "--template="]
        folder.mkdir(parents=True, exist_ok=True)
        run_git(folder, "init", "--bare", *options, str(self.remote))
        run_git(folder, "init", *options, str(self.work))
        self.git("remote", "add", "origin", str(self.remote))
        self.git("remote", "add", "upstream", url)
        self.first = self.commit(fleet_files(url=url) if files is None else files, "first")
        self.git("remote", "set-head", "origin", branch)

    def git(self, *arguments: str, time: int | None = None, author: str = "") -> str:
        """Run a git command in the clone and return what it prints; ``time`` is in seconds since 1970."""
        extra = {**self.environment, **dated(time)}
        if author:
            name, _, email = author.rstrip(">").partition(" <")
            extra |= {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email or f"{name.lower()}@example.com"}
        return run_git(self.work, *arguments, environment=extra)

    def remote_git(self, *arguments: str) -> str:
        """Run a git command on the remote and return what it prints."""
        return run_git(self.remote, *arguments)

    def remote_refs(self) -> dict[str, str]:
        """The refs of the remote: full name to object id."""
        listed = self.remote_git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ") for line in listed)

    def write(self, files: Files) -> None:
        """Write files to the work tree of the clone; None deletes one."""
        write_files(self.work, files)

    def commit(
        self,
        files: Files | None = None,
        message: str = "change",
        *,
        author: str = "",
        push: bool = True,
        time: int | None = None,
    ) -> str:
        """Write files, commit everything in the work tree, push the branch and return the commit's id.

        ``author`` is ``Name <email>`` or a name alone. Commits are ten seconds apart.
        """
        self.write(files or {})
        self.git("add", "-A", "-f")
        self._clock = time or self._clock + 10
        options = ["-q", "--allow-empty", "--no-gpg-sign"]
        self.git("commit", *options, "-m", message, time=self._clock, author=author)
        if push:
            self.git("push", "-q", "origin", f"HEAD:refs/heads/{self.current_branch()}")
        return self.head()

    def tag(
        self,
        name: str,
        commit: str = "HEAD",
        *,
        annotated: bool = True,
        sign: bool = False,
        push: bool = True,
    ) -> str:
        """Make a tag, push it, and return the id of the commit that it names."""
        kind = ["-s", "-m", name] if sign else ["-a", "-m", name] if annotated else []
        self._clock += 10
        self.git("tag", *kind, name, commit, time=self._clock)
        if push:
            self.git("push", "-q", "origin", f"refs/tags/{name}")
        return self.git("rev-parse", f"refs/tags/{name}^{{commit}}").strip()

    def switch(self, branch: str, start: str | None = None) -> None:
        """Check out a branch in the clone; with ``start`` a new one from there."""
        self.git("checkout", "-q", *(["-B", branch, start] if start else [branch]))

    def current_branch(self) -> str:
        """The branch that is checked out in the clone."""
        return self.git("symbolic-ref", "--short", "HEAD").strip()

    def head(self) -> str:
        """The id of the commit that is checked out in the clone."""
        return self.git("rev-parse", "HEAD").strip()

    def clone(self, name: str, *options: str) -> Path:
        """Clone the remote to ``<folder>/<name>`` with these options of ``git clone`` (``--bare``, ``--depth=1``).

        The transport is that of a server, so that shallow and partial clones are what they are elsewhere.
        """
        self.remote_git("config", "uploadpack.allowFilter", "true")
        target = self.folder / name
        run_git(self.folder, "clone", "-q", "--template=", *options, self.remote.as_uri(), str(target))
        return target


# Files.


def fleet_files(
    refs: Mapping[str, Mapping[str, str]] | None = None, *, apps: Sequence[str] = ("my-app",), url: str = URL
) -> dict[str, str]:
    """A repository in the layout of Flux's documentation: a cluster folder and an overlay for each environment.

    ``refs``: the ``spec.ref`` of each environment's GitRepository; by default staging follows the branch ``main`` and
    production ``>=1.0.0``. Each environment has the Kustomizations ``infrastructure`` and, after it, ``apps``.
    """
    refs = refs or {"staging": {"branch": "main"}, "production": {"semver": ">=1.0.0"}}
    files = {"README.md": "A fleet.\n"}
    for app in apps:
        files[f"apps/base/{app}/deployment.yaml"] = deployment(app)
        files[f"apps/base/{app}/service.yaml"] = service(app)
        files[f"apps/base/{app}/kustomization.yaml"] = overlay(["deployment.yaml", "service.yaml"])
    files["infrastructure/base/policy.yaml"] = config_map("policy", {"level": "restricted"})
    files["infrastructure/base/kustomization.yaml"] = overlay(["policy.yaml"])
    for name, ref in refs.items():
        folder = f"clusters/{name}"
        files[f"{folder}/flux-system.yaml"] = git_repository(ref, url=url)
        files[f"{folder}/infrastructure.yaml"] = kustomization("infrastructure", f"./infrastructure/{name}")
        files[f"{folder}/apps.yaml"] = kustomization(
            "apps", f"./apps/{name}", dependsOn=[{"name": "infrastructure"}]
        )
        files[f"infrastructure/{name}/kustomization.yaml"] = overlay(["../base"], namespace=name)
        files[f"apps/{name}/kustomization.yaml"] = overlay(
            [f"../base/{app}" for app in apps],
            namespace=name,
            replicas=[{"name": app, "count": 3 if name == "production" else 1} for app in apps],
        )
    return files


def text(*documents: Mapping[str, Any]) -> str:
    """YAML documents as the text of one file."""
    return yaml.safe_dump_all(documents, sort_keys=False)


def overlay(resources: Sequence[str], **fields: Any) -> str:
    """A kustomization file."""
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return text({**head, "resources": list(resources), **fields})


def git_repository(
    ref: Mapping[str, str] | None = None,
    *,
    name: str = SOURCE,
    namespace: str = NAMESPACE,
    url: str = URL,
    annotations: Mapping[str, str] | None = None,
    **spec: Any,
) -> str:
    """The manifest of a GitRepository."""
    meta: dict[str, Any] = {"name": name, "namespace": namespace}
    if annotations:
        meta["annotations"] = dict(annotations)
    spec = {"interval": "1m", "url": url, **({"ref": dict(ref)} if ref else {}), **spec}
    head = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository"}
    return text({**head, "metadata": meta, "spec": spec})


def kustomization(
    name: str, path: str, *, namespace: str = NAMESPACE, source: str = SOURCE, **spec: Any
) -> str:
    """The manifest of a Flux Kustomization, which prunes unless the spec says otherwise."""
    reference = {"kind": "GitRepository", "name": source}
    spec = {"interval": "10m", "path": path, "prune": True, "sourceRef": reference, **spec}
    head = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization"}
    return text({**head, "metadata": {"name": name, "namespace": namespace}, "spec": spec})


def deployment(name: str, image: str = "", replicas: int = 1, **container: Any) -> str:
    """The manifest of a Deployment with one container."""
    labels = {"app": name}
    containers = [{"name": name, "image": image or f"registry.example.com/{name}:1.0.0", **container}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return text({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})


def service(name: str, port: int = 80) -> str:
    """The manifest of a Service."""
    spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": port}]}
    return text({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})


def config_map(name: str, data: Mapping[str, str], namespace: str = "") -> str:
    """The manifest of a ConfigMap."""
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return text({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": dict(data)})
