"""The field specifications that kustomize uses for a build without its own.

The facts are those of kustomize's default transformer configuration
(https://github.com/kubernetes-sigs/kustomize/tree/master/api/internal/konfig/builtinpluginconsts), written as tables:
most of them repeat the same for each kind of workload.
"""

from __future__ import annotations

from headgate.kustomize.paths.fieldspec import FieldSpec
from headgate.kustomize.resources.ids import Gvk


def _spec(
    path: str, kind: str = "", *, group: str = "", version: str = "", create: bool = False
) -> FieldSpec:
    return FieldSpec(path, Gvk(group, version, kind), create)


# The path of the pod template in each workload.
_POD_TEMPLATE = "spec/template"
_JOB_TEMPLATE = "spec/jobTemplate/spec/template"

NAME_PREFIX = (_spec("metadata/name"),)
NAME_SUFFIX = (_spec("metadata/name"),)

NAMESPACE = (
    _spec("metadata/name", "Namespace", create=True),
    _spec("spec/service/namespace", "APIService", group="apiregistration.k8s.io", create=True),
    _spec(
        "spec/conversion/webhook/clientConfig/service/namespace",
        "CustomResourceDefinition",
        group="apiextensions.k8s.io",
    ),
)

TEMPLATE_LABELS = (
    _spec("metadata/labels", create=True),
    _spec("spec/template/metadata/labels", "ReplicationController", version="v1", create=True),
    _spec("spec/template/metadata/labels", "Deployment", create=True),
    _spec("spec/template/metadata/labels", "ReplicaSet", create=True),
    _spec("spec/template/metadata/labels", "DaemonSet", create=True),
    _spec("spec/template/metadata/labels", "StatefulSet", group="apps", create=True),
    _spec("spec/template/metadata/labels", "Job", group="batch", create=True),
    _spec("spec/jobTemplate/metadata/labels", "CronJob", group="batch", create=True),
    _spec("spec/jobTemplate/spec/template/metadata/labels", "CronJob", group="batch", create=True),
)

VOLUME_CLAIM_TEMPLATE_LABELS = (
    _spec("spec/volumeClaimTemplates[]/metadata/labels", "StatefulSet", group="apps", create=True),
)

_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels"
_SCHEDULING = (
    f"spec/template/spec/affinity/podAffinity/{_PREFERRED}",
    f"spec/template/spec/affinity/podAffinity/{_REQUIRED}",
    f"spec/template/spec/affinity/podAntiAffinity/{_PREFERRED}",
    f"spec/template/spec/affinity/podAntiAffinity/{_REQUIRED}",
    "spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels",
)

COMMON_LABELS = (
    _spec("spec/selector", "Service", version="v1", create=True),
    _spec("spec/selector", "ReplicationController", version="v1", create=True),
    _spec("spec/selector/matchLabels", "Deployment", create=True),
    *(_spec(path, "Deployment", group="apps") for path in _SCHEDULING),
    _spec("spec/selector/matchLabels", "ReplicaSet", create=True),
    _spec("spec/selector/matchLabels", "DaemonSet", create=True),
    _spec("spec/selector/matchLabels", "StatefulSet", group="apps", create=True),
    *(_spec(path, "StatefulSet", group="apps") for path in _SCHEDULING),
    _spec("spec/selector/matchLabels", "Job", group="batch"),
    _spec("spec/jobTemplate/spec/selector/matchLabels", "CronJob", group="batch"),
    _spec("spec/selector/matchLabels", "PodDisruptionBudget", group="policy"),
    _spec("spec/podSelector/matchLabels", "NetworkPolicy", group="networking.k8s.io"),
    _spec("spec/ingress/from/podSelector/matchLabels", "NetworkPolicy", group="networking.k8s.io"),
    _spec("spec/egress/to/podSelector/matchLabels", "NetworkPolicy", group="networking.k8s.io"),
    *TEMPLATE_LABELS,
    *VOLUME_CLAIM_TEMPLATE_LABELS,
)

COMMON_ANNOTATIONS = (
    _spec("metadata/annotations", create=True),
    _spec("spec/template/metadata/annotations", "ReplicationController", version="v1", create=True),
    _spec("spec/template/metadata/annotations", "Deployment", create=True),
    _spec("spec/template/metadata/annotations", "ReplicaSet", create=True),
    _spec("spec/template/metadata/annotations", "DaemonSet", create=True),
    _spec("spec/template/metadata/annotations", "StatefulSet", create=True),
    _spec("spec/template/metadata/annotations", "Job", group="batch", create=True),
    _spec("spec/jobTemplate/metadata/annotations", "CronJob", group="batch", create=True),
    _spec("spec/jobTemplate/spec/template/metadata/annotations", "CronJob", group="batch", create=True),
)

