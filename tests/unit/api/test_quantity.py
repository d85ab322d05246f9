"""Sizes as Kubernetes writes them."""

from __future__ import annotations

import pytest

from headgate.api.quantity import format_bytes, parse_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("64Ki", 65536),
        ("32Mi", 33554432),
        ("1Gi", 2**30),
        ("5M", 5_000_000),
        ("2k", 2000),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_bytes(text) == size
    assert parse_bytes(format_bytes(size)) == size


@pytest.mark.parametrize("text", ["", "Mi", "-1", "1.5Mi", "32 Mi", "32MiB", "32m", "1" * 16])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="for example 64Ki or 32Mi"):
        parse_bytes(text)


@pytest.mark.parametrize(("size", "text"), [(1024, "1Ki"), (1536, "1536"), (2**25, "32Mi"), (0, "0")])
def test_sizes_are_written(size: int, text: str) -> None:
    assert format_bytes(size) == text
