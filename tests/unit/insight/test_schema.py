"""The documents follow docs/reference/insight.schema.json."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from headgate.insight import Fleet, Link, Ref, chain_of, explain
from headgate.insight.as_json import status_document, tree_document, why_document
from headgate.insight.tree import tree_of
from headgate.insight.values import Relation, State
from tests.support.schemas import check
from tests.unit.insight.objects import BUILD_FAILED, READY, condition, ks, repo, waits_for
from tests.unit.insight.test_flux_statuses import FOLDER, recorded

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "reference" / "insight.schema.json").read_text())
FLEETS = [
    Fleet.of([]),
    Fleet.of(
        [
            repo(),
            ks("a", BUILD_FAILED),
            ks("b", waits_for("a"), needs=("a",)),
            ks("c", waits_for("d"), needs=("d",)),
            ks("d", waits_for("c"), needs=("c",)),
            ks("e", waits_for("ghost"), needs=("ghost",)),
            ks("f", READY, suspend=True),
            ks("g"),
            ks("h", condition("Ready", "False", "ArtifactFailed"), source="gone"),
        ],
        unread={"Bucket": "forbidden"},
    ),
    *(Fleet.of(recorded(path.stem)) for path in sorted(FOLDER.glob("*.json"))),
]


@pytest.mark.parametrize("fleet", FLEETS)
def test_documents_follow_the_schema(fleet: Fleet) -> None:
    report = explain(fleet)
    pod = Link(Relation.POD, Ref("Pod", "shop", "a-1"), "Pending", "ImagePullBackOff", "x")
    causes = tuple(replace(each, objects=(pod,)) for each in report.causes)
    documents = [
        status_document(report),
        why_document(causes, report.notes),
        tree_document(tree_of(fleet, report), report.notes),
        *(
            why_document(causes, (), verdict, chain_of(fleet, report, verdict.ref))
            for verdict in report.verdicts
        ),
    ]
    for document in documents:
        check(document, SCHEMA["$defs"][document["kind"].lower()], SCHEMA)


def test_the_schema_knows_all_states_and_refuses_others() -> None:
    assert SCHEMA["$defs"]["verdict"]["properties"]["state"]["enum"] == [each.value for each in State]
    document = status_document(explain(FLEETS[1]))
    document["objects"][0]["state"] = "odd"
    with pytest.raises(AssertionError):
        check(document, SCHEMA["$defs"]["status"], SCHEMA)
