"""Reading line by line gives what libyaml's events give, or gives up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yaml import YAMLError
from yaml.cyaml import CParser  # type: ignore[attr-defined]

from headgate.documents.yaml.block import read_block
from headgate.documents.yaml.construct import Constructor, Malformed
from headgate.documents.yaml.known import known
from headgate.documents.yaml.scalars import resolve_v2, resolve_v3

DEPTH = 24

DEPLOYMENT = """\
# Source: chart
---
apiVersion: apps/v1
kind: Deployment  # the usual
metadata:
  name: web
  annotations:
    prometheus.io/scrape: "true"
    'kubectl.kubernetes.io/default-container': web
    note: a text of
      two lines, of

      a paragraph
    empty:
  labels: {}
spec:
  replicas: 0o2
  paused: TRUE
  template:
    spec:
      containers:
      - name: web
        image: registry.example.com/web:1.4.2
        args: ["--listen=:8080", plain, 'it', 5]
        command:
          - sh
          - -c
          - |
            set -e
            # no comment

            exec server --url=http://web#here
        env:
        - name: QUOTES
          value: 'it''s
            said'
        - {}
        - []
        -   name: ESCAPES
            value: "a \\"b\\"\\n"
            script: |-
              one
               two

      volumes:
      # none
      nodeSelector: ~
"""


def by_events(text: str, resolve: Any) -> Any:
    """What the other reader finds, as :func:`shown` shows it; None for no document, or an error's type."""
    v2 = resolve is resolve_v2
    constructor = Constructor(
        resolve,
        any_keys=v2,
        last_wins=v2,
        first_wins=False,
        drops_arrows=not v2,
        max_depth=DEPTH,
        max_copies=1000,
    )
    try:
        found = constructor.construct(CParser(text))
    except (Malformed, YAMLError) as error:
        return type(error)
    return None if found is None else shown(*found, constructor.words, braces=constructor.in_braces)


def shown(value: Any, line: int, words: Any, *, braces: bool = False) -> Any:
    """A document in a form that tells types and spellings apart."""
    places: dict[int, tuple[Any, ...]] = {}
    return spelled(value, (), places), line, [(places[id(box)], *rest) for box, *rest in words], braces


def spelled(value: Any, path: tuple[Any, ...], places: dict[int, tuple[Any, ...]]) -> Any:
    places[id(value)] = path
    if isinstance(value, dict):
        return [(type(key), key, spelled(item, (*path, key), places)) for key, item in value.items()]
    if isinstance(value, list):
        return [[spelled(item, (*path, index), places)] for index, item in enumerate(value)]
    return type(value), str(value), getattr(value, "text", None)


def by_lines(text: str, resolve: Any = resolve_v3) -> Any:
    found = read_block(text, known(resolve), DEPTH)
    return None if found is None else shown(*found)


TAKEN = [
    DEPLOYMENT,
    "a: 1\n",
    "  a: 1\n  b:\n  - 2\n",
    "- a\n-  b: 1\n   c: 2\n- 'd'\n",
    "a: b: c\n"[:4] + "\n",
    "a: x\n  y\n  # z\nb: 1\n",
    'a: "x"   # y\n',
    "a: |\n\n  x\n\n\n  y\n\n\nb: |-\n  z\n",
    "a: |\n  x\n# y\nb:\n",
    "$patch: delete\n",
    "a: 2001-01-01\nb: 1_000\nc: 0x1F\nd: -1\ne: .5\n",
    "a: {b: c, 'd': [1, {\"e\": f}], g: {}, h: null, }  # c\n",
    "- {b: 0x1F}\n- [true, 1e3]\n",
    "a: [ ]\nb: [a,b , 'c',]\n",
    "a: 'x\n\n\n  y  \n  '\n",
    '"on": on\n"true": yes\n',
    "a:\n- b:\n  - c\n  d:\n- e: f\ng: h\n",
    "\n# c\n--- # d\n\na: ü – ”x”\n",
]
"""What is taken, though it has its traps."""


@pytest.mark.parametrize("text", TAKEN)
@pytest.mark.parametrize("resolve", [resolve_v2, resolve_v3])
def test_taken(text: str, resolve: Any) -> None:
    found = by_lines(text, resolve)
    assert found is not None
    assert found == by_events(text, resolve)


