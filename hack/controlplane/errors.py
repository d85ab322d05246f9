"""What may go wrong with a test cluster; messages are for the person at the terminal."""

from __future__ import annotations


class ClusterError(Exception):
    """No cluster could be had; the message says why and where to look."""


class BuildFailed(ClusterError):
    """A binary of the control plane could not be built."""


class StartFailed(ClusterError):
    """The control plane did not come up; the message ends with the log of the part that failed."""


class PortTaken(StartFailed):
    """Another process took a port between its choice and its use; another start will do."""
