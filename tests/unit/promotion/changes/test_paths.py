"""Paths of fields as text, and patterns of ``expect``."""

from __future__ import annotations

import pytest

from headgate.promotion.changes.paths import Element, Pattern, text_of

APP = Element((("name", "app"),))
IMAGE = ("spec", "template", "spec", "containers", APP, "image")


def test_a_path_is_written_as_api_servers_write_it() -> None:
    assert text_of(IMAGE) == "spec.template.spec.containers[name=app].image"
    assert text_of(("metadata", "labels", "a.b/c")) == "metadata.labels[a.b/c]"
    assert text_of(("a", Element(index=3), Element((("", "x"),)))) == "a[3][x]"


@pytest.mark.parametrize(
    "pattern",
    [
        "Deployment:spec.template.spec.containers[name=app].image",
        "Deployment:spec.template.spec.containers[].image",
        "Deployment:spec.template.spec.containers[*].image",
        "Deployment:spec.template.spec.containers.*.image",
        "Deployment:spec.template",
        "Deployment:**.image",
        "Deployment:spec.**.containers",
        "Deployment:spec.**.**.image",
        "Deployment:**",
        "Deploy*:spec",
        "*:spec.temp*",
        "Deployment",
    ],
)
def test_a_pattern_covers_a_field_and_all_below_it(pattern: str) -> None:
    assert Pattern.parse(pattern).covers("Deployment", IMAGE)


@pytest.mark.parametrize(
    "pattern",
    [
        "StatefulSet:spec",
        "Deployment:spec.replicas",
        "Deployment:spec.template.spec.containers[name=other].image",
        "Deployment:*.image",
        "Deployment:image",
        "Deployment:**.images",
        "Deployment:spec.template.spec.containers[].image.more",
        "Deployment:**.template.image",
    ],
)
def test_a_pattern_covers_nothing_else(pattern: str) -> None:
    assert not Pattern.parse(pattern).covers("Deployment", IMAGE)


def test_keys_with_dots_are_written_in_brackets_or_escaped() -> None:
    path = ("metadata", "annotations", "example.com/owner")
    assert Pattern.parse("*:metadata.annotations[example.com/owner]").covers("X", path)
    assert Pattern.parse(r"*:metadata.annotations.example\.com/owner").covers("X", path)
    assert not Pattern.parse("*:metadata.annotations.example.com/owner").covers("X", path)


def test_a_pattern_without_a_path_covers_whole_objects() -> None:
    assert Pattern.parse("Ingress").covers_object("Ingress")
    assert Pattern.parse("Ingress:**").covers_object("Ingress")
    assert not Pattern.parse("Ingress:*").covers_object("Ingress")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "names no kind"),
        (":spec", "names no kind"),
        (" Deployment:spec", "names no kind"),
        ("Deployment:", "names no field"),
        ("Deployment:.spec", "not a path"),
        ("Deployment:spec..x", "not a path"),
        ("Deployment:spec.", "not a path|ends with a dot"),
        ("Deployment:spec[", "not a path"),
        ("Deployment:spec[a", "not a path"),
        ("Deployment:" + "a." * 100 + "a", "more than 64 steps"),
        ("Deployment:" + "a" * 2000, "longer than"),
    ],
)
def test_a_malformed_pattern_is_refused_with_the_cause(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pattern.parse(pattern)


def test_a_hostile_pattern_costs_time_that_follows_from_its_length() -> None:
    pattern = Pattern.parse("*:" + ".".join(["**.a"] * 30) + ".b")
    assert not pattern.covers("X", ("a",) * 5000)
    assert not Pattern.parse("*:" + "*a" * 300 + "b").covers("X", ("a" * 5000,))
