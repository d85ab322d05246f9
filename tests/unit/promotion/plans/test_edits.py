"""Edits of single values keep every other byte of a file, whatever its style."""

from __future__ import annotations

import pytest
import yaml

from headgate.promotion.errors import PromotionError
from headgate.promotion.plans.edits import copied, find, pinned, replaced

IMAGES = """\
# the apps of staging
resources: [../base] # not ours
images:
  - name: my-app   # the app
    newTag: {tag}
  - {{newTag: "2.0", name: redis}}
  - newName: other
"""


def edit(content: str, path: str, value: str) -> str:
    found = find(content.encode(), path, "f.yaml")
    changes = [(each, value, "!!str") for each in found]
    return replaced(content.encode(), changes, "f.yaml").decode()


STYLES = [
    ("a: b # c\n", "x", "a: x # c\n"),
    ("a: b # c\n", "1.10", 'a: "1.10" # c\n'),
    ("a: b\n", "true", 'a: "true"\n'),
    ("a: b\n", "x: y", 'a: "x: y"\n'),
    ("a: 'b'\n", "it's", "a: 'it''s'\n"),
    ('a: "b"\n', 'x"y', 'a: "x\\"y"\n'),
    ("{a: b}\n", "x,y", '{a: "x,y"}\n'),
    ("a:   b   \r\nc: d\r\n", "x", "a:   x   \r\nc: d\r\n"),
    ("ä: ö\na: b # ü\n", "é", "ä: ö\na: é # ü\n"),
    ("\ufeffa: b\n", "x", "\ufeffa: x\n"),
    ("a: b", "x", "a: x"),
]


@pytest.mark.parametrize(("before", "value", "after"), STYLES)
def test_a_value_is_written_in_the_style_of_the_old_one(before: str, value: str, after: str) -> None:
    assert edit(before, "a", value) == after
    assert yaml.safe_load(after)["a"] == value


def test_fields_are_paired_by_the_names_of_their_entries() -> None:
    staging = find(IMAGES.format(tag="6.8.0").encode(), "images[].newTag", "s.yaml")
    old = IMAGES.format(tag="'6.7.1'")
    production = find(old.encode(), "images[].newTag", "p.yaml")
    assert [each.path for each in production] == ["images[name=my-app].newTag", "images[name=redis].newTag"]
    pairs = copied(staging, production)
    assert [(new.value, was.value, was.path) for new, was in pairs] == [
        ("6.8.0", "6.7.1", "images[name=my-app].newTag")
    ]
    changes = [(was, new.value, new.node.tag) for new, was in pairs]
    assert replaced(old.encode(), changes, "p.yaml").decode() == IMAGES.format(tag="'6.8.0'")


def test_numbers_stay_numbers_and_texts_stay_texts() -> None:
    for before, after, wanted in [("3", "5", 5), ('"3"', '"5"', "5"), ("3", '"5"', "5"), ('"3"', "5", 5)]:
        new = find(f"replicas: {after}\n".encode(), "replicas", "s")
        old = find(f"replicas: {before} # x\n".encode(), "replicas", "p")
        pairs = [(was, to.value, to.node.tag) for to, was in copied(new, old)]
        text = replaced(f"replicas: {before} # x\n".encode(), pairs, "p").decode()
        assert yaml.safe_load(text) == {"replicas": wanted}
        assert text.endswith(" # x\n")


def test_a_pin_is_found_in_its_document() -> None:
    content = b"""kind: Namespace
metadata: {name: flux-system}
---
kind: GitRepository
metadata:
  name: other
spec: {ref: {tag: 1.0.0}}
---
kind: GitRepository
metadata:
  name: flux-system
  namespace: flux-system
spec:
  ref:
    tag: v1.3.0 # production
"""
    found = pinned(content, "f.yaml", "flux-system", "flux-system", "tag")
    assert found is not None
    after = replaced(content, [(found, "v1.4.0", "!!str")], "f.yaml")
    assert after == content.replace(b"v1.3.0", b"v1.4.0")
    assert pinned(content, "f.yaml", "flux-system", "flux-system", "commit") is None
    assert pinned(content, "f.yaml", "elsewhere", "flux-system", "tag") is None


REFUSED = {
    "a Secret": ("kind: Secret\nstringData: {a: b}\n", "stringData.a", "holds a Secret"),
    "a generator of Secrets": (
        "secretGenerator: [{name: x, literals: [a=b]}]\n",
        "secretGenerator[].literals[]",
        "leads to a Secret",
    ),
    "an encrypted file": ("a: ENC[AES256_GCM,data:x]\nsops: {mac: x}\n", "a", "encrypted"),
    "aliases": ("a: &x b\nc: *x\n", "a", "anchor or alias"),
    "a text of several lines": ("a: |\n  b\n  c\n", "a", "several lines"),
    "no YAML": ("a: [\n", "a", "f.yaml:2: is not valid YAML"),
    "not UTF-8": (b"a: \xff\n", "a", "not UTF-8"),
    "too large": ("a: b\n" + "#" * (1 << 20), "a", "larger than"),
    "nested too deeply": ("a: " + "[" * 1000 + "]" * 1000, "a", "f.yaml:1"),
    "no path": ("a: b\n", "a..b", "not a path"),
    "another bad path": ("a: b\n", "a[", "not a path"),
}


@pytest.mark.parametrize(("content", "path", "message"), REFUSED.values(), ids=REFUSED)
def test_what_a_promotion_does_not_edit(content: str | bytes, path: str, message: str) -> None:
    raw = content.encode() if isinstance(content, str) else content
    with pytest.raises(PromotionError, match=message):
        replaced(raw, [(each, "x", "!!str") for each in find(raw, path, "f.yaml")], "f.yaml")


def test_a_path_that_selects_nothing_selects_nothing() -> None:
    for path in ("b", "a.b", "a[]", "a[name=x].y", "c[].d"):
        assert find(b"a: b\nc: [{d: {}}]\n", path, "f.yaml") == []
