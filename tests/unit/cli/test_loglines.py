"""Lines of the operator's log, of Flux's controllers, and of anybody else."""

from __future__ import annotations

import logging

import pytest

from headgate.cli.cluster.loglines import parse_line
from headgate.cli.logs import JsonFormatter
from headgate.subject import Subject, reconciling

FLUX = (
    '{"level":"error","ts":"2026-11-30T10:00:00.000Z","msg":"Reconciliation failed after 1s",'
    '"controller":"kustomization",'
    '"controllerKind":"Kustomization","Kustomization":{"name":"web","namespace":"apps"},"namespace":"apps",'
    '"name":"web","error":"build failed"}'
)


def test_a_line_of_flux_and_one_of_headgate_read_alike() -> None:
    flux = parse_line(FLUX)
    assert flux.is_about("kustomization", "apps", "web")
    assert flux.text.endswith("error Kustomization/apps/web Reconciliation failed after 1s: build failed")
    record = logging.LogRecord("headgate", logging.WARNING, "", 1, "applied", None, None)
    with reconciling(Subject("kustomization", "Kustomization", "apps", "web")):
        ours = parse_line(JsonFormatter().format(record))
    assert ours.is_about("Kustomization", "apps", "web")
    assert ours.level == "warning"


@pytest.mark.parametrize(
    ("line", "level", "shown"),
    [
        ('{"level":"info"}', "warning", False),
        ('{"level":"warning"}', "warning", True),
        ('{"level":"error"}', "warning", True),
        ('{"level":"debug"}', "info", False),
        ("no JSON", "info", True),
        ("no JSON", "error", False),
        ('{"level":7}', None, True),
    ],
)
def test_levels(line: str, level: str | None, shown: bool) -> None:
    assert parse_line(line).is_at_least(level) is shown


@pytest.mark.parametrize(
    "line", ["", "{", "[1]", "{}", "null", '{"msg": {}}', "{" * 100_000, '{"a":' * 50_000]
)
def test_no_line_breaks_it(line: str) -> None:
    assert not parse_line(line).is_about("Kustomization", "apps", "web")
