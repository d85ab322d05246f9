"""Images: the forms of their names, and what ``images`` changes."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.kustomize import ResourceError
from headgate.kustomize.model.kustomization_file import ImageEntry
from headgate.kustomize.transform.images import changed, split
from tests.support.transforming import images, run, workload

Obj = dict[str, Any]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([{"name": "nginx", "newTag": "2"}], ["registry.example.com:5000/web:1.0", "nginx:2"]),
        ([{"name": "registry.example.com:5000/web", "newName": "w"}], ["w:1.0", "nginx"]),
        (
            [{"name": "nginx", "digest": "sha256:ab"}],
            ["registry.example.com:5000/web:1.0", "nginx@sha256:ab"],
        ),
        (
            [{"name": "nginx", "newTag": "1", "digest": "sha256:a"}],
            ["registry.example.com:5000/web:1.0", "nginx:1@sha256:a"],
        ),
        # Twice, since kustomize comes by containers twice; with all else it does not show.
        (
            [{"name": "registry.example.com:5000/web", "tagSuffix": "-x"}],
            ["registry.example.com:5000/web:1.0-x-x", "nginx"],
        ),
        # One after the other: the second sees what the first made.
        (
            [{"name": "nginx", "newName": "a"}, {"name": "a", "newTag": "2"}],
            ["registry.example.com:5000/web:1.0", "a:2"],
        ),
        (
            [{"name": "a", "newTag": "2"}, {"name": "nginx", "newName": "a"}],
            ["registry.example.com:5000/web:1.0", "a"],
        ),
        # Names are expressions, in which a dot is any character.
        (
            [{"name": "registryXexample.com:5000/web", "newTag": "2"}],
            ["registry.example.com:5000/web:1.0", "nginx"],
        ),
        (
            [{"name": "registry.example.com:5000/w.b", "newTag": "2"}],
            ["registry.example.com:5000/web:2", "nginx"],
        ),
        ([{"name": ".*", "newTag": "2"}], ["registry.example.com:5000/web:2", "nginx:2"]),
        ([{"name": "(", "newTag": "2"}], ["registry.example.com:5000/web:1.0", "nginx"]),
        ([{"name": "ngin", "newTag": "2"}], ["registry.example.com:5000/web:1.0", "nginx"]),
    ],
)
def test_images(entries: list[Obj], expected: list[str]) -> None:
    assert images(run({"images": entries}, workload())[0]) == expected


def test_many_images_do_what_each_alone_does() -> None:
    entries = [{"name": f"app.{index}/x", "newTag": f"v{index}"} for index in range(50)]
    objects = []
    for index in range(50):
        obj = workload(f"w{index}")
        obj["spec"]["template"]["spec"]["containers"][1]["image"] = f"app.{index}/x:old"
        objects.append(obj)
    at_once = run({"images": entries}, *objects)
    assert [images(each)[1] for each in at_once] == [f"app.{index}/x:v{index}" for index in range(50)]


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("a", ("a", "", "")),
        ("a:1", ("a", "1", "")),
        ("r:5000/a", ("r:5000/a", "", "")),
        ("r:5000/a:1@sha256:x", ("r:5000/a", "1", "sha256:x")),
        ("a@sha256:x", ("a", "", "sha256:x")),
    ],
)
def test_parts_of_images(image: str, parts: tuple[str, str, str]) -> None:
    assert split(image) == parts
    assert changed(image, ImageEntry("x")) == image


@pytest.mark.parametrize("field", ["containers", "initContainers"])
def test_an_image_that_is_not_text(field: str) -> None:
    obj = workload()
    obj["spec"]["template"]["spec"][field] = [{"name": "a", "image": "a"}, {"name": "b", "image": {"a": 1}}]
    where = rf"Deployment.apps/web, field spec\.template\.spec\.{field}\[1\]\.image: "
    with pytest.raises(ResourceError, match=where + "an image must be text, not a map"):
        run({"images": [{"name": "a", "newTag": "1"}]}, obj)
    obj["spec"]["template"]["spec"][field] = ["a"]
    where = rf"field spec\.template\.spec\.{field}: a container must be a map"
    with pytest.raises(ResourceError, match=where):
        run({"images": [{"name": "a", "newTag": "1"}]}, obj)
