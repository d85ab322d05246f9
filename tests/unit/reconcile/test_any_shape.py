"""Whatever shape an object has where code looks into it: a result, or an error that says where; never another error."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headgate.api import inventory
from headgate.api.kustomization import Kustomization
from headgate.apply import IgnoreRuleInvalid, compile_rules
from headgate.apply.fields import ignore
from headgate.apply.fields.drift import digest
from headgate.apply.objects.normalize import normalized, with_labels
from headgate.apply.objects.stages import split
from headgate.apply.objects.validation import check
from headgate.kube.refs import ref_of
from headgate.kustomize import BuildError, MemoryTree
from headgate.postbuild import Variables
from headgate.reconcile.kustomization.build.builds import build_objects
from headgate.reconcile.kustomization.build.clusterinputs import ClusterInputs
from headgate.reconcile.kustomization.waiting import jobs_with_ttl

Obj = dict[str, Any]

quiet = settings(suppress_health_check=list(HealthCheck), deadline=None)

CONTAINER = {
    "name": "main",
    "image": "app:1",
    "ports": [{"containerPort": 80}],
    "env": [{"name": "A", "value": "b"}],
}
POD = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [CONTAINER], "initContainers": [CONTAINER]},
}
OBJECTS: list[Obj] = [
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "labels": {"b": "c"}},
        "data": {"k": "${n}"},
    },
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "annotations": {"a": "b"}},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": POD},
    },
    {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "job", "annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}},
        "spec": {"ttlSecondsAfterFinished": 1, "template": POD},
    },
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"k": "aGk="},
        "stringData": {"l": "m"},
    },
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 1}]}},
    {
        "apiVersion": "v1",
        "kind": "List",
        "metadata": {"name": "l"},
        "items": [{"apiVersion": "v1", "kind": "A", "metadata": {"name": "b"}}],
    },
    {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "a.b"},
        "spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": "Cg=="}}}},
    },
]
SPEC: Obj = {
    "path": "./app",
    "interval": "1m",
    "prune": True,
    "sourceRef": {"kind": "GitRepository", "name": "a"},
    "targetNamespace": "shop",
    "namePrefix": "p-",
    "nameSuffix": "-s",
    "commonMetadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
    "images": [{"name": "app", "newTag": "2"}],
    "patches": [
        {
            "target": {"kind": "Deployment"},
            "patch": '[{"op": "add", "path": "/metadata/labels", "value": {"n": "x"}}]',
        }
    ],
    "ignore": [{"paths": ["/spec/replicas"], "target": {"kind": "Deployment"}}],
}
KUSTOMIZATION: Obj = {
    "resources": ["objects.yaml"],
    "images": [{"name": "app", "newTag": "3"}],
    "patches": [
        {
            "target": {"kind": "Job"},
            "patch": "apiVersion: v1\nkind: Job\nmetadata: {name: x, labels: {q: r}}\n",
        }
    ],
    "components": [],
    "labels": [{"pairs": {"x": "y"}}],
    "configMapGenerator": [{"name": "made", "literals": ["a=b"]}],
    "replicas": [{"name": "web", "count": 2}],
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(["", "x", "${n}", "${t}", "a/b/c", "\ud800", "List", "FooList"]),
    st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=3)), max_size=2),
    st.dictionaries(
        st.sampled_from(["a", "name", "labels", "${n}", "$patch"]),
        st.one_of(st.none(), st.integers(), st.lists(st.integers(), max_size=1)),
        max_size=2,
    ),
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of the value with every key in it."""
    found: list[tuple[Any, Any]] = []
    for key, item in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        found += [(value, key), *_places(item)]
    return found


def _spoilt(data: st.DataObject, value: Any, most: int = 3) -> Any:
    """The value with a few parts of it in the place of which something odd is."""
    value = copy.deepcopy(value)
    for _ in range(data.draw(st.integers(0, most))):
        places = _places(value)
        if not places:
            break
        container, key = data.draw(st.sampled_from(places))
        container[key] = data.draw(ODD)
    return value


def _through(files: dict[str, str], spec: Obj, inputs: ClusterInputs) -> None:
    """All that is done before the first request."""
    built = build_objects(
        MemoryTree({k: v.encode("utf-8", "surrogatepass") for k, v in files.items()}), spec, inputs
    )
    inventory.to_status({}, inventory.of_objects(built.objects))
    jobs_with_ttl(built.objects)
    {(o["apiVersion"], o["kind"]) for o in built.objects}
    ks = Kustomization.from_object(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "k", "namespace": "n", "uid": "u"},
            "spec": SPEC,
        }
    )
    rules = compile_rules(ks.spec.ignore)
    for _, objects in split([with_labels(o, {"owner": "k"}) for o in normalized(built.objects)]):
        for obj in objects:
            if not check(obj, ref_of(obj)):
                ignore.candidates(rules, obj)
                digest(obj)


@quiet
@given(data=st.data())
def test_objects_of_any_shape(data: st.DataObject) -> None:
    objects = [
        _spoilt(data, data.draw(st.sampled_from(OBJECTS))) for _ in range(data.draw(st.integers(1, 3)))
    ]
    files = {
        "app/kustomization.yaml": json.dumps({"resources": [f"o{n}.yaml" for n in range(len(objects))]}),
        **{f"app/o{n}.yaml": json.dumps(obj) for n, obj in enumerate(objects)},
    }
    spec = {
        k: v
        for k, v in SPEC.items()
        if k in ("path", "interval", "prune", "sourceRef") or data.draw(st.booleans())
    }
    variables = Variables(
        {"n": data.draw(st.sampled_from(["1", "true", "", "[a]", "{a: b}", "x"])), "t": "t"}
    )
    inputs = ClusterInputs("1", variables if data.draw(st.booleans()) else None)
    with suppress(BuildError, IgnoreRuleInvalid):
        _through(files, spec, inputs)


@quiet
@given(data=st.data())
def test_kustomization_files_of_any_shape(data: st.DataObject) -> None:
    files = {
        "app/kustomization.yaml": json.dumps(_spoilt(data, KUSTOMIZATION, 4)),
        "app/objects.yaml": "\n---\n".join(json.dumps(obj) for obj in OBJECTS[:3]),
    }
    with suppress(BuildError, IgnoreRuleInvalid):
        _through(files, SPEC, ClusterInputs())
