"""Headgate: a Kubernetes operator for Flux ``GitRepository`` and ``Kustomization`` objects."""

__version__ = "0.1.0"
