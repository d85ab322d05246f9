"""What is read of a Receiver, and the path that follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api import InvalidSpec, ObjectKey
from headgate.api.receiver import Receiver

Obj = dict[str, Any]
SOURCE = {"kind": "GitRepository", "name": "fleet"}


def parse(**spec: Any) -> Receiver:
    spec = {"type": "github", "secretRef": {"name": "token"}, "resources": [SOURCE], **spec}
    meta = {"name": "github-receiver", "namespace": "flux-system"}
    return Receiver.from_object({"metadata": meta, "spec": {k: v for k, v in spec.items() if v is not None}})


def test_what_is_left_out() -> None:
    receiver = parse()
    assert receiver.key == ObjectKey("flux-system", "github-receiver")
    assert (receiver.spec.interval, receiver.spec.events, receiver.spec.suspend) == (600.0, (), False)
    (resource,) = receiver.spec.resources
    assert (resource.api_version, resource.namespace) == ("source.toolkit.fluxcd.io/v1", "")


def test_the_path_is_flux_s() -> None:
    # printf 'abcgithub-receiverflux-system' | sha256sum
    assert parse().path(b"abc") == "/hook/e357707455b4293b60dd1fcaa78132ba2589beef4f96bbfc75f869a23148d180"
    assert parse().path(b"abc") != parse().path(b"abd")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"type": "gcr"}, "spec.type: 'gcr' needs Flux's notification-controller; Headgate serves generic,"),
        ({"type": None}, "spec.type: is required"),
        ({"secretRef": None}, "spec.secretRef: is required"),
        (
            {"resources": [{"kind": "HelmRelease", "name": "a"}]},
            r"resources\[0\].apiVersion: must be specified",
        ),
        ({"resources": [{**SOURCE, "name": "*"}]}, r"resources\[0\].matchLabels: must be set"),
        ({"interval": "soon"}, "spec.interval"),
        *(
            (
                {"resources": [{"kind": "Kustomization", "apiVersion": version, "name": "a"}]},
                "must be one of Flux's",
            )
            for version in (
                "v1",
                "apps/v1",
                "evil.test/v1",
                "fluxcd.io.evil.test/v1",
                "evilfluxcd.io/v1",
                "fluxcd.io/v1",
            )
        ),
    ],
)
def test_what_cannot_be_used_is_named(spec: Obj, says: str) -> None:
    with pytest.raises(InvalidSpec, match=says):
        parse(**spec)
