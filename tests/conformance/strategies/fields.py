"""Generated fields of a kustomization file, with the files they refer to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.conformance.strategies import embedded, patches
from tests.conformance.strategies.objects import NAMESPACES, Body, Draw, Thing, maybe, names
from tests.conformance.strategies.scalars import keys, words
from tests.conformance.strategies.text import Block, Style, styles, write

NAMES_OF_IMAGES = ("nginx", "registry:5000/team/app", "ghcr.io/org/app", "app", "ngin.*", "gone")


@dataclass
class Place:
    """A directory in the making: its kustomization, the files in it, and the objects it will hold."""

    directory: str
    files: dict[str, str]
    things: list[Thing] = field(default_factory=list)
    fields: Body = field(default_factory=dict)
    prefixed: tuple[str, str] = ("", "")
    """What the names of the objects have got in front and behind when this file's transformers run."""

    def add(self, draw: Draw, name: str, text: str) -> str:
        """Put a file into the directory; return the path to refer to it by."""
        end = draw(st.integers(1, 30))
        if end == 1:
            text = text.replace("\n", "\r\n")
        elif end == 2:
            text = "\ufeff" + text
        elif end == 3:
            text = text.rstrip("\n")
        path, number = name, 1
        while f"{self.directory}/{path}" in self.files:
            number += 1
            stem, dot, suffix = name.partition(".")
            path = f"{stem}{number}{dot}{suffix}"
        self.files[f"{self.directory}/{path}"] = text
        return path

    def put(self, draw: Draw, name: str, value: Any) -> str:
        """Put a value into a file of YAML."""
        return self.add(draw, name, write(value, draw(styles)))


pairs = st.dictionaries(keys, words, min_size=1, max_size=2)
_some_kind = st.sampled_from(("Deployment", "ConfigMap", "Widget", "Service"))


def _thing(draw: Draw, place: Place) -> Thing:
    return draw(st.sampled_from(place.things))


def _present_name(draw: Draw, place: Place, thing: Thing) -> Thing:
    """The object under its name of now, or more often under that of its file."""
    prefix, suffix = place.prefixed
    return thing._replace(name=f"{prefix}{thing.name}{suffix}") if draw(st.integers(1, 4)) == 1 else thing


def _selector(draw: Draw, place: Place, meant: Thing) -> Body:
    """A selector for an object; one in ten is for another."""
    thing = _present_name(draw, place, _thing(draw, place) if draw(st.integers(1, 10)) == 1 else meant)
    selector: Body = {}
    maybe(draw, selector, "kind", st.just(thing.kind), 1)
    maybe(
        draw, selector, "name", st.sampled_from((thing.name, thing.name, thing.name[:1] + ".*", "app|web")), 2
    )
    maybe(draw, selector, "group", st.just(thing.group), 6)
    maybe(draw, selector, "version", st.just(thing.version), 6)
    if thing.namespace:
        maybe(draw, selector, "namespace", st.just(thing.namespace), 3)
    maybe(
        draw,
        selector,
        "labelSelector",
        st.sampled_from(("alpha=red", "alpha", "!beta", "a-b in (red,green)")),
        8,
    )
    maybe(draw, selector, "annotationSelector", st.sampled_from(("alpha", "!alpha")), 12)
    return selector


def patch_entries(draw: Draw, place: Place) -> list[Body]:
    result = []
    for _ in range(draw(st.integers(1, 3))):
        thing = _present_name(draw, place, _thing(draw, place))
        entry: Body = {}
        if draw(st.integers(1, 3)) == 1:
            entry["target"] = _selector(draw, place, thing)
            text = patches.json_text(draw, patches.json_patch(draw, thing))
        else:
            text = patches.patch_text(draw, patches.merge_patch(draw, thing))
            if draw(st.integers(1, 3)) == 1:
                entry["target"] = _selector(draw, place, thing)
        if draw(st.booleans()):
            entry["path"] = place.add(draw, "patch.yaml", text)
        else:
            entry["patch"] = Block("|", text.rstrip("\n"))
        maybe(draw, entry, "options", st.just({"allowNameChange": True}), 10)
        result.append(entry)
    return result


def merges(draw: Draw, place: Place) -> list[Any]:
    text = patches.patch_text(
        draw, patches.merge_patch(draw, _present_name(draw, place, _thing(draw, place)))
    )
    return [Block("|-", text.rstrip("\n")) if draw(st.booleans()) else place.add(draw, "merge.yaml", text)]


def json_patches(draw: Draw, place: Place) -> list[Body]:
    thing = _thing(draw, place)
    target = {"version": thing.version, "kind": thing.kind, "name": thing.name}
    if thing.group:
        target["group"] = thing.group
    if thing.namespace:
        target["namespace"] = thing.namespace
    text = patches.json_text(draw, patches.json_patch(draw, thing))
    if draw(st.booleans()):
        return [{"target": target, "path": place.add(draw, "operations.yaml", text)}]
    return [{"target": target, "patch": Block("|", text.rstrip("\n"))}]


