"""Trees for the build benchmark: the shop, two special shapes, and a tree for each way in which a build could be slow.

``SHAPES`` holds the latter. Each tree has many of one thing, and as many resources. Code that loops over all resources
for each of these things shows as quadratic cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

RESOURCES_PER_BASE = 4

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
                      the project for the values it takes and for what happens when it is omitted.
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


def _write(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def _workload(name: str) -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  template:
    spec:
      containers:
      - name: web
        image: registry.example.com/{name}:1
        envFrom:
        - configMapRef: {{name: {name}-settings}}
"""


def _patch(name: str) -> str:
    return f"""\
    apiVersion: apps/v1
    kind: Deployment
    metadata: {{name: {name}}}
    spec: {{replicas: 3}}
"""


def _flat(field: str, entry: Callable[[str], str]) -> Callable[[Path, int], Path]:
    """A tree of Deployments and one kustomization with an entry in ``field`` for each."""

    def make(root: Path, count: int) -> Path:
        names = [f"app-{index:05}" for index in range(count)]
        kustomization = f"resources: [all.yaml]\n{field}:\n" + "".join(map(entry, names))
        return _write(
            root, {"all.yaml": "---\n".join(map(_workload, names)), "kustomization.yaml": kustomization}
        )

    return make


def _shared_base(field: str) -> Callable[[Path, int], Path]:
    """One base, used once for each resource, each time with another prefix or namespace."""

    def make(root: Path, count: int) -> Path:
        files = {
            "base/kustomization.yaml": "resources: [web.yaml]\n"
            "configMapGenerator:\n- {name: web-settings, literals: [a=b]}\n",
            "base/web.yaml": _workload("web"),
        }
        for index in range(count // 2):
            files[f"tenant{index}/kustomization.yaml"] = f"{field}: t{index}-x\nresources: [../base]\n"
        files["all/kustomization.yaml"] = "resources:\n" + "".join(
            f"- ../tenant{index}\n" for index in range(count // 2)
        )
        return _write(root, files) / "all"

    return make


def _components(root: Path, count: int) -> Path:
    names = [f"app-{index:05}" for index in range(count)]
    files = {
        f"{name}/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
        f"patches:\n- patch: |\n{_patch(name)}"
        for name in names
    }
    files["all.yaml"] = "---\n".join(map(_workload, names))
    files["kustomization.yaml"] = "resources: [all.yaml]\ncomponents:\n" + _items(names)
    return _write(root, files)


def _merging_generators(root: Path, count: int) -> Path:
    below, above = (
        "configMapGenerator:\n"
        + "".join(
            f"- {{name: settings-{index}, behavior: {behavior}, literals: [{key}=1]}}\n"
            for index in range(count)
        )
        for behavior, key in (("create", "a"), ("merge", "b"))
    )
    return _write(
        root, {"base/kustomization.yaml": below, "kustomization.yaml": f"resources: [base]\n{above}"}
    )


def _transformers(root: Path, count: int) -> Path:
    names = [f"app-{index:05}" for index in range(count)]
    configs = "---\n".join(
        f"apiVersion: builtin\nkind: PatchTransformer\nmetadata: {{name: {name}}}\npatch: |\n{_patch(name)}"
        for name in names
    )
    return _write(
        root,
        {
            "all.yaml": "---\n".join(map(_workload, names)),
            "transformers.yaml": configs,
            "kustomization.yaml": "resources: [all.yaml]\ntransformers: [transformers.yaml]\n",
        },
    )


def _long_lists(root: Path, count: int) -> Path:
    ports = "".join(
        f"        - {{containerPort: {index + 1}{', protocol: UDP' if index % 2 else ''}}}\n"
        for index in range(count)
    )
    finalizers = "".join(f"  - example.com/f{index}\n" for index in range(count))
    workload = _workload("web").replace("  name: web\n", f"  name: web\n  finalizers:\n{finalizers}", 1)
    patch = """\
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web, finalizers: [example.com/new]}
    spec: {template: {spec: {containers: [{name: web, ports: [{containerPort: 7}]}]}}}
"""
    return _write(
        root,
        {
            "web.yaml": f"{workload}        ports:\n{ports}",
            "kustomization.yaml": f"resources: [web.yaml]\npatches:\n- patch: |\n{patch}",
        },
    )


def _items(names: Iterable[str]) -> str:
    return "".join(f"- {name}\n" for name in names)


SHAPES: dict[str, Callable[[Path, int], Path]] = {
    "patches": _flat("patches", lambda name: f"- patch: |\n{_patch(name)}"),
    "patches with target": _flat(
        "patches", lambda name: f"- target: {{kind: Deployment, name: {name}}}\n  patch: |\n{_patch('any')}"
    ),
    "patches by pattern": _flat(
        "patches",
        lambda name: f"- target: {{kind: Deployment, name: '{name}.*'}}\n  patch: |\n{_patch('any')}",
    ),
    "JSON patches": _flat(
        "patches",
        lambda name: (
            f"- target: {{kind: Deployment, name: {name}}}\n"
            '  patch: \'[{"op": "add", "path": "/spec/replicas", "value": 3}]\'\n'
        ),
    ),
    "patchesStrategicMerge": _flat("patchesStrategicMerge", lambda name: f"- |\n{_patch(name)}"),
    "patches that delete": _flat(
        "patches", lambda name: f"- patch: |\n{_patch(name).replace('spec: {replicas: 3}', '$patch: delete')}"
    ),
    "transformers": _transformers,
    "components": _components,
    "images": _flat("images", lambda name: f"- {{name: registry.example.com/{name}, newTag: v2}}\n"),
    "replicas": _flat("replicas", lambda name: f"- {{name: {name}, count: 3}}\n"),
    "replacements": _flat(
        "replacements",
        lambda name: (
            f"- source: {{kind: Deployment, name: {name}}}\n  targets:\n"
            f"  - select: {{kind: Deployment, name: {name}}}\n    fieldPaths: [metadata.labels.app]\n"
            "    options: {create: true}\n"
        ),
    ),
    "generators": _flat("configMapGenerator", lambda name: f"- {{name: {name}-settings, literals: [a=b]}}\n"),
    "generators that merge": _merging_generators,
    "one base, prefixes": _shared_base("namePrefix"),
    "one base, namespaces": _shared_base("namespace"),
    "long lists": _long_lists,
}
"""By what there is much of: makers of a tree in a folder, of so many resources; they return the folder to build."""