IMAGES = (
    _spec("spec/containers[]/image", create=True),
    _spec("spec/initContainers[]/image", create=True),
    _spec("spec/volumes[]/image/reference", create=True),
    _spec("spec/template/spec/containers[]/image", create=True),
    _spec("spec/template/spec/initContainers[]/image", create=True),
    _spec("spec/template/spec/volumes[]/image/reference", create=True),
)

REPLICAS = tuple(
    _spec("spec/replicas", kind, create=True)
    for kind in ("Deployment", "ReplicationController", "ReplicaSet", "StatefulSet")
)

# Variables

_VARIABLE_FIELDS = ("args", "command", "env/value", "volumeMounts/mountPath")


def _variable_fields(pod: str, kind: str, volumes: str) -> tuple[FieldSpec, ...]:
    containers = (f"{pod}/containers", f"{pod}/initContainers")
    return (
        *(_spec(f"{holder}/{field}", kind) for holder in containers for field in _VARIABLE_FIELDS),
        _spec(f"{volumes}/volumes/nfs/server", kind),
    )


VAR_REFERENCE = (
    # kustomize omits the pod spec in this one path.
    *_variable_fields(f"{_JOB_TEMPLATE}/spec", "CronJob", _JOB_TEMPLATE),
    *_variable_fields(f"{_POD_TEMPLATE}/spec", "DaemonSet", f"{_POD_TEMPLATE}/spec"),
    *_variable_fields(f"{_POD_TEMPLATE}/spec", "Deployment", f"{_POD_TEMPLATE}/spec"),
    _spec("spec/template/metadata/annotations", "Deployment"),
    _spec("spec/rules/host", "Ingress"),
    _spec("spec/tls/hosts", "Ingress"),
    _spec("spec/tls/secretName", "Ingress"),
    *_variable_fields(f"{_POD_TEMPLATE}/spec", "Job", f"{_POD_TEMPLATE}/spec"),
    *_variable_fields("spec", "Pod", "spec"),
    *_variable_fields(f"{_POD_TEMPLATE}/spec", "ReplicaSet", f"{_POD_TEMPLATE}/spec"),
    _spec("spec/ports/port", "Service"),
    _spec("spec/ports/targetPort", "Service"),
    *_variable_fields(f"{_POD_TEMPLATE}/spec", "StatefulSet", f"{_POD_TEMPLATE}/spec")[:-1],
    _spec("spec/volumeClaimTemplates/spec/nfs/server", "StatefulSet"),
    _spec("spec/nfs/server", "PersistentVolume"),
    _spec("metadata/labels"),
    _spec("metadata/annotations"),
)

# Name references: the kind that is referred to, and the fields that refer to it.

_PODS: tuple[tuple[str, str, str], ...] = (
    # kind, version, path of the pod spec
    ("Pod", "v1", "spec"),
    ("PodTemplate", "", "template/spec"),
    ("Deployment", "", "spec/template/spec"),
    ("ReplicaSet", "", "spec/template/spec"),
    ("DaemonSet", "", "spec/template/spec"),
    ("StatefulSet", "", "spec/template/spec"),
    ("Job", "", "spec/template/spec"),
    ("CronJob", "", "spec/jobTemplate/spec/template/spec"),
)

_CONFIG_MAP_FIELDS = (
    "volumes/configMap/name",
    "containers/env/valueFrom/configMapKeyRef/name",
    "initContainers/env/valueFrom/configMapKeyRef/name",
    "containers/envFrom/configMapRef/name",
    "initContainers/envFrom/configMapRef/name",
    "volumes/projected/sources/configMap/name",
)

_SECRET_FIELDS = (
    "volumes/secret/secretName",
    "containers/env/valueFrom/secretKeyRef/name",
    "initContainers/env/valueFrom/secretKeyRef/name",
    "containers/envFrom/secretRef/name",
    "initContainers/envFrom/secretRef/name",
    "imagePullSecrets/name",
    "volumes/projected/sources/secret/name",
)


def _in_pods(fields: tuple[str, ...]) -> tuple[FieldSpec, ...]:
    return tuple(
        _spec(f"{pod}/{field}", kind, version=version) for kind, version, pod in _PODS for field in fields
    )


def _in_workloads(field: str) -> tuple[FieldSpec, ...]:
    """Return the pod fields for which kustomize knows the less common references."""
    return (
        _spec(f"spec/{field}", "Pod"),
        _spec(f"spec/template/spec/{field}", "StatefulSet"),
        _spec(f"spec/template/spec/{field}", "Deployment"),
        _spec(f"spec/template/spec/{field}", "ReplicationController"),
        _spec(f"spec/jobTemplate/spec/template/spec/{field}", "CronJob"),
        _spec(f"spec/template/spec/{field}", "Job"),
        _spec(f"spec/template/spec/{field}", "DaemonSet"),
    )