def replacements(draw: Draw, place: Place) -> list[Body]:
    source = _thing(draw, place)
    named = _present_name(draw, place, source)
    entry: Body = {"source": {"kind": source.kind, "name": named.name}}
    maybe(
        draw,
        entry["source"],
        "fieldPath",
        st.just(patches.field_path(draw, source, scalars=True, several=False)),
        2,
    )
    options = st.fixed_dictionaries({"delimiter": st.sampled_from("-:./"), "index": st.integers(0, 2)})
    maybe(draw, entry["source"], "options", options, 6)
    if source.namespace:
        maybe(draw, entry["source"], "namespace", st.just(source.namespace), 2)
    targets = []
    for _ in range(draw(st.integers(1, 2))):
        thing = _thing(draw, place)
        target: Body = {"select": _selector(draw, place, thing)}
        target["fieldPaths"] = [patches.field_path(draw, thing, scalars=draw(st.booleans()))]
        maybe(draw, target, "options", st.just({"create": True}), 2)
        if not embedded.leads_inside(target["fieldPaths"][0]) and draw(st.integers(1, 6)) == 1:
            # The newest kustomize splits text that holds JSON or YAML differently from kubectl's: no delimiter there.
            target["options"] = {
                "delimiter": draw(st.sampled_from("-:./")),
                "index": draw(st.integers(-1, 3)),
            }
        maybe(
            draw,
            target,
            "reject",
            st.builds(lambda kind, name: [{"kind": kind, "name": name}], _some_kind, names),
            6,
        )
        targets.append(target)
    entry["targets"] = targets
    if draw(st.integers(1, 4)) == 1:
        return [{"path": place.put(draw, "replacement.yaml", draw(st.sampled_from(([entry], entry))))}]
    return [entry]


def generators(draw: Draw, place: Place, *, secret: bool) -> list[Body]:
    result = []
    kind = "Secret" if secret else "ConfigMap"
    taken = {thing.name for thing in place.things if thing.kind == kind}
    for name in draw(st.lists(names, unique=True, min_size=1, max_size=2)):
        entry: Body = {"name": name}
        if name in taken:
            entry["behavior"] = draw(
                st.sampled_from(("merge", "merge", "merge", "replace", "replace", "create"))
            )
            there = next(thing for thing in place.things if thing.kind == kind and thing.name == name)
            entry |= {"namespace": there.namespace} if there.namespace else {}
        else:
            maybe(draw, entry, "namespace", st.sampled_from(NAMESPACES), 6)
        literal = st.sampled_from(
            ("a=1", "b=x=y", "c='quoted'", 'd="q"', "e=", "f=ünï", "alpha=$(VAR)", "g=yes")
        )
        maybe(draw, entry, "literals", st.lists(literal, unique=True, min_size=1, max_size=3), 2)
        if draw(st.integers(1, 3)) == 1:
            path = place.add(
                draw, "file.txt", draw(st.sampled_from(("text\n", "two\nlines\n", "x", "", "ünï\n" * 30)))
            )
            entry["files"] = [path if draw(st.booleans()) else f"key.cfg={path}"]
        if draw(st.integers(1, 3)) == 1:
            text = draw(
                st.sampled_from(("X=1\nY=two words\n", "# note\n\n  Z= 1\nQ='x'\n", "W\n", "V=a=b\r\n"))
            )
            entry["envs"] = [place.add(draw, "vars.env", text)]
        maybe(draw, entry, "options", options(), 4)
        if secret:
            maybe(draw, entry, "type", st.sampled_from(("Opaque", "kubernetes.io/tls")), 3)
        result.append(entry)
        if name not in taken:
            place.things.append(Thing("v1", kind, name, entry.get("namespace"), _generated(kind, entry)))
    return result


def _generated(kind: str, entry: Body) -> Body:
    data = {literal.partition("=")[0]: "value" for literal in entry.get("literals", ())}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": entry["name"]}, "data": data}


@st.composite
def options(draw: Draw) -> Body:
    result: Body = {}
    maybe(draw, result, "labels", pairs)
    maybe(draw, result, "annotations", pairs)
    maybe(draw, result, "disableNameSuffixHash", st.booleans(), 2)
    maybe(draw, result, "immutable", st.booleans(), 4)
    return result


@st.composite
def labels(draw: Draw) -> list[Body]:
    entry: Body = {"pairs": draw(pairs)}
    maybe(draw, entry, "includeSelectors", st.booleans())
    # includeVolumeClaimTemplates is newer than kubectl's kustomize.
    maybe(draw, entry, "includeTemplates", st.booleans())
    specs = st.one_of(
        st.fixed_dictionaries(
            {"path": st.sampled_from(("spec/labels", "spec/list[]/labels"))},
            optional={"kind": _some_kind, "create": st.booleans()},
        ),
        # These contradict the built-in ones unless they are created, too.
        st.sampled_from(
            ({"path": "metadata/labels", "create": True}, {"path": "spec/template/metadata/labels"})
        ),
    )
    maybe(draw, entry, "fields", st.lists(specs, min_size=1, max_size=2), 4)
    return [entry]


