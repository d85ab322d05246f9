"""Generated Kubernetes objects: the kinds kustomize knows about, and custom ones, with references between them."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.conformance.strategies import embedded
from tests.conformance.strategies.scalars import KEYS, anything, keys, odd, texts, words
from tests.conformance.strategies.text import Alias, Anchored, Raw

Draw = Any
Body = dict[str, Any]

NAMES = ("app", "web", "db")
NAMESPACES = ("default", "prod", "other")
IMAGES = (
    "nginx",
    "nginx:1.2",
    "nginx@sha256:0123abcd",
    "nginx:1.2@sha256:0123abcd",
    "registry:5000/team/app",
    "registry:5000/team/app:v1",
    "ghcr.io/org/app:latest",
    "app:{{tag}}",
)


class Thing(NamedTuple):
    """An object and what the rest of a tree needs to know to talk about it."""

    api_version: str
    kind: str
    name: str
    namespace: str | None
    body: Body

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    @property
    def head(self) -> Body:
        """What a patch begins with."""
        metadata = {"name": self.name} | ({"namespace": self.namespace} if self.namespace else {})
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata}


def maybe(draw: Draw, fields: Body, key: str, strategy: st.SearchStrategy[Any], one_in: int = 3) -> None:
    """Give a field now and then."""
    if draw(st.integers(1, one_in)) == 1:
        fields[key] = draw(strategy)


names = st.sampled_from(NAMES)
string_maps = st.dictionaries(keys, texts, max_size=3)
_free = st.recursive(
    anything,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3),
        st.lists(st.fixed_dictionaries({"name": words}, optional={"value": inner}), min_size=1, max_size=3),
    ),
    max_leaves=8,
)


@st.composite
def envs(draw: Draw) -> list[Body]:
    result = []
    for name in draw(st.lists(st.sampled_from("ABC"), unique=True, min_size=1, max_size=3)):
        entry: Body = {"name": name}
        which = draw(st.integers(0, 4))
        if which == 0:
            entry["valueFrom"] = {"configMapKeyRef": {"name": draw(names), "key": "k"}}
        elif which == 1:
            entry["valueFrom"] = {"secretKeyRef": {"name": draw(names), "key": "k", "optional": True}}
        elif which == 2:
            entry["valueFrom"] = {"fieldRef": {"fieldPath": "metadata.name"}}
        else:
            entry["value"] = draw(st.one_of(texts, odd))
        result.append(entry)
    return result


@st.composite
def ports(draw: Draw) -> list[Body]:
    result = []
    for number in draw(st.lists(st.sampled_from((80, 443, 8080)), unique=True, min_size=1, max_size=2)):
        for protocol in draw(st.sampled_from(((None,), ("TCP",), ("TCP", "UDP"), ("UDP",)))):
            entry: Body = {"containerPort": number}
            if protocol:
                entry["protocol"] = protocol
            maybe(draw, entry, "name", words)
            result.append(entry)
    return result


@st.composite
def containers(draw: Draw) -> list[Body]:
    result = []
    for name in draw(st.lists(st.sampled_from(("main", "side", "log")), unique=True, min_size=1, max_size=2)):
        container: Body = {"name": name, "image": draw(st.sampled_from(IMAGES))}
        maybe(draw, container, "env", envs(), 2)
        maybe(draw, container, "ports", ports())
        maybe(draw, container, "args", st.lists(texts, min_size=1, max_size=3))
        maybe(draw, container, "command", st.just(["run", "$(VAR)"]), 5)
        maybe(
            draw,
            container,
            "envFrom",
            st.lists(
                st.one_of(
                    st.builds(lambda n: {"configMapRef": {"name": n}}, names),
                    st.builds(lambda n: {"secretRef": {"name": n}}, names),
                ),
                min_size=1,
                max_size=2,
            ),
            5,
        )
        maybe(draw, container, "resources", st.just({"limits": {"cpu": Raw("1"), "memory": "1Gi"}}), 6)
        maybe(draw, container, "volumeMounts", st.just([{"name": "v", "mountPath": "/v"}]), 5)
        result.append(container)
    return result


@st.composite
def volumes(draw: Draw) -> list[Body]:
    source = st.sampled_from(
        (
            lambda name: {"configMap": {"name": name}},
            lambda name: {"secret": {"secretName": name}},
            lambda name: {"persistentVolumeClaim": {"claimName": name}},
            lambda name: {"emptyDir": {}},
            lambda name: {
                "projected": {"sources": [{"configMap": {"name": name}}, {"secret": {"name": name}}]}
            },
        )
    )
    wanted = draw(st.lists(st.sampled_from(("v", "w")), unique=True, min_size=1, max_size=2))
    return [{"name": volume, **draw(source)(draw(names))} for volume in wanted]


@st.composite
def pod_specs(draw: Draw) -> Body:
    spec: Body = {"containers": draw(containers())}
    maybe(draw, spec, "initContainers", containers(), 6)
    maybe(draw, spec, "volumes", volumes())
    maybe(draw, spec, "serviceAccountName", names, 4)
    maybe(draw, spec, "imagePullSecrets", st.builds(lambda n: [{"name": n}], names), 6)
    maybe(draw, spec, "nodeSelector", string_maps, 6)
    maybe(draw, spec, "tolerations", st.just([{"key": "a", "operator": "Exists"}, {"key": "b"}]), 8)
    maybe(draw, spec, "hostAliases", st.just([{"ip": "1.2.3.4", "hostnames": ["a"]}]), 10)
    maybe(
        draw,
        spec,
        "affinity",
        st.just(
            {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}
        ),
        10,
    )
    return spec


def _pod(draw: Draw) -> Body:
    return {"spec": draw(pod_specs())}


def _template(draw: Draw) -> Body:
    template: Body = {"spec": draw(pod_specs())}
    if draw(st.booleans()):
        template["metadata"] = {"labels": {"app": draw(words)}}
    return template


def _workload(draw: Draw) -> Body:
    spec: Body = {"template": _template(draw)}
    maybe(draw, spec, "replicas", st.integers(0, 3), 2)
    maybe(draw, spec, "selector", st.just({"matchLabels": {"app": "x"}}), 2)
    maybe(draw, spec, "strategy", st.just({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}), 6)
    return {"spec": spec}


def _stateful(draw: Draw) -> Body:
    body = _workload(draw)
    maybe(
        draw, body["spec"], "volumeClaimTemplates", st.just([{"metadata": {"name": "data"}, "spec": {}}]), 2
    )
    maybe(draw, body["spec"], "serviceName", names, 2)
    return body


def _job(draw: Draw) -> Body:
    return {"spec": {"template": _template(draw)}}


def _cron_job(draw: Draw) -> Body:
    return {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": _template(draw)}}}}


def _service(draw: Draw) -> Body:
    spec: Body = {}
    maybe(draw, spec, "selector", st.just({"app": "x"}), 2)
    port = st.fixed_dictionaries(
        {"port": st.sampled_from((80, 443))},
        optional={"name": words, "protocol": st.just("TCP"), "targetPort": words},
    )
    maybe(draw, spec, "ports", st.lists(port, min_size=1, max_size=3), 2)
    return {"spec": spec}


def _data(draw: Draw) -> Body:
    body: Body = {}
    maybe(draw, body, "data", string_maps, 1)
    maybe(draw, body["data"], embedded.KEY, embedded.texts)
    if "data" in body and body["data"] and draw(st.integers(1, 6)) == 1:
        body["data"] = Anchored("all", body["data"])
        body["metadata"] = {
            "labels": draw(st.sampled_from((Alias("all"), {"<<": Alias("all"), "alpha": "own"})))
        }
    return body


def _secret(draw: Draw) -> Body:
    body: Body = {"type": "Opaque"}
    maybe(draw, body, "stringData", string_maps, 2)
    maybe(draw, body, "data", st.dictionaries(keys, st.just("aGk="), max_size=2), 2)
    return body


def _rules(draw: Draw) -> Body:
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    maybe(draw, rule, "resourceNames", st.lists(names, min_size=1, max_size=2), 2)
    return {"rules": [rule]}


def _binding(draw: Draw) -> Body:
    subject = st.fixed_dictionaries(
        {
            "kind": st.sampled_from(("ServiceAccount", "ServiceAccount", "Group")),
            "name": st.sampled_from((*NAMES, "default")),
        },
        optional={"namespace": st.sampled_from(NAMESPACES), "apiGroup": st.just("")},
    )
    role = draw(st.sampled_from(("Role", "ClusterRole")))
    return {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": draw(names)},
        "subjects": draw(st.lists(subject, max_size=2)),
    }


def _ingress(draw: Draw) -> Body:
    backend = {"service": {"name": draw(names), "port": {"number": 80}}}
    spec: Body = {
        "rules": [{"host": "a.example.com", "http": {"paths": [{"path": "/", "backend": backend}]}}]
    }
    maybe(draw, spec, "tls", st.builds(lambda n: [{"secretName": n, "hosts": ["a"]}], names), 2)
    maybe(draw, spec, "ingressClassName", names)
    return {"spec": spec}


def _autoscaler(draw: Draw) -> Body:
    kind = draw(st.sampled_from(("Deployment", "StatefulSet")))
    return {
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": draw(names)},
            "maxReplicas": 3,
        }
    }


def _policy(draw: Draw) -> Body:
    selector = {"podSelector": {"matchLabels": {"app": "x"}}}
    return {"spec": {**selector, "ingress": [{"from": [selector, {"namespaceSelector": {}}]}]}}


def _budget(draw: Draw) -> Body:
    return {
        "spec": {"minAvailable": draw(st.sampled_from((1, "50%"))), "selector": {"matchLabels": {"app": "x"}}}
    }


def _webhook(draw: Draw) -> Body:
    service = {"name": draw(names), "namespace": draw(st.sampled_from(NAMESPACES))}
    return {"webhooks": [{"name": "a.example.com", "clientConfig": {"service": service}}]}


def _definition(draw: Draw) -> Body:
    return {"spec": {"group": "example.com", "names": {"kind": "Widget"}, "scope": "Namespaced"}}


def _custom(draw: Draw) -> Body:
    spec = draw(
        st.dictionaries(st.sampled_from((*KEYS, "containers", "replicas", "template")), _free, max_size=4)
    )
    maybe(draw, spec, "configName", names)
    body: Body = {"spec": spec}
    maybe(draw, body, "extra", _free)
    return body


def _bare(draw: Draw) -> Body:
    return {}


# apiVersion, kind, whether it lives in a namespace, the rest of the object.
KINDS = (
    ("apps/v1", "Deployment", True, _workload),
    ("apps/v1", "Deployment", True, _workload),
    ("apps/v1", "StatefulSet", True, _stateful),
    ("apps/v1", "DaemonSet", True, _workload),
    ("batch/v1", "Job", True, _job),
    ("batch/v1", "CronJob", True, _cron_job),
    ("v1", "Pod", True, _pod),
    ("v1", "Service", True, _service),
    ("v1", "ConfigMap", True, _data),
    ("v1", "ConfigMap", True, _data),
    ("v1", "Secret", True, _secret),
    ("v1", "ServiceAccount", True, _bare),
    ("v1", "PersistentVolumeClaim", True, _bare),
    ("v1", "Namespace", False, _bare),
    ("rbac.authorization.k8s.io/v1", "Role", True, _rules),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", True, _binding),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", False, _rules),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", False, _binding),
    ("networking.k8s.io/v1", "Ingress", True, _ingress),
    ("networking.k8s.io/v1", "NetworkPolicy", True, _policy),
    ("policy/v1", "PodDisruptionBudget", True, _budget),
    ("autoscaling/v2", "HorizontalPodAutoscaler", True, _autoscaler),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", False, _webhook),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", False, _definition),
    ("example.com/v1", "Widget", True, _custom),
    ("example.com/v1", "Widget", True, _custom),
    ("example.com/v1beta1", "Gadget", True, _custom),
)


@st.composite
def things(draw: Draw) -> Thing:
    """One object, its fields in any order."""
    api_version, kind, namespaced, rest = draw(st.sampled_from(KINDS))
    name = draw(names)
    namespace = draw(st.sampled_from((None, None, None, *NAMESPACES))) if namespaced else None
    metadata: Body = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    maybe(draw, metadata, "labels", string_maps)
    maybe(draw, metadata, "annotations", st.dictionaries(keys, st.one_of(texts, odd), max_size=3))
    maybe(draw, metadata, "creationTimestamp", st.sampled_from((None, Raw(""))), 12)
    own = rest(draw)
    metadata |= own.pop("metadata", {})
    body = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **own}
    # An alias must follow its anchor.
    if kind != "ConfigMap" and draw(st.integers(1, 5)) == 1:
        body = dict(reversed(body.items()))
    elif isinstance(body.get("data"), Anchored):
        body = {"data": body.pop("data"), **body}
    return Thing(api_version, kind, name, namespace, body)
