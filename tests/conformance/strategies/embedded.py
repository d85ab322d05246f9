"""JSON and YAML within text, and paths into it: what replacements may reach into."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from tests.conformance.strategies.text import Block

_JSON = (
    '{"a":{"b":"x","n":1.50,"t":true},"l":["q",{"name":"one","v":1}],"u":"<ünï&>","e":null}',
    '{\n    "l": [{"name": "one", "v": 1e-7}, 2],\n    "a": {"t": false, "n": 10000000000000000000000, "b": ""}\n}',
    '[{"name": "one", "v": "1"}, {"name": "two"}]',
    "{b: x, a: {n: 0x10, b: yes}, l: []}",
)
# prose: off
_YAML = (
    "z: 1\na:\n  # above\n  b: x  # behind\n  n: 1.50\n\n  # below\n\nl:\n    - 'q'\n    - name: one\n      v: 0x10\n",
    "# first\n\na: {b: x, n: 1e3,   t: yes}\nl: [1, {name: one, v: 2020-01-01}]\ne:\nu: |-\n  some\n   text\n",
    '---\na:\n  b: &x >\n    folded\n    text\n\n  n: ~\nl:\n- name: one\n  v: *x\n- "two"\n# last\n',
    "- name: one  # c\n  v: !!str 5\n- name: two\n",
)
# prose: on
_PATHS = (
    "a.b",
    "a.b",
    "a.n",
    "a.t",
    "a.new",
    "a",
    "l.0",
    "l.1",
    "l.[name=one].v",
    "0.v",
    "[name=two].v",
    "l.*",
    "e",
    "z",
)

texts = st.builds(Block, st.sampled_from(("|", "|-", "|+")), st.sampled_from((*_JSON, *_YAML)))
paths = st.sampled_from(_PATHS)
KEY = "config"


def leads_inside(path: str) -> bool:
    """Whether a path may lead into such a text."""
    return re.search(rf"\.{KEY}\.", path) is not None