@st.composite
def images(draw: Draw) -> list[Body]:
    entry: Body = {"name": draw(st.sampled_from(NAMES_OF_IMAGES))}
    maybe(draw, entry, "newName", st.sampled_from(("other", "registry:5000/x/y")), 2)
    maybe(draw, entry, "newTag", st.sampled_from(("v2", "1.10", "latest")), 2)
    maybe(draw, entry, "digest", st.just("sha256:fedc"), 5)
    maybe(draw, entry, "tagSuffix", st.just("-slim"), 5)
    return [entry]


_SCALED = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")


def replicas(draw: Draw, place: Place) -> list[Body]:
    """Of an object that can be scaled; any other name is an error, which is worth a try now and then."""
    scaled = [thing.name for thing in place.things if thing.kind in _SCALED]
    if not scaled and draw(st.integers(1, 20)) > 1:
        return []
    return [{"name": draw(st.sampled_from(scaled) if scaled else names), "count": draw(st.integers(0, 5))}]


def variables(draw: Draw, place: Place) -> list[Body]:
    thing = _thing(draw, place)
    reference: Body = {"apiVersion": thing.api_version, "kind": thing.kind, "name": thing.name}
    if thing.namespace:
        reference["namespace"] = thing.namespace
    entry: Body = {"name": "VAR", "objref": reference}
    path = patches.field_path(draw, thing, scalars=True)
    if "[" not in path and "*" not in path:
        maybe(draw, entry, "fieldref", st.just({"fieldPath": path}), 2)
    return [entry]


def transformers(draw: Draw, place: Place) -> list[Any]:
    """Built-in transformers as objects, in files or inline."""
    added = {"path": "metadata/labels", "create": True}
    scaled = {"path": "spec/replicas", "create": True, "kind": "Deployment"}
    target = _selector(draw, place, _thing(draw, place))
    operation = '[{"op": "add", "path": "/metadata/labels", "value": {"patched": "1"}}]'
    choices: tuple[tuple[str, Body], ...] = (
        ("Prefix", {"prefix": "t-", "fieldSpecs": [{"path": "metadata/name"}]}),
        ("Suffix", {"suffix": "-t", "fieldSpecs": [{"path": "metadata/name", "kind": "Service"}]}),
        ("Label", {"labels": {"t": "1"}, "fieldSpecs": [added]}),
        ("Annotations", {"annotations": {"t": True}, "fieldSpecs": [{"path": "metadata/annotations"}]}),
        (
            "Namespace",
            {"metadata": {"name": "moved", "namespace": "moved"}, "unsetOnly": draw(st.booleans())},
        ),
        ("ImageTag", {"imageTag": {"name": "nginx", "newTag": "t"}}),
        ("ReplicaCount", {"replica": {"name": "app", "count": 4}, "fieldSpecs": [scaled]}),
        ("ValueAdd", {"value": "added", "targets": [{"fieldPath": "metadata/annotations/v"}]}),
        ("Patch", {"target": target, "patch": operation}),
        ("Replacement", {"replacements": replacements(draw, place)}),
    )
    kind, rest = draw(st.sampled_from(choices))
    wanted = {"apiVersion": "builtin", "kind": f"{kind}Transformer", "metadata": {"name": "x"}, **rest}
    if draw(st.booleans()):
        return [Block("|", write(wanted, Style()).rstrip("\n"))]
    return [place.put(draw, "transformer.yaml", wanted)]


_REFERRING = {"path": "spec/configName", "kind": "Widget"}
_CONFIGURATIONS: tuple[Body, ...] = (
    {"nameReference": [{"kind": "ConfigMap", "version": "v1", "fieldSpecs": [_REFERRING]}]},
    {"namePrefix": [{"path": "spec/alpha", "kind": "Widget"}], "nameSuffix": [{"path": "spec/beta"}]},
    {"namespace": [{"path": "spec/namespace", "create": True, "kind": "Widget"}]},
    {"commonLabels": [{"path": "spec/labels", "create": True, "kind": "Widget"}]},
    {"commonAnnotations": [{"path": "spec/notes", "create": True, "group": "example.com"}]},
    {"images": [{"path": "spec/containers[]/alpha", "kind": "Widget"}]},
    {"replicas": [{"path": "spec/replicas", "create": True, "kind": "Gadget"}]},
    {"varReference": [{"path": "spec/alpha", "kind": "Widget"}, {"path": "data", "kind": "ConfigMap"}]},
)


def configurations(draw: Draw, place: Place) -> list[str]:
    return [place.put(draw, "config.yaml", draw(st.sampled_from(_CONFIGURATIONS)))]


metadata_options = st.lists(
    st.sampled_from(("originAnnotations", "transformerAnnotations")), unique=True, min_size=1, max_size=2
)
sort_options = st.sampled_from(
    (
        {"order": "fifo"},
        {"order": "legacy"},
        {"order": "legacy", "legacySortOptions": {"orderFirst": ["Secret"], "orderLast": ["Namespace"]}},
    )
)
affixes = st.sampled_from(("a-", "pre-", "x"))
ENDS = ("-z", "-post")
