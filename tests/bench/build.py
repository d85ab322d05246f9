"""Times ``headgate build`` against ``kubectl kustomize`` on the same trees, in the same run.

    python tests/bench/build.py            # 4 to 1,600 resources, and two special shapes
    python tests/bench/build.py --large    # also 6,400 resources, ours only

"cold" is the build in a new interpreter with nothing cached, without the interpreter's start; "process" is the whole
command, start and printing included, which is what the peer's time is too; "warm" is a build in a running process
after one file has changed. Memory is the peak of the whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

RESOURCES_PER_BASE = 4
PEER_LIMIT_SECONDS = 120

_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  annotations:
    prometheus.io/scrape: "true"
spec:
  replicas: 2
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:
      serviceAccountName: {name}
      containers:
      - name: web
        image: registry.example.com/{name}:1.4.2
        args: ["--listen=:8080", "--config=/etc/app/settings"]
        ports:
        - name: http
          containerPort: 8080
        envFrom:
        - configMapRef:
            name: {name}-settings
        env:
        - name: LOG_LEVEL
          valueFrom:
            configMapKeyRef:
              name: {name}-settings
              key: level
        readinessProbe:
          httpGet:
            path: /ready
            port: http
        resources:
          requests:
            cpu: 50m
            memory: 64Mi
          limits:
            memory: 128Mi
        volumeMounts:
        - name: settings
          mountPath: /etc/app
      volumes:
      - name: settings
        configMap:
          name: {name}-settings
"""
_SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {name}
spec:
  selector:
    app: {name}
  ports:
  - name: http
    port: 80
    targetPort: http
"""
_ACCOUNT = """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
automountServiceAccountToken: false
"""
_BASE = """\
resources:
- deployment.yaml
- service.yaml
- account.yaml
configMapGenerator:
- name: {name}-settings
  literals:
  - level=info
  - greeting=hello from {name}
"""
_OVERLAY = """\
namespace: production
labels:
- pairs:
    environment: production
    team: storefront
  includeSelectors: true
resources:
{bases}
patches:
- target:
    kind: Deployment
  patch: |
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: any
    spec:
      replicas: 3
      template:
        spec:
          containers:
          - name: web
            env:
            - name: REGION
              value: eu-central-1