_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_SCALED = (_spec("spec/scaleTargetRef/name", "HorizontalPodAutoscaler"),)

NAME_REFERENCE: tuple[tuple[Gvk, tuple[FieldSpec, ...]], ...] = (
    (Gvk(kind="Deployment"), _SCALED),
    (Gvk(kind="ReplicationController"), _SCALED),
    (Gvk(kind="ReplicaSet"), _SCALED),
    (Gvk(kind="StatefulSet"), _SCALED),
    (
        Gvk("", "v1", "ConfigMap"),
        (
            *_in_pods(_CONFIG_MAP_FIELDS),
            _spec("spec/configSource/configMap", "Node"),
            _spec("rules/resourceNames", "Role"),
            _spec("rules/resourceNames", "ClusterRole"),
            _spec("metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap", "Ingress"),
        ),
    ),
    (
        Gvk("", "v1", "Secret"),
        (
            *_in_pods(_SECRET_FIELDS),
            _spec("spec/tls/secretName", "Ingress"),
            _spec("metadata/annotations/ingress.kubernetes.io\\/auth-secret", "Ingress"),
            _spec("metadata/annotations/nginx.ingress.kubernetes.io\\/auth-secret", "Ingress"),
            _spec("metadata/annotations/nginx.ingress.kubernetes.io\\/auth-tls-secret", "Ingress"),
            _spec("imagePullSecrets/name", "ServiceAccount"),
            _spec("parameters/secretName", "StorageClass"),
            _spec("parameters/adminSecretName", "StorageClass"),
            _spec("parameters/userSecretName", "StorageClass"),
            _spec("parameters/secretRef", "StorageClass"),
            _spec("rules/resourceNames", "Role"),
            _spec("rules/resourceNames", "ClusterRole"),
            _spec(
                "spec/template/spec/containers/env/valueFrom/secretKeyRef/name",
                "Service",
                group="serving.knative.dev",
                version="v1",
            ),
            _spec("spec/azureFile/secretName", "PersistentVolume"),
        ),
    ),
    (
        Gvk("", "v1", "Service"),
        (
            _spec("spec/serviceName", "StatefulSet", group="apps"),
            _spec("spec/rules/http/paths/backend/serviceName", "Ingress"),
            _spec("spec/backend/serviceName", "Ingress"),
            _spec("spec/rules/http/paths/backend/service/name", "Ingress"),
            _spec("spec/defaultBackend/service/name", "Ingress"),
            _spec("spec/service/name", "APIService", group="apiregistration.k8s.io"),
            _spec("webhooks/clientConfig/service", "ValidatingWebhookConfiguration", group=_ADMISSION),
            _spec("webhooks/clientConfig/service", "MutatingWebhookConfiguration", group=_ADMISSION),
        ),
    ),
    (Gvk(_RBAC, "", "Role"), (_spec("roleRef/name", "RoleBinding", group=_RBAC),)),
    (
        Gvk(_RBAC, "", "ClusterRole"),
        (
            _spec("roleRef/name", "RoleBinding", group=_RBAC),
            _spec("roleRef/name", "ClusterRoleBinding", group=_RBAC),
        ),
    ),
    (
        Gvk("", "v1", "ServiceAccount"),
        (
            _spec("subjects", "RoleBinding", group=_RBAC),
            _spec("subjects", "ClusterRoleBinding", group=_RBAC),
            *_in_workloads("serviceAccountName"),
        ),
    ),
    (Gvk("", "v1", "PersistentVolumeClaim"), _in_workloads("volumes/persistentVolumeClaim/claimName")),
    (
        Gvk("", "v1", "PersistentVolume"),
        (_spec("spec/volumeName", "PersistentVolumeClaim"), _spec("rules/resourceNames", "ClusterRole")),
    ),
    (
        Gvk("storage.k8s.io", "v1", "StorageClass"),
        (
            _spec("spec/storageClassName", "PersistentVolume"),
            _spec("spec/storageClassName", "PersistentVolumeClaim"),
            _spec("spec/volumeClaimTemplates/spec/storageClassName", "StatefulSet"),
        ),
    ),
    (Gvk("scheduling.k8s.io", "v1", "PriorityClass"), _in_workloads("priorityClassName")),
    # kustomize, too, spells the group with a version, so this entry matches nothing.
    (Gvk("networking.k8s.io/v1", "v1", "IngressClass"), (_spec("spec/ingressClassName", "Ingress"),)),
    (
        Gvk(_ADMISSION, "", "ValidatingAdmissionPolicy"),
        (_spec("spec/policyName", "ValidatingAdmissionPolicyBinding", group=_ADMISSION),),
    ),
)
