"""The rights that deploy/ gives are enough for all that the other tests have made the operator do."""

from __future__ import annotations

import re

import pytest

from sandbox import operator
from tests.support.operator import ACCOUNT, NAMESPACE

pytestmark = pytest.mark.e2e

# Refused are also tenants' accounts, users of other clusters, and everybody in a namespace that is going: on purpose.
_WE = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"


def test_nothing_was_forbidden(shared_operator: operator.Operator) -> None:
    log = shared_operator.log.read_text().splitlines()
    forbidden = [line for line in log if re.search(r"forbidden|\b403\b", line, re.IGNORECASE)]
    assert [line for line in forbidden if _WE in line] == []


def test_nothing_unexpected_happened(shared_operator: operator.Operator) -> None:
    assert [line for line in shared_operator.log.read_text().splitlines() if "Traceback" in line] == []
