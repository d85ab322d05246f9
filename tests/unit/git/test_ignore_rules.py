"""What artifacts exclude: Flux's defaults, .sourceignore files, spec.ignore."""

from __future__ import annotations

import pytest

from headgate.git.errors import IgnoreInvalid
from headgate.git.tree.ignore import IgnoreRules


def ignored(rules: IgnoreRules, *paths: str) -> set[str]:
    """The excluded paths; one that ends in a slash is a directory."""
    return {p for p in paths if rules.ignores(p.removesuffix("/"), is_directory=p.endswith("/"))}


DEFAULT_PATHS = (
    *("a.jpg", "x/b.jpeg", "c.gif", "d.png", "e.wmv", "f.flv", "g.tar.gz", "h.zip"),
    *(".github/workflows/x.yml", ".circleci/config.yml", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml"),
    *(".drone.yml", "cloudbuild.yaml", "codeship-services.yml", "codeship-steps.yml"),
    *("x/.goreleaser.yml", ".sops.yaml", "x/y/.flux.yaml"),
)
VERSION_CONTROL_PATHS = (".git/config", ".gitignore", "x/.gitmodules", "x/.gitattributes")
KEPT = ("kustomization.yaml", "x/sops.yaml", "README.md", "x/jpg", "a.tar", "image.jpg.txt", ".sourceignore")


def test_defaults() -> None:
    everything = DEFAULT_PATHS + VERSION_CONTROL_PATHS
    assert ignored(IgnoreRules(), *everything, *KEPT) == set(everything)


@pytest.mark.parametrize(
    "rules",
    [IgnoreRules(spec_ignore="nothing.txt"), IgnoreRules({"": "nothing.txt"}), IgnoreRules({"x": "n"})],
)
def test_any_rule_replaces_the_defaults_but_those_for_version_control(rules: IgnoreRules) -> None:
    assert ignored(rules, *DEFAULT_PATHS, *VERSION_CONTROL_PATHS) == set(VERSION_CONTROL_PATHS)


def test_comments_and_blank_lines_alone_leave_the_defaults() -> None:
    assert ignored(IgnoreRules({"": "# nothing\n\n  \n"}, ""), "a.jpg") == {"a.jpg"}


def test_version_control_files_can_be_brought_back() -> None:
    assert ignored(IgnoreRules(spec_ignore="!.gitignore"), ".gitignore", ".gitmodules") == {".gitmodules"}


def test_sourceignore_counts_from_its_directory_down() -> None:
    rules = IgnoreRules({"": "*.md", "apps": "/local\n!KEEP.md", "apps/deep": "*.txt"})
    paths = (
        "a.md",
        "apps/b.md",
        "apps/KEEP.md",
        "KEEP.md",
        "apps/local/x",
        "local/x",
        "apps/deep/c.txt",
        "c.txt",
    )
    assert ignored(rules, *paths) == {"a.md", "apps/b.md", "KEEP.md", "apps/local/x", "apps/deep/c.txt"}


def test_spec_wins_over_every_sourceignore() -> None:
    rules = IgnoreRules({"": "a.txt", "x": "b.txt\n!c.txt"}, "!a.txt\n!x/b.txt\nc.txt")
    assert ignored(rules, "a.txt", "x/b.txt", "x/c.txt") == {"x/c.txt"}


def test_all_but_one_directory() -> None:
    rules = IgnoreRules(spec_ignore="/*\n!/deploy\n!/charts/app")
    paths = ("src/main.go", "README.md", "deploy/a.yaml", "deploy/b/c.yaml", "charts/app/x", "charts/other/y")
    assert ignored(rules, *paths) == {"src/main.go", "README.md", "charts/other/y"}


# prose: off: patterns and paths
@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("name", "name x/name name/x x/name/y", "names x/aname"),
        ("name/", "name/x x/name/y name/", "name x/name"),
        ("/name", "name name/x", "x/name"),
        ("a/b", "a/b a/b/c", "x/a/b a/c"),
        ("**/b", "b a/b x/y/b/z", "ab"),
        ("a/**/b", "a/b a/x/b a/x/y/b/c", "x/a/b"),
        ("a/**", "a/x a/x/y", "b"),
        ("**", "a a/b", ""),
        ("/**", "", "a a/b"),
        ("a/x**/b", "", "a/xy/b a/x/b"),
        ("*.yaml", "a.yaml x/b.yaml", "a.yml"),
        ("a?c", "abc aéc", "ac a/c"),
        ("[ab].txt", "a.txt b.txt", "c.txt"),
        ("[^ab].txt", "c.txt", "a.txt"),
        ("[!ab].txt", "!.txt a.txt", "c.txt"),
        ("[a-c]x", "ax bx", "dx"),
        (r"\#name", "#name", "name"),
        (r"a\*", "a*", "ab"),
        ("[a", "", "[a a"),
        ("a\\", "", "a"),
        ("trailing   ", "trailing", "trailing   "),
    ],
)
# prose: on
def test_patterns(pattern: str, inside: str, outside: str) -> None:
    rules = IgnoreRules(spec_ignore=pattern)
    assert ignored(rules, *inside.split()) == set(inside.split())
    others = [outside] if outside.startswith("trailing") else outside.split()
    assert ignored(rules, *others) == set()


def test_windows_line_ends() -> None:
    assert ignored(IgnoreRules(spec_ignore="a.txt\r\nb.txt\r\n"), "a.txt", "b.txt") == {"a.txt", "b.txt"}


def test_the_last_rule_that_matches_decides() -> None:
    rules = IgnoreRules(spec_ignore="*.txt\n!keep.txt\nx/keep.txt")
    assert ignored(rules, "a.txt", "keep.txt", "x/keep.txt") == {"a.txt", "x/keep.txt"}


def test_too_many_rules() -> None:
    with pytest.raises(IgnoreInvalid, match="more than 2000") as error:
        IgnoreRules({"": "a\n" * 2001})
    assert error.value.reason == "SourceIgnoreError"


def test_a_pattern_of_many_stars_does_not_backtrack() -> None:
    # With an expression that backtracks this would not end.
    assert ignored(IgnoreRules(spec_ignore="*a" * 60 + "b"), "a" * 200) == set()
