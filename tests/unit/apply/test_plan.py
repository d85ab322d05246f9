"""Which request each object of a stage needs, depending on its cached state."""

from typing import Any

import pytest

from headgate.apply import Action, ApplyOptions, KnownState, Owner
from headgate.apply.fields.ignore import CompiledIgnoreRule
from headgate.apply.server_side.plan import may_send_alone, plan, without_needless_question
from headgate.apply.server_side.steps import Desired, Done, ToAsk, ToSendAlone
from headgate.kube import ObjectRef

PREFIX = "kustomize.toolkit.fluxcd.io"
REF = ObjectRef("v1", "ConfigMap", "x", "ns")
OPTIONS = ApplyOptions(Owner("apps", "ns"))
FULL = ApplyOptions(Owner("apps", "ns"), full=True)
UNCHANGED, SKIPPED = Done(REF, Action.UNCHANGED, "uid"), Done(REF, Action.SKIPPED, "uid")


def desired(digest: bytes = b"same", *, rules: tuple[CompiledIgnoreRule, ...] = (), **meta: Any) -> Desired:
    return Desired(REF, {"metadata": {"name": "x", **meta}}, digest, rules)


def known(*, in_place: bool = True, outcome: Action = Action.UNCHANGED) -> KnownState:
    return KnownState(b"same", "uid", "7", b"print", in_place, outcome)


@pytest.mark.parametrize(
    ("annotations", "state", "digest", "options", "expected"),
    [
        (None, None, b"same", OPTIONS, "ask"),
        (None, known(), b"same", OPTIONS, UNCHANGED),
        (None, known(outcome=Action.SKIPPED), b"same", OPTIONS, SKIPPED),
        (None, known(), b"other", OPTIONS, "ask"),
        (None, known(in_place=False), b"same", OPTIONS, "ask"),
        (None, known(), b"same", FULL, "ask"),
        (None, known(in_place=False), b"same", FULL, "ask"),
        (None, known(outcome=Action.SKIPPED), b"same", FULL, "ask"),
        ({f"{PREFIX}/ssa": "Ignore"}, None, b"same", FULL, Done(REF, Action.SKIPPED)),
        ({f"{PREFIX}/ssa": "ignore"}, None, b"same", FULL, Done(REF, Action.SKIPPED)),
        ({f"{PREFIX}/reconcile": "disabled"}, known(), b"same", FULL, SKIPPED),
        ({f"{PREFIX}/ssa": "Merge"}, None, b"same", OPTIONS, "look"),
        ({f"{PREFIX}/ssa": "Merge"}, known(), b"same", OPTIONS, UNCHANGED),
        ({f"{PREFIX}/ssa": "IfNotPresent"}, None, b"same", OPTIONS, "look"),
        ({f"{PREFIX}/ssa": "IfNotPresent"}, known(outcome=Action.SKIPPED), b"same", FULL, "look"),
    ],
)
@pytest.mark.parametrize("where", ["annotations", "labels"])
def test_what_to_do_first(
    annotations: dict[str, str] | None,
    state: KnownState | None,
    digest: bytes,
    options: ApplyOptions,
    expected: Done | str,
    where: str,
) -> None:
    obj = desired(digest, **{where: annotations})
    step = ToAsk(obj, state, look=expected == "look") if isinstance(expected, str) else expected
    assert plan(obj, state, options) == step


@pytest.mark.parametrize(
    ("state", "digest", "alone"),
    [
        (known(), b"other", True),
        (known(), b"same", False),
        (known(in_place=False), b"other", False),
        (known(outcome=Action.SKIPPED), b"other", False),
    ],
)
def test_only_a_change_from_git_is_sent_without_a_question(
    state: KnownState, digest: bytes, alone: bool
) -> None:
    assert may_send_alone(state, digest) is alone
    question = ToAsk(desired(digest), state)
    expected = ToSendAlone(question.desired, state) if alone else question
    assert without_needless_question([UNCHANGED, question]) == [UNCHANGED, expected]


@pytest.mark.parametrize(
    "other",
    [
        ToAsk(desired(b"other"), None),
        ToAsk(desired(b"other"), known(), look=True),
        ToAsk(desired(b"other", rules=(CompiledIgnoreRule((("data", "n"),)),)), known()),
    ],
    ids=["unknown", "marked", "with ignored fields"],
)
def test_what_is_asked_about_although_it_is_alone(other: ToAsk) -> None:
    assert without_needless_question([UNCHANGED, other]) == [UNCHANGED, other]


def test_of_two_changes_both_are_asked_about() -> None:
    questions = [ToAsk(desired(b"one"), known()), ToAsk(desired(b"two"), known())]
    assert without_needless_question(questions) == questions
