"""The rules of kstatus for other built-in kinds, except those that are current once they exist."""

from __future__ import annotations

from headgate.health.result import Health, current, failed, in_progress
from headgate.health.rule import GroupKind, Rule
from headgate.health.view import View


def always_ready(_view: View) -> Health:
    """Current once the object exists."""
    return current("Resource is always ready")


def persistent_volume_claim(view: View) -> Health:
    """Current when bound to a volume."""
    phase = view.text("status.phase", "unknown")
    return current("PVC is Bound") if phase == "Bound" else in_progress(f"PVC is not Bound. phase: {phase}")


def service(view: View) -> Health:
    """A load balancer needs an address inside the cluster; its external address does not matter."""
    if view.text("spec.type", "ClusterIP") == "LoadBalancer" and not view.text("spec.clusterIP"):
        return in_progress("ClusterIP not set. Service type: LoadBalancer")
    return current("Service is ready")


def pod_disruption_budget(_view: View) -> Health:
    """Current when its controller has observed the newest spec, which the generic rules have checked."""
    return current("AllowedDisruptions has been computed.")


def custom_resource_definition(view: View) -> Health:
    """Current when established; failed when its names conflict."""
    for condition in view.conditions():
        if condition.type == "NamesAccepted" and condition.is_false:
            return failed(condition.message or condition.reason)
        if condition.type == "Established":
            if condition.is_false and condition.reason != "Installing":
                return failed(condition.message or condition.reason)
            if condition.is_true:
                return current("CRD is established")
    return in_progress("Install in progress")


RULES: dict[GroupKind, Rule] = {
    ("", "ConfigMap"): Rule(always_ready),
    ("", "Secret"): Rule(always_ready),
    ("batch", "CronJob"): Rule(always_ready),
    ("", "PersistentVolumeClaim"): Rule(persistent_volume_claim, fields=("status.phase",)),
    ("", "Service"): Rule(service, fields=("spec.clusterIP", "spec.type")),
    ("policy", "PodDisruptionBudget"): Rule(pod_disruption_budget),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): Rule(
        custom_resource_definition, conditions=("Established", "NamesAccepted")
    ),
}
