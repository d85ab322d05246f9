"""Secret values in texts for people."""

from __future__ import annotations

import base64

import pytest

from headgate.postbuild import Masks
from headgate.postbuild.masks import LONGEST_TEXT


@pytest.mark.parametrize(
    ("value", "text", "masked"),
    [
        ("hunter2hunter2", "refused: hunter2hunter2!", "refused: ***!"),
        ("hunter2\n", 'Invalid value: "hunter2\\n"', 'Invalid value: "***"'),
        ('a "quoted" one', 'value "a \\"quoted\\" one"', 'value "***"'),
        ("first line of it\nsecond line of it", "line 2: second line of it", "line 2: ***"),
        ("hunter2hunter2", f"data {base64.b64encode(b'hunter2hunter2').decode()}", "data ***"),
        ("prod", "Deployment/prod/web", "Deployment/prod/web"),
        ("key: v\nmetadata:\n", "metadata.labels: Invalid value", "metadata.labels: Invalid value"),
    ],
)
def test_a_value_is_masked_in_each_of_its_forms(value: str, text: str, masked: str) -> None:
    assert Masks([value])(text) == masked


def test_the_longest_value_goes_first() -> None:
    assert Masks(["secret", "secret-and-more"])("secret-and-more") == "***"


def test_names_can_be_taken_out_and_nothing_is_shown() -> None:
    masks = Masks(["staging"]) | Masks(["password"])
    masks.forget(["staging"])
    assert masks("staging password") == "staging ***"
    assert "password" not in repr(masks)


def test_a_very_long_text_is_cut_and_no_part_of_a_value_is_left_at_its_end() -> None:
    value = "s3cret-" * 1_000
    for before in range(LONGEST_TEXT - len(value) - 5, LONGEST_TEXT + 5, 997):
        says = Masks([value])("x" * before + value * 40)
        assert "s3cret" not in says
        assert len(says) <= LONGEST_TEXT
        assert says.endswith("...")
