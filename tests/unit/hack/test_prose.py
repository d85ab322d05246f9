"""hack/prose.py finds phrases in prose, says where and what to write, and reads no code."""

from __future__ import annotations

from pathlib import Path

import pytest

import prose

# prose: off: these are examples

ON = " ".join(("#", "prose:", "on"))
"""Composed, because it would end the exemption of this file."""
STYLE = prose.load(
    r"""
phrases:
  - find: '(is|are) told'
    write: '"reports"'
    why: active voice
  - find: 'visits?'
    write: '"reconcile"'
    why: the glossary
  - find: '(?-i:([a-z]+) \1)'
    write: the word once
    why: a doubled word
allowed: [the object is told by Flux]
"""
)


def found(text: str, name: str = "page.md") -> list[str]:
    """``line:column words`` of each phrase."""
    read = prose.reader(Path(name))
    assert read is not None
    masked = prose.masked(text, read)
    assert len(masked) == len(text), "offsets of the masked text are those of the text"
    places = ((*prose.position(text, each.offset), each.words) for each in prose.findings(masked, STYLE))
    return [f"{line}:{column} {words}" for line, column, words in places]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is told.", ["1:4 is told"]),
        ("One\n\nAre  Told, and a visit.\n", ["3:1 Are Told", "3:18 visit"]),
        ("it is\n  told\n", ["1:4 is told"]),
        ("it is\n\ntold\n", []),
        ("visited, revisit", []),
        ("the the", ["1:1 the the"]),
        ("# Drift drift\nDrift is told\n", ["2:7 is told"]),
        ("# all told\ntold\n", []),
        ("| a | a |\n|---|---|\n| is | told |\n| visit | b |\n", ["4:3 visit"]),
        ("[a visit](visit.md#visit) and https://example.org/visit/ end", ["1:4 visit"]),
        ("`visit`, ``a ` visit``, the `x` the", []),
        ("a\n```\nvisit\n```\nvisit\n", ["5:1 visit"]),
        ("1. a\n   ```yaml\n   visit: `\n   ```\n2. visit `x`\n", ["5:4 visit"]),
        ("```\nvisit, never closed", []),
        ('do not write "visit"; visit', ["1:23 visit"]),
        ("<!-- prose: off -->\nvisit\n<!-- prose: on -->\nvisit\n<!-- visit -->\n", ["4:1 visit"]),
        ("the object is\ntold by Flux, the object is told by us", ["2:26 is told"]),
    ],
)
def test_markdown(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# It is\n# told.\nvisit: 1  # a visit\n", ["1:6 is told", "3:15 visit"]),
        ("# It is\n\n# told.\n# It is\nkey: value\n# told.\n", []),
        ("  # It is\n  # told.\n  # `visit`\n", ["1:8 is told"]),
        ("url: http://a#visit\n#visit is commented out\n", []),
        ("# not the end of the\n# the line\n", ["1:18 the the"]),
    ],
)
def test_comments(text: str, expected: list[str]) -> None:
    assert found(text, "deploy/a.yaml") == expected


def test_targets_of_a_makefile_explain_themselves_in_comments() -> None:
    assert found("visit: venv ## Visit all\n\techo visit\n", "Makefile") == ["1:16 Visit"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"""It is\ntold."""\n', ["1:7 is told"]),
        ("visit = 1  # a visit\n", ["1:16 visit"]),
        ('raise Error("it is "\n            f"told {visit} visit")\n', ["1:17 is told", "2:28 visit"]),
        ('f(" is", "told")\n', []),
        ('"""See :func:`visit`, ``visit`` and `visit`."""\n', []),
        ("# It is\n# told.\n", ["1:6 is told"]),
        ("def visits() -> None:\n    pass\n", []),
        ("text = r'a visit' + '''visit'''\n", ["1:12 visit", "1:24 visit"]),
        (
            f"a = 'visit'  # prose: off: a quotation\nb = 'visit'\n{ON}\nc = 'visit'\n",
            ["1:6 visit", "4:6 visit"],
        ),
        ("x = f'{f(1)} and the {f(2)} the'\n", []),
    ],
)
def test_python(text: str, expected: list[str]) -> None:
    assert found(text, "module.py") == expected


def test_a_report_has_place_words_and_advice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("All is well.\nUsers are told twice.\n")
    assert prose.main([str(page)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{page}:2:7: are told: write who reports it")
    page.write_text("All is well.\n")
    assert prose.main([str(page)]) == 0
    assert capsys.readouterr().out == ""


def test_files_of_other_kinds_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        prose.main([str(tmp_path / "picture.png")])
    assert end.value.code == 2


@pytest.mark.parametrize(
    "text", ["phrases: 1", "- a", "phrases: [{find: '(', write: a, why: b}]", "phrases: [{find: a}]", "{"]
)
def test_a_malformed_style_is_an_error(text: str) -> None:
    with pytest.raises(prose.StyleError):
        prose.load(text)


WORST = [
    "is no mapping",
    "are no text",
    "are told",
    "is told",
    "it goes by name",
    "they go by name",
    "has it that",
    "a lock of its own",
    "a lock of its own and a key",
]


@pytest.mark.parametrize("text", WORST)
def test_the_worst_habits_are_among_the_phrases(text: str) -> None:
    assert prose.findings(text, prose.load(prose.STYLE.read_text()))


def test_the_documents_are_checked() -> None:
    names = {path.relative_to(prose.ROOT).as_posix() for path in prose.default_files(code=False)}
    assert {
        "README.md",
        "docs/glossary.md",
        "docs/guide/health.md",
        "deploy/base/deployment.yaml",
        "Makefile",
    } <= names
    assert not any(name.endswith(".py") for name in names)
    assert any(path.suffix == ".py" for path in prose.default_files(code=True))


def test_a_folder_means_all_its_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert prose.main([str(prose.ROOT / "docs" / "guide")]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "Flux's API",
        "it had had a lock",
        "it is no longer there",
        "is not a mapping",
        "there is no route, there are no credentials",
        "the definition of its own kind",
        "retold",
        "a loyal comet goes",
    ],
)
def test_ordinary_words_are_not(text: str) -> None:
    assert prose.findings(text, prose.load(prose.STYLE.read_text())) == []
