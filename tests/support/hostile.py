"""Strategies for input that means harm, or that nobody thought of: YAML text, objects, patches, kustomizations, trees.

Words are drawn from those the engine knows, since random text would hardly ever get past the first check.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from hypothesis import strategies as st


def _words(text: str) -> list[str]:
    return text.split()


SECONDS = 60
"""From when on an example counts as hanging: far more than any takes, even on a busy machine."""


@contextmanager
def no_hang() -> Iterator[None]:
    """Fail if the code inside does not end."""

    def give_up(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"still at it after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# Scalars as they are written in YAML.
WRITTEN = st.sampled_from(
    [
        *_words(
            r"""
    yes on n ~ null True 0o17 017 0x1F 0b11 1_000 1e3 1e400 -1e400 .nan .inf -.inf 1:30 190:20:30
    2001-01-01 2001-13-45 2001-01-01T00:00:00Z 00001 +1 -0 0. .5 1.10 18446744073709551616
    -9223372036854775809 = << 'a' "b" "\x00" "\ud83d" "\u2028" !!binary !!str !!int !custom !!set !!omap
    !<tag:x> &a *a *b | > |2- >+ ? - : [] {} [[[[ {{{{ }} ]] , # %YAML @ ` '' "" ''''
"""
        ),
        "9" * 5000,
        "-" + "1" * 4301,
        "0x" + "f" * 5000,
        "1e" + "9" * 400,
        "a" * 300,
        "\t",
        "\u00e9",
        "\ufeff",
        "\x85",
    ]
)
_PIECES = st.one_of(
    WRITTEN,
    st.sampled_from(
        [
            "\n",
            "\n  ",
            "\n- ",
            "\n---\n",
            "\n--- x\n",
            "\n...\n",
            "a: ",
            "b: ",
            "kind: ",
            "<<: *a",
            ": ",
            "- ",
            "\r\n",
            "\t",
        ]
    ),
    st.text(max_size=3),
)
YAML_TEXT = st.lists(_PIECES, max_size=25).map("".join)
BYTES = st.one_of(st.binary(max_size=60), YAML_TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")))

# Values, as a document may hold them.
NAMES = st.sampled_from(["a", "b", "web", "", "a.b", "a/b", "..", "*", "-1", "0", "x" * 64])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    NAMES,
    st.text(max_size=5),
    st.sampled_from(
        ["$(A)", "$$(A)", "nginx:1@sha256:0", "delete", "replace", "merge", "{}", "[1", "a=b", "\n"]
    ),
)
KEYS = st.one_of(
    st.sampled_from(
        _words(
            r"""
    apiVersion kind metadata name namespace labels annotations spec template containers initContainers
    image env ports containerPort protocol value valueFrom volumes configMap subjects roleRef data items
    finalizers $patch $setElementOrder/env $retainKeys $deleteFromPrimitiveList/finalizers selector
    matchLabels
"""
        )
    ),
    NAMES,
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
_KINDS = st.sampled_from(
    [
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("v1", "Service"),
        ("v1", "ServiceAccount"),
        ("apps/v1", "Deployment"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        ("example.com/v1", "Thing"),
        ("v1", "List"),
        ("", ""),
    ]
)
_ENTRIES = st.lists(
    st.one_of(
        st.dictionaries(
            st.sampled_from(
                ["name", "containerPort", "protocol", "value", "image", "$patch", "kind", "namespace"]
            ),
            st.one_of(SCALARS, st.sampled_from(["web", "TCP", 80, "delete"])),
            max_size=4,
        ),
        VALUES,
    ),
    max_size=5,
)


@st.composite
def objects(draw: Callable[..., Any]) -> Any:
    """Objects that are Kubernetes objects more or less, with lists where merging knows lists."""
    api_version, kind = draw(_KINDS)
    obj: dict[str, Any] = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": draw(
            st.one_of(
                VALUES,
                st.fixed_dictionaries(
                    {"name": st.sampled_from(["a", "b"])},
                    optional={
                        "namespace": SCALARS,
                        "labels": VALUES,
                        "annotations": VALUES,
                        "finalizers": _ENTRIES,
                    },
                ),
            )
        ),
    }
    if kind == "Deployment":
        container = draw(
            st.fixed_dictionaries({"name": SCALARS}, optional={"env": _ENTRIES, "ports": _ENTRIES})
        )
        obj["spec"] = {
            "template": {"spec": {"containers": [container, *draw(_ENTRIES)], "volumes": draw(_ENTRIES)}}
        }
    elif kind == "RoleBinding":
        obj |= {"subjects": draw(_ENTRIES), "roleRef": draw(VALUES)}
    obj |= draw(st.dictionaries(KEYS, VALUES, max_size=3))
    return obj


_POINTERS = st.one_of(
    st.lists(
        st.one_of(KEYS, st.sampled_from(["-", "0", "1", "-1", "99", "~0", "~1", "~2", "01"])), max_size=5
    ).map(lambda parts: "".join("/" + part for part in parts)),
    st.text(max_size=5),
)
OPERATIONS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "nothing"]),
                "path": _POINTERS,
            },
            optional={"value": VALUES, "from": _POINTERS},
        ),
        VALUES,
    ),
    max_size=5,
)

# Kustomization files.
PATHS = st.one_of(
    st.sampled_from(
        [
            ".",
            "..",
            "../..",
            "/",
            "a",
            "a/",
            "./a",
            "../a",
            "a/../../b",
            "/etc/passwd",
            "base",
            "all.yaml",
            "other.yaml",
            "missing.yaml",
            "link",
            "out",
            "loop",
            "../secret.yaml",
            "../../secret.yaml",
            "/secret.yaml",
            "base/../../secret.yaml",
            "https://example.invalid//a",
            "github.com/a/b//c?ref=main",
            "git@example.invalid:a/b",
            "ssh://x/y",
            "file:///etc",
            "a\x00b",
            "~",
            "a//b",
            "%2e%2e",
            "",
            "\x00",
            "a\nb",
            "x" * 5000,
            "base/kustomization.yaml",
        ]
    ),
    st.text(max_size=5),
)
_SELECTORS = st.one_of(
    VALUES,
    st.dictionaries(
        st.sampled_from(
            ["group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector"]
        ),
        st.one_of(
            st.sampled_from(
                [".*", "a|b", "(", "(a*)*b", "[", "\\1", "(?=a)", "a{1000}", "app in (a,b)", "!x", "a==b"]
            ),
            NAMES,
        ),
        max_size=4,
    ),
)
_FIELD_PATHS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "metadata.name",
                "spec.template.spec.containers.[name=a].image",
                "data.a\\.b",
                "metadata.labels.*",
                "spec.*.x",
                "metadata.annotations.[a=]",
                "spec.containers.0",
                "spec.containers.-1",
                "[",
                "]",
                ".[=]..",
                "a.[b=c",
            ]
        ),
        st.text(max_size=6),
    ),
    max_size=3,
)
_OPTIONS = st.fixed_dictionaries(
    {}, optional={"delimiter": SCALARS, "index": SCALARS, "create": SCALARS, "encoding": SCALARS}
)
_PATCHES = st.one_of(
    YAML_TEXT,
    st.sampled_from(
        [
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: null}",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n$patch: delete",
            "[{op: remove, path: /metadata/name}]",
            "- {op: replace, path: /kind, value: [1]}",
        ]
    ),
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "resources": st.lists(PATHS, max_size=4),
    "bases": st.lists(PATHS, max_size=2),
    "components": st.lists(PATHS, max_size=2),
    "crds": st.lists(PATHS, max_size=2),
    "configurations": st.lists(PATHS, max_size=2),
    "generators": st.lists(st.one_of(PATHS, YAML_TEXT), max_size=2),
    "transformers": st.lists(st.one_of(PATHS, YAML_TEXT), max_size=2),
    "validators": st.lists(PATHS, max_size=2),
    "openapi": st.dictionaries(st.sampled_from(["path", "version"]), PATHS, max_size=2),
    "namePrefix": SCALARS,
    "nameSuffix": SCALARS,
    "namespace": SCALARS,
    "commonLabels": VALUES,
    "commonAnnotations": VALUES,
    "labels": st.lists(
        st.fixed_dictionaries(
            {"pairs": st.dictionaries(NAMES, SCALARS, max_size=2)},
            optional={"includeSelectors": SCALARS, "includeTemplates": SCALARS, "fields": VALUES},
        ),
        max_size=2,
    ),
    "images": st.lists(
        st.dictionaries(
            st.sampled_from(["name", "newName", "newTag", "digest", "tagSuffix"]), SCALARS, max_size=3
        ),
        max_size=3,
    ),
    "replicas": st.lists(
        st.dictionaries(st.sampled_from(["name", "count"]), SCALARS, max_size=2), max_size=2
    ),
    "patches": st.lists(
        st.fixed_dictionaries(
            {}, optional={"patch": _PATCHES, "path": PATHS, "target": _SELECTORS, "options": VALUES}
        ),
        max_size=3,
    ),
    "patchesStrategicMerge": st.lists(st.one_of(_PATCHES, PATHS), max_size=2),
    "patchesJson6902": st.lists(
        st.fixed_dictionaries({"target": _SELECTORS}, optional={"patch": _PATCHES, "path": PATHS}), max_size=2
    ),
    "replacements": st.lists(
        st.one_of(
            st.fixed_dictionaries({"path": PATHS}),
            st.fixed_dictionaries(
                {
                    "source": st.fixed_dictionaries(
                        {"name": st.sampled_from(["a", "b"])},
                        optional={"kind": NAMES, "fieldPath": SCALARS, "options": _OPTIONS},
                    ),
                    "targets": st.lists(
                        st.fixed_dictionaries(
                            {"select": _SELECTORS, "fieldPaths": _FIELD_PATHS},
                            optional={"reject": st.lists(_SELECTORS, max_size=2), "options": _OPTIONS},
                        ),
                        max_size=2,
                    ),
                }
            ),
        ),
        max_size=2,
    ),
    "vars": st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from(["A", "B"]), "objref": VALUES},
            optional={"fieldref": st.fixed_dictionaries({"fieldPath": SCALARS})},
        ),
        max_size=2,
    ),
    "configMapGenerator": st.lists(
        st.fixed_dictionaries(
            {"name": SCALARS},
            optional={
                "behavior": st.sampled_from(["create", "merge", "replace", "x"]),
                "literals": st.lists(SCALARS, max_size=2),
                "files": st.lists(st.one_of(PATHS, PATHS.map("a={}".format)), max_size=2),
                "envs": st.lists(PATHS, max_size=2),
                "options": VALUES,
            },
        ),
        max_size=2,
    ),
    "secretGenerator": st.lists(
        st.fixed_dictionaries({"name": NAMES}, optional={"files": st.lists(PATHS)}), max_size=2
    ),
    "generatorOptions": VALUES,
    "helmCharts": VALUES,
    "buildMetadata": st.lists(
        st.sampled_from(["originAnnotations", "transformerAnnotations", "managedByLabel", "x"]), max_size=3
    ),
    "sortOptions": VALUES,
    "metadata": VALUES,
    "kind": st.sampled_from(["Kustomization", "Component", "x"]),
    "apiVersion": st.sampled_from(
        ["kustomize.config.k8s.io/v1beta1", "kustomize.config.k8s.io/v1alpha1", "v1"]
    ),
}


@st.composite
def kustomizations(draw: Callable[..., Any], base: str | None = None) -> dict[str, Any]:
    """Kustomization files: some fields with about the right values, at times one with a wrong one."""
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=5, unique=True))
    content = {name: draw(FIELDS[name]) for name in names}
    if base is not None and draw(st.booleans()):
        resources = content.get("resources")
        content["resources"] = [base, *(resources if isinstance(resources, list) else [])]
    if draw(st.integers(0, 9)) == 0:
        content[draw(st.sampled_from(sorted(FIELDS)))] = draw(VALUES)
    return content
