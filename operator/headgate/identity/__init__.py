"""A service account of the cluster as an identity at a cloud: for key services and for remote clusters.

account   the service account: its tokens and annotations
gcp       its credentials at Google Cloud
"""

from __future__ import annotations

from headgate.identity.account import IdentityRefused, WorkloadIdentity

__all__ = ["IdentityRefused", "WorkloadIdentity"]
