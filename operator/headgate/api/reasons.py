"""Condition types and reasons: those of Flux that Headgate uses, and a few that only Headgate has.

Types with abnormal-true polarity are present only while they are True (Kubernetes API conventions).
"""

from __future__ import annotations

from typing import Final

# Condition types of both custom resources.
READY: Final = "Ready"
RECONCILING: Final = "Reconciling"
"""Abnormal-true."""
STALLED: Final = "Stalled"
"""Abnormal-true: no retry until the spec changes."""

# Condition types of Kustomization.
HEALTHY: Final = "Healthy"

# Condition types of sources.
ARTIFACT_IN_STORAGE: Final = "ArtifactInStorage"
ARTIFACT_OUTDATED: Final = "ArtifactOutdated"
"""Abnormal-true."""
FETCH_FAILED: Final = "FetchFailed"
"""Abnormal-true."""
STORAGE_OPERATION_FAILED: Final = "StorageOperationFailed"
"""Abnormal-true."""
INCLUDE_UNAVAILABLE: Final = "IncludeUnavailable"
"""Abnormal-true."""
SOURCE_VERIFIED: Final = "SourceVerified"
REVISION_HELD: Final = "RevisionHeld"
"""Headgate's, abnormal-true, and of an event: a new revision is not let in, by an annotation."""

# Reasons of RevisionHeld. All are Headgate's.
ON_HOLD: Final = "OnHold"
WINDOW_CLOSED: Final = "WindowClosed"
INVALID_ANNOTATION: Final = "InvalidAnnotation"
"""Also of an event."""

# Reasons of any condition.
SUCCEEDED: Final = "Succeeded"
PROGRESSING: Final = "Progressing"
PROGRESSING_WITH_RETRY: Final = "ProgressingWithRetry"
INVALID_CEL_EXPRESSION: Final = "InvalidCELExpression"
INVALID_SPEC: Final = "InvalidSpec"
"""Headgate's: a value that the CRD should have refused."""

# Reasons of a Receiver's conditions and events.
FAILED: Final = "Failed"
TOKEN_NOT_FOUND: Final = "TokenNotFound"  # noqa: S105 - no token
VALIDATION_FAILED: Final = "ValidationFailed"

# Reasons of a Kustomization's conditions and events.
RECONCILIATION_SUCCEEDED: Final = "ReconciliationSucceeded"
RECONCILIATION_FAILED: Final = "ReconciliationFailed"
DEPENDENCY_NOT_READY: Final = "DependencyNotReady"
ACCESS_DENIED: Final = "AccessDenied"
ARTIFACT_FAILED: Final = "ArtifactFailed"
BUILD_FAILED: Final = "BuildFailed"
PRUNE_FAILED: Final = "PruneFailed"
HEALTH_CHECK_FAILED: Final = "HealthCheckFailed"
DRIFT_DETECTED: Final = "DriftDetected"
"""Headgate's, for an event."""
BUILD_WARNING: Final = "BuildWarning"
"""Headgate's, for an event."""
UNKNOWN_FIELDS: Final = "UnknownFields"
"""Headgate's, for an event."""
API_WARNING: Final = "APIWarning"
"""Headgate's, for an event."""

# Reasons of a source's conditions and events.
NEW_ARTIFACT: Final = "NewArtifact"
NEW_REVISION: Final = "NewRevision"
NO_ARTIFACT: Final = "NoArtifact"
GARBAGE_COLLECTION_FAILED: Final = "GarbageCollectionFailed"
GARBAGE_COLLECTION_SUCCEEDED: Final = "GarbageCollectionSucceeded"
INCLUDE_CHANGE: Final = "IncludeChange"
GIT_OPERATION_SUCCEEDED: Final = "GitOperationSucceeded"
GIT_OPERATION_FAILED: Final = "GitOperationFailed"
EMPTY_GIT_REPOSITORY: Final = "EmptyGitRepository"
FEATURE_GATE_DISABLED: Final = "FeatureGateDisabled"
URL_INVALID: Final = "URLInvalid"
AUTHENTICATION_FAILED: Final = "AuthenticationFailed"
INVALID_PROVIDER_CONFIGURATION: Final = "InvalidProviderConfiguration"
SOURCE_IGNORE_ERROR: Final = "SourceIgnoreError"
NOT_FOUND: Final = "NotFound"
COPY_FAILURE: Final = "CopyFailure"
ARCHIVE_OPERATION_FAILED: Final = "ArchiveOperationFailed"
VERIFICATION_ERROR: Final = "VerificationError"
INVALID_GIT_OBJECT: Final = "InvalidGitObject"
INVALID_COMMIT_SIGNATURE: Final = "InvalidCommitSignature"
INVALID_TAG_SIGNATURE: Final = "InvalidTagSignature"
INVALID_VERIFICATION_MODE: Final = "InvalidVerificationMode"
REPORT_FAILED: Final = "ReportFailed"
"""Headgate's, for an event."""
