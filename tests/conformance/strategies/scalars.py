"""Odd scalars: everything that some YAML reader takes for something else than it looks like."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.conformance.strategies.text import Block, Raw

# One after the other; a blank within is written \s.
_ODD = r"""
yes no on off y n Yes TRUE true False ~ null Null 0 -0 +5 7 017 0o17 08 0x1F 0b101 1_000 1e3 1E3
1.10 1.0 -1.5 .5 5. 1e-7 1e21 123456789012 9223372036854775807 9223372036854775808
18446744073709551616 1:30 1.2.3 v1 2020-01-01 2020-01-01T00:00:00Z 2020-13-01 !!str\s5 !!int\s"5"
!!float\s3 !!binary\saGVsbG8= "yes" 'true' "1" '1.10' "null" "~" "0x1" "1e3" "2020-01-01" "" ''
'it''s' "a:\sb" "a\s#b" "\sa" "a\s" "-\sa" "*a" "&a" "!a" "%a" "@a" "`a" "{a}" "[a]" "a,b" ünï "☃"
"😀" "a\tb" "a\nb" "a\n" "\x00" "\e" "\u2028" "\xa0" = "<<" "?" "a'b" 'a"b' "\\" $(VAR) "${VAR}"
"{{x}}"
""".split()  # noqa: SIM905


def _read(word: str) -> str:
    return word.replace("\\s", " ")


odd = st.sampled_from(tuple(Raw(_read(word)) for word in _ODD))
quoted = st.sampled_from(tuple(Raw(_read(word)) for word in _ODD if word[0] in "\"'"))

_TEXT = (
    "one",
    "one\ntwo",
    "one\n\n  two\nthree",
    "trailing \nblank",
    "key: value\nother: [1, 2]",
    "# no comment\n\ttab",
    "ünï ☃\nnext",
    "a line that is so very long that any printer of YAML which folds lines at eighty columns would fold it here\nnext",
)
blocks = st.builds(Block, st.sampled_from(("|", "|-", "|+", ">", ">-")), st.sampled_from(_TEXT))
words = st.sampled_from(("red", "green", "blue", "a-b", "x1"))
texts = st.one_of(words, words, quoted, blocks)
anything = st.one_of(words, odd, odd, blocks, st.integers(-3, 300), st.booleans(), st.none())

# Keys whose order go-yaml decides the same way each time: its comparison of digits with letters has circles.
KEYS = ("alpha", "beta", "Gamma", "app.kubernetes.io/name", "_x", "a-b", "a.b", "k1", "k2", "k10", "ü")
keys = st.sampled_from(KEYS)
