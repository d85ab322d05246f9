"""Change sets print as Flux's events do."""

from headgate.apply import Action, Change, ChangeSet
from headgate.kube import ObjectRef

WEB = ObjectRef("apps/v1", "Deployment", "web", "ns")
NS = ObjectRef("v1", "Namespace", "ns")


def test_lines_as_in_events() -> None:
    changes = ChangeSet([Change(NS, Action.UNCHANGED), Change(WEB, Action.CONFIGURED)])
    assert str(changes) == "Namespace/ns unchanged\nDeployment/ns/web configured"
    assert str(changes.changed()) == "Deployment/ns/web configured"


def test_nothing_is_false() -> None:
    assert not ChangeSet()
    assert str(ChangeSet()) == ""
    assert not ChangeSet([Change(WEB, Action.SKIPPED), Change(NS, Action.UNKNOWN)]).changed()
