"""Pages of statuses that Flux has written say what ``headgate why`` says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headgate.insight.as_json import as_cause
from headgate.page.knowledge import Snapshot
from headgate.page.views import view_of
from headgate.page.views.kustomization import KustomizationView
from headgate.page.views.links import address
from headgate.page.views.overview import Overview
from headgate.page.views.source import SourceView

FOLDER = Path(__file__).resolve().parents[3] / "data" / "flux-statuses"
SCENARIOS = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_page_of_each_object_shows_its_root_cause(scenario: str) -> None:
    snapshot = Snapshot.of(json.loads((FOLDER / f"{scenario}.json").read_text()))
    assert snapshot.report.verdicts
    for verdict in snapshot.report.verdicts:
        page = view_of(snapshot, address(verdict.ref), {})
        assert page is not None
        body = page.body
        assert isinstance(body, KustomizationView | SourceView)
        assert body.me.badge is not None
        assert body.me.badge.look == verdict.state.value
        expected = None if verdict.state.is_good else snapshot.report.cause_of(verdict.ref)
        if expected is None:
            assert body.cause is None
            continue
        said = as_cause(expected)
        assert body.cause is not None
        assert body.cause.root.ref == expected.root
        assert (body.cause.message, body.cause.remedy) == (said["message"], said["remedy"])
        file = said["file"]
        assert body.cause.file.split(":")[0] == (file["path"] if file else "")
        assert len(body.cause.blocked) == said["blocks"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_list_has_the_root_causes_of_the_report(scenario: str) -> None:
    snapshot = Snapshot.of(json.loads((FOLDER / f"{scenario}.json").read_text()))
    page = view_of(snapshot, "/", {})
    assert page is not None
    assert isinstance(page.body, Overview)
    expected = [each.root for each in snapshot.report.causes if each.is_failure]
    assert [each.root.ref for each in page.body.causes] == expected