"""


def make_shop(root: Path, resources: int) -> Path:
    """Write ``resources / 4`` bases and one overlay over all of them; return the overlay's folder."""
    names = [f"app-{index:04}" for index in range(resources // RESOURCES_PER_BASE)]
    for name in names:
        base = root / "bases" / name
        base.mkdir(parents=True)
        for file, text in (
            ("deployment.yaml", _DEPLOYMENT),
            ("service.yaml", _SERVICE),
            ("account.yaml", _ACCOUNT),
            ("kustomization.yaml", _BASE),
        ):
            (base / file).write_text(text.format(name=name))
    overlay = root / "overlay"
    overlay.mkdir()
    bases = "\n".join(f"- ../bases/{name}" for name in names)
    (overlay / "kustomization.yaml").write_text(_OVERLAY.format(bases=bases))
    return overlay


def make_crds(root: Path, count: int) -> Path:
    """Write documents the size and shape of large CustomResourceDefinitions, with an overlay of labels."""
    properties = "\n".join(
        f"""\
                  field{index}:
                    description: |-
                      Field {index} configures how the controller treats the object; see the documentation of
                      the project for the values it takes and for what happens when it is left out.
                    type: object
                    properties:
                      enabled: {{type: boolean}}
                      interval: {{type: string, pattern: "^([0-9]+(ms|s|m|h))+$"}}
                      names:
                        type: array
                        items: {{type: string, maxLength: 253}}"""
        for index in range(40)
    )
    (root / "crds").mkdir()
    files = []
    for index in range(count):
        files.append(f"crds/crd{index}.yaml")
        (root / files[-1]).write_text(
            f"""\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: things{index}.example.com
spec:
  group: example.com
  names: {{kind: Thing{index}, plural: things{index}}}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              group:
                type: object
                properties:
{properties}
"""
        )
    listed = "\n".join(f"- {file}" for file in files)
    (root / "kustomization.yaml").write_text(f"commonLabels: {{team: platform}}\nresources:\n{listed}\n")
    return root


def make_nested(root: Path, levels: int) -> Path:
    """Write overlays that each build on the one before; return the outermost."""
    make_shop(root, 40)
    below = "../overlay"
    for level in range(levels):
        folder = root / f"level{level}"
        folder.mkdir()
        (folder / "kustomization.yaml").write_text(
            f"namePrefix: l{level}-\ncommonAnnotations: {{level{level}: reached}}\nresources: [{below}]\n"
        )
        below = f"../level{level}"
    return root / f"level{levels - 1}"


class Measured(NamedTuple):
    """Seconds, and the peak of the process in MiB."""

    seconds: float
    mebibytes: float


_OURS = """
import json, resource, sys, time
from pathlib import Path
from headgate.kustomize import BuildOptions, FolderTree, build
tree, path = FolderTree(Path("/")), sys.argv[1]
times = []
for run in range(int(sys.argv[3]) + 1):
    if run:
        file = Path(sys.argv[2])
        file.write_text(file.read_text() + f"# run {run}\\n")
    started = time.perf_counter()
    count = len(build(tree, path, BuildOptions(reorder="legacy")))
    times.append(time.perf_counter() - started)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"cold": times[0], "warm": min(times[1:], default=0), "peak": peak, "count": count}))
"""


def run_ours(folder: Path, changed: Path) -> tuple[float, float, float, int]:
    """Return seconds cold and warm, the peak in MiB, and the number of objects."""
    done = subprocess.run(
        [sys.executable, "-c", _OURS, str(folder), str(changed), "3"],
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    return found["cold"], found["warm"], found["peak"], found["count"]


def run_process(command: list[str]) -> Measured | None:
    """Run a command to its end; None when it takes too long."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = started + PEER_LIMIT_SECONDS
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.perf_counter() > deadline:
            process.kill()
            process.wait()
            return None
        time.sleep(0.002)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return Measured(time.perf_counter() - started, usage.ru_maxrss / 1024)


def cases(large: bool) -> Iterator[tuple[str, Callable[[Path], Path], str, bool]]:
    """Yield name, maker, the file to change, and whether the peer is to run."""
    for count in (4, 40, 400, 1600):
        yield (
            f"{count} resources",
            lambda root, count=count: make_shop(root, count),  # type: ignore[misc]
            "bases/app-0000/deployment.yaml",
            True,
        )
    if large:
        yield "6400 resources", lambda root: make_shop(root, 6400), "bases/app-0000/deployment.yaml", False
    yield "300 CRDs", lambda root: make_crds(root, 300), "crds/crd0.yaml", True
    yield "20 overlays", lambda root: make_nested(root, 20), "bases/app-0000/deployment.yaml", True


def main() -> None:
    """Run all cases and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    arguments.add_argument("--large", action="store_true", help="also build 6,400 resources")
    arguments.add_argument("--no-peer", action="store_true", help="do not run kubectl kustomize")
    options = arguments.parse_args()
    scripts = Path(sys.executable).parent
    peer = shutil.which("kubectl", path=str(scripts)) or shutil.which("kubectl")
    head = ("case", "cold s", "warm s", "MiB", "process s", "peer s", "peer MiB", "peer/process", "peer/cold")
    print(" | ".join(f"{title:>14}" for title in head))
    for name, make, changed, with_peer in cases(options.large):
        with tempfile.TemporaryDirectory() as temporary:
            root = Path(temporary).resolve()
            folder = make(root)
            theirs = None
            if with_peer and peer and not options.no_peer:
                theirs = run_process([peer, "kustomize", str(folder)])
            whole = run_process([str(scripts / "headgate"), "build", str(folder)])
            cold, warm, peak, _ = run_ours(folder, root / changed)
        row = [name, f"{cold:.3f}", f"{warm:.3f}", f"{peak:.0f}", f"{whole.seconds:.2f}" if whole else "-"]
        if theirs is not None and whole is not None:
            row += [f"{theirs.seconds:.2f}", f"{theirs.mebibytes:.0f}"]
            row += [f"{theirs.seconds / whole.seconds:.1f}", f"{theirs.seconds / cold:.1f}"]
        print(" | ".join(f"{cell:>14}" for cell in row), flush=True)


if __name__ == "__main__":
    main()
