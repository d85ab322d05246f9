"""The one error of this package."""

from __future__ import annotations


class ReleaseError(Exception):
    """A release that cannot be made as asked; the message says why, for the person who makes it."""
