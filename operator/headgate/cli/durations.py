"""Durations as options: Go's notation, as in ``--timeout 5m``."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["DURATION"]


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from headgate.durations import DurationInvalid, parse_duration

        if isinstance(value, float):
            return value
        try:
            seconds = parse_duration(str(value))
        except DurationInvalid as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail(f"{value!r} is not a positive duration", param, ctx)
        return seconds


DURATION = _Duration()
"""Seconds, more than 0."""
