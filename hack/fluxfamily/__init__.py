"""Flux's own controllers and the command ``flux``, for tests that run them together with Headgate.

    built = fluxfamily.ensure("notification-controller", progress)
    with fluxfamily.running(built, kubeconfig, folder, ["--events-addr=127.0.0.1:9090", ...]) as controller:
        ...

- ``building``: builds a program once per user, from the Go module that ``pins.toml`` pins, into the same cache as the
  control plane.
- ``processes``: a controller as a process on loopback.
"""

from fluxfamily.building import Built, ensure
from fluxfamily.processes import Controller, running

__all__ = ["Built", "Controller", "ensure", "running"]