LEFT = [
    "",
    "# nothing\n",
    "text\n",
    "a: &x 1\nb: *x\n",
    "<<: 1\n",
    '"<<": 1\n',
    "a: 1\na: 2\n",
    "true: 1\n",
    "8080: 1\n",
    "2001-01-01: 1\n",
    "a: .inf\n",
    "a: !!str 1\n",
    "a: {b:c}\n",
    "a: {b}\n",
    "a: {b: }\n",
    "a: {b: ~}\n",
    "a: {b: c, b: d}\n",
    "a: {<<: c}\n",
    "a: {b: c d}\n",
    "a: [b: c]\n",
    "a: {b: c},\n",
    "a: [b,, c]\n",
    "a: {b: [c}]\n",
    "a: {b: &c d}\n",
    "a: " + "[" * 9 + "]" * 9 + "\n",
    "{a: b}\n",
    "a: >-\n  b\n",
    "a: |2\n  b\n",
    'a: "\\u00e9"\n',
    'a: "b\n  c"\n',
    "a:\tb\n",
    "a: b\n\tc\n",
    "? a\n: b\n",
    "- - a\n",
    "-\n  a: b\n",
    "a: b: c\n",
    "a: b\n   c: d\n",
    "a:\n   b: 1\n  c: 2\n",
    "- a\nb: c\n",
    "a: 1\n- b\n",
    "a: b #c\n  d\n",
    "a: 'b'c\n",
    "a: [b\n",
    "a: %b\n",
    "%YAML 1.1\n---\na: b\n",
    "a: b\n...\n",
    "a: b\n---\n",
    "a: |\n  b",
    "a: \u2028b\n",
    "a: \x07\n",
    "\ufeffa: b\n",
    "".join(f"{' ' * level}a:\n" for level in range(DEPTH + 1)),
    "".join(f"{' ' * level}a:\n" for level in range(DEPTH - 4)) + " " * DEPTH + "b: {c: d}\n",
    f"{'a' * 1100}: b\n",
]
"""What is left to libyaml."""


@pytest.mark.parametrize("text", LEFT)
def test_left(text: str) -> None:
    assert by_lines(text) is None


_SCALARS = [
    "a", "b c", "x: y", "x:", "x #y", "x#y", "# x", "'x'", "'x", "x'", "'it''s'", '"x"', '"x', '"a\\nb"', '"\\x41"',
    "1", "-1", "- 1", "0x1F", "1.50", "1e3", ".5", "2001-01-01", "true", "TRUE", "yes", "null", "~", "", " ", "  ",
    "|", "|-", "|+", "|2", ">", ">-", "{}", "{a: b}", "{ a: 'b', \"c\": [1] }", "{a: yes}", "{a:}",
    "{a: {b: c}, a: d}", "[]", "[a, 'b']", "[a,", "[true, 1, ]", "&x y", "*x", "!!str 1",
    "<<", "...", "---", "%x", "@x", "`x`", "a\\b", "http://x:80/#y", "ü", "\t", "x\ty", "\u2028", "-", "?", ":", ":x",
    "-x", "$x", "(x)", "x,", "=", "<x",
]  # fmt: skip
_KEYS = [
    "",
    "a:",
    "b:",
    "b-c/d.e:",
    "'q':",
    '"r":',
    "on:",
    "1:",
    "$patch:",
    "a :",
    "<<:",
    "- ",
    "-  ",
    "- a:",
    "- - ",
]
_lines = st.builds(
    lambda indent, key, value, gap, end: " " * indent + key + gap * (key != "") + value + end,
    st.integers(0, 5),
    st.sampled_from(_KEYS),
    st.sampled_from(_SCALARS),
    st.sampled_from([" ", "", "  "]),
    st.sampled_from(["", "", "", " ", " # c", "#c"]),
)


@given(st.lists(_lines, min_size=1, max_size=7), st.sampled_from(["\n", "\n", ""]))
def test_never_anything_else(lines: list[str], end: str) -> None:
    text = "\n".join(lines) + end
    for resolve in (resolve_v3, resolve_v2):
        found = by_lines(text, resolve)
        assert found is None or found == by_events(text, resolve)


_good = st.recursive(
    st.sampled_from(["a", "b c", "'x y'", '"x"', "1.50", "TRUE", "~", "", "[a, 1]", "{}", "x:y"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3), st.dictionaries(st.sampled_from("abcd"), inner)
    ),
    max_leaves=12,
)


def written(value: Any, indent: int, compact: bool) -> str:
    """A value as block YAML, behind a key or a dash."""
    blanks = " " * indent
    if isinstance(value, dict) and value:
        rows = [f"{blanks}{key}:{written(item, indent + 2, compact)}" for key, item in value.items()]
    elif isinstance(value, list):
        blanks = blanks[2:] if compact else blanks
        rows = [
            f"{blanks}- " + (written(item, len(blanks) + 2, compact).lstrip("\n ") or "{}\n")
            for item in value
            if not isinstance(item, list)
        ] or [f"{blanks}- x\n"]
    else:
        return f" {value or '{}'}\n" if value != "" else "\n"
    return "\n" + "".join(rows)


@given(_good.filter(lambda value: isinstance(value, dict) and value), st.booleans())
def test_well_formed_documents_are_taken(value: Any, compact: bool) -> None:
    text = written(value, 0, compact).lstrip("\n")
    found = by_lines(text)
    assert found is not None
    assert found == by_events(text, resolve_v3)


@pytest.mark.parametrize(
    "text",
    [
        "a: b" + " " * 100_000 + ": ",
        "a: '" + "''" * 100_000,
        "a: 'x\n" + " \n" * 100_000,
        "a: " + "b:" * 100_000 + " ",
    ],
)
def test_hostile_lines_cost_no_more_than_their_length(text: str) -> None:
    # With quantifiers that give back what they took this does not end before the test is given up.
    assert by_lines(text) is None
