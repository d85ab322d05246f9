"""Warning headers of an API server become texts."""

import pytest
from multidict import CIMultiDict

from headgate.kube import warnings_in
from headgate.kube.warnings import LENGTH, LIMIT


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([], []),
        (['299 - "v1 Endpoints is deprecated"'], ["v1 Endpoints is deprecated"]),
        (['299 - "one"', '299 - "two"', '299 - "one"'], ["one", "two"]),
        (['299 - "one", 299 - "two, with a comma"'], ["one", "two, with a comma"]),
        (['299 - "a \\"quoted\\" word"'], ['a "quoted" word']),
        (['199 - "of a proxy"', "299", "nonsense"], []),
        ([f'299 - "{"x" * 1000}"'], ["x" * LENGTH]),
        ([f'299 - "{n}"' for n in range(100)], [str(n) for n in range(LIMIT)]),
    ],
)
def test_texts(values: list[str], texts: list[str]) -> None:
    assert warnings_in(CIMultiDict([("warning", value) for value in values])) == texts


def test_an_ordinary_mapping_will_do() -> None:
    assert warnings_in({"Warning": '299 - "one"'}) == ["one"]
    assert warnings_in({}) == []
