"""Generators of ConfigMaps and Secrets."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.kustomize import BuildError, MemoryTree, build
from headgate.kustomize.transform.generators import content_hash
from tests.support.transforming import run

Obj = dict[str, Any]


def test_generated_objects_and_their_hashes() -> None:
    generators = {
        "configMapGenerator": [
            {"name": "c", "literals": ["a=b", "q='x'"], "files": ["n=f.txt", "f.txt"], "envs": ["e.env"]}
        ],
        "secretGenerator": [{"name": "s", "literals": ["a=b"], "options": {"disableNameSuffixHash": True}}],
    }
    files = {"f.txt": "hello", "e.env": "\ufeff# c\nX=1\nY=a=b\n"}
    config_map, secret = run(generators, files=files)
    assert config_map["data"] == {"X": "1", "Y": "a=b", "a": "b", "q": "x", "n": "hello", "f.txt": "hello"}
    bare = {**config_map, "metadata": {"name": "c"}}
    assert config_map["metadata"]["name"] == f"c-{content_hash(bare)}"
    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": "s"},
        "data": {"a": "Yg=="},
    }


@pytest.mark.parametrize(
    ("generator", "text"),
    [
        ({}, "a generated ConfigMap must have a name"),
        (
            {"name": "a", "literals": ["x"]},
            "configMapGenerator[0].literals[0]: a literal must have the form",
        ),
        ({"name": "a", "literals": ["x=1", "x=2"]}, "the key 'x' is given more than once"),
        ({"name": "a", "files": ["none"]}, "none: no such file"),
        ({"name": "a", "files": ["../out"]}, "the path leads out of the tree"),
        ({"name": "a", "envs": ["bad.env"]}, "bad.env:2: is not valid UTF-8"),
    ],
)
def test_generators_that_cannot(generator: Obj, text: str) -> None:
    import orjson

    tree = {
        "kustomization.yaml": orjson.dumps({"configMapGenerator": [generator]}),
        "bad.env": b"a=b\n\xff=c\n",
    }
    with pytest.raises(BuildError) as caught:
        build(MemoryTree(tree), "")
    assert text in str(caught.value)
