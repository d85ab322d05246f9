"""The rights that deploy/ gives are enough for all that the other tests have made the operator do."""

from __future__ import annotations

import re

import pytest

from sandbox import operator

pytestmark = pytest.mark.e2e

# Told on purpose by tests of missing service accounts: what somebody else, impersonated, may not do. And nobody may
# create anything in a namespace or of a kind that is going, whatever his rights.
_NOT_OUR_RIGHTS = re.compile(
    r"not-there|because it is being terminated|while custom resource definition is terminating"
    r"|system:anonymous|on-the-other-cluster|the-other-cluster"
)


def test_nothing_was_forbidden(shared_operator: operator.Operator) -> None:
    log = shared_operator.log.read_text().splitlines()
    forbidden = [line for line in log if re.search(r"forbidden|\b403\b", line, re.IGNORECASE)]
    assert [line for line in forbidden if not _NOT_OUR_RIGHTS.search(line)] == []


def test_nothing_unexpected_happened(shared_operator: operator.Operator) -> None:
    assert [line for line in shared_operator.log.read_text().splitlines() if "Traceback" in line] == []
