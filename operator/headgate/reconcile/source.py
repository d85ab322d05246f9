"""Reconciles one GitRepository: asks the remote for its refs, fetches what is new, stores the artifact.

The remote is asked first (``ls-remote``): one small request tells which commit the reference names now. Only
when that commit, or what shapes the artifact (``ignore``), differs from what is stored is anything fetched.
The new tree is put where the Kustomizations' reconcilers find it before the status tells of the new revision,
and the status is written before they are woken.

Git runs in worker threads. How many run at once is bounded by the number of workers of this controller, so a
remote that hangs holds up one worker until the timeout, and only sources; Kustomizations have their own.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headgate.api import GitRepository, InvalidSpec, ObjectKey, format_duration, labels, reasons
from headgate.git import (
    ArtifactStorage,
    Credentials,
    CredentialsError,
    GitError,
    Repositories,
    Resolved,
)
from headgate.kube import ApiError, Client, Conflict, NotFound, ObjectRef, ref_of
from headgate.reconcile.config import Config
from headgate.reconcile.controller import NOTHING_MORE, Backoff, Outcome
from headgate.reconcile.events import NORMAL, WARNING, Event, EventRecorder
from headgate.reconcile.queue import Trigger
from headgate.reconcile.status import StatusSession
from headgate.reconcile.store import GIT_REPOSITORY, SourceKey, Store
from headgate.reconcile.trees import SourceTrees

Obj = dict[str, Any]

_log = logging.getLogger("headgate.source")

COMPONENT = "source-controller"
"""The name events are told under, and the field manager of status and finalizers."""
