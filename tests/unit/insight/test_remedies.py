"""The remedies are those of the troubleshooting guide."""

from __future__ import annotations

import pytest

from headgate.insight import remedies
from headgate.insight.values import Ref, State, Verdict
from headgate.names import KUSTOMIZE_GROUP
from remedies import GUIDE, TARGET, content


def test_the_file_has_what_the_guide_says() -> None:
    assert TARGET.read_text() == content(GUIDE.read_text()), "run 'make remedies'"
    assert {row.kind for row in remedies.rows()} == {"Kustomization", "GitRepository", "Pod"}
    assert len(remedies.rows()) > 40


@pytest.mark.parametrize(
    ("reason", "message", "said"),
    [
        ("BuildFailed", "apps/a.yaml: bad", "headgate build"),
        ("BuildFailed", "labels.tier must be text, not a number: quote it", 'write tier: "1"'),
        ("HealthCheckFailed", "timeout", "kubectl describe"),
        ("HealthCheckFailed", 'x cannot get resource "deployments"', "give the account that right"),
        (
            "BuildFailed",
            "x inventory of 90000 objects is too large to be stored y",
            "split the Kustomization",
        ),
        ("NeverHeardOf", "x", "read the message of the condition"),
    ],
)
def test_a_row_about_the_message_wins(reason: str, message: str, said: str) -> None:
    ref = Ref("Kustomization", "shop", "a", KUSTOMIZE_GROUP)
    assert said in remedies.for_object(Verdict(ref, State.FAILED, reason, message))


def test_reasons_of_pods_have_a_remedy() -> None:
    assert "image" in remedies.for_pod("ErrImagePull")
    assert remedies.for_pod("Other") == ""
