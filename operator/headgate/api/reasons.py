"""Condition types and reasons. The same as Flux's.

Types with abnormal-true polarity are present only while they are True (Kubernetes API conventions).
"""

from __future__ import annotations

from typing import Final

# Condition types of both custom resources.
READY: Final = "Ready"
RECONCILING: Final = "Reconciling"
"""Abnormal-true."""
STALLED: Final = "Stalled"
"""Abnormal-true: only a change of the spec helps."""

# Condition types of Kustomization.
HEALTHY: Final = "Healthy"

# Condition types of sources.
ARTIFACT_IN_STORAGE: Final = "ArtifactInStorage"
ARTIFACT_OUTDATED: Final = "ArtifactOutdated"
"""Abnormal-true."""
FETCH_FAILED: Final = "FetchFailed"
"""Abnormal-true."""
BUILD_FAILED_CONDITION: Final = "BuildFailed"
"""Abnormal-true."""
STORAGE_OPERATION_FAILED: Final = "StorageOperationFailed"
"""Abnormal-true."""
INCLUDE_UNAVAILABLE: Final = "IncludeUnavailable"
"""Abnormal-true."""
SOURCE_VERIFIED: Final = "SourceVerified"

# Reasons of any condition.
SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"
PROGRESSING: Final = "Progressing"
PROGRESSING_WITH_RETRY: Final = "ProgressingWithRetry"
SUSPENDED: Final = "Suspended"
INVALID_PATH: Final = "InvalidPath"
INVALID_URL: Final = "InvalidURL"
FEATURE_GATE_DISABLED: Final = "FeatureGateDisabled"
INVALID_CEL_EXPRESSION: Final = "InvalidCELExpression"
ACCESS_DENIED: Final = "AccessDenied"
INVALID_SPEC: Final = "InvalidSpec"
"""Ours: a value that the CRD should have refused."""

# Reasons of a Receiver's conditions.
TOKEN_NOT_FOUND: Final = "TokenNotFound"  # noqa: S105 - no token
VALIDATION_FAILED: Final = "ValidationFailed"

# Reasons of a Kustomization's conditions.
RECONCILIATION_SUCCEEDED: Final = "ReconciliationSucceeded"
RECONCILIATION_FAILED: Final = "ReconciliationFailed"
DEPENDENCY_NOT_READY: Final = "DependencyNotReady"
ARTIFACT_FAILED: Final = "ArtifactFailed"
BUILD_FAILED: Final = "BuildFailed"
PRUNE_FAILED: Final = "PruneFailed"
HEALTH_CHECK_FAILED: Final = "HealthCheckFailed"
HEALTH_CHECK_CANCELED: Final = "HealthCheckCanceled"

# Reasons of a source's conditions and events.
NEW_ARTIFACT: Final = "NewArtifact"
NEW_REVISION: Final = "NewRevision"
NO_ARTIFACT: Final = "NoArtifact"
ARTIFACT_UP_TO_DATE: Final = "ArtifactUpToDate"
INCLUDE_CHANGE: Final = "IncludeChange"
GIT_OPERATION_SUCCEEDED: Final = "GitOperationSucceeded"
GIT_OPERATION_FAILED: Final = "GitOperationFailed"
EMPTY_GIT_REPOSITORY: Final = "EmptyGitRepository"
URL_INVALID: Final = "URLInvalid"
AUTHENTICATION_FAILED: Final = "AuthenticationFailed"
INVALID_PROVIDER_CONFIGURATION: Final = "InvalidProviderConfiguration"
SOURCE_IGNORE_ERROR: Final = "SourceIgnoreError"
NOT_FOUND: Final = "NotFound"
ILLEGAL_PATH: Final = "IllegalPath"
COPY_FAILURE: Final = "CopyFailure"
DIR_CREATION_FAILED: Final = "DirectoryCreationFailed"
STAT_OPERATION_FAILED: Final = "StatOperationFailed"
READ_OPERATION_FAILED: Final = "ReadOperationFailed"
ARCHIVE_OPERATION_FAILED: Final = "ArchiveOperationFailed"
SYMLINK_UPDATE_FAILED: Final = "SymlinkUpdateFailed"
ACQUIRE_LOCK_FAILED: Final = "AcquireLockFailed"
CACHE_OPERATION_FAILED: Final = "CacheOperationFailed"
PATCH_OPERATION_FAILED: Final = "PatchOperationFailed"
ARTIFACT_VERIFICATION_FAILED: Final = "ArtifactVerificationFailed"
GARBAGE_COLLECTION_SUCCEEDED: Final = "GarbageCollectionSucceeded"
GARBAGE_COLLECTION_FAILED: Final = "GarbageCollectionFailed"
VERIFICATION_ERROR: Final = "VerificationError"
INVALID_GIT_OBJECT: Final = "InvalidGitObject"
INVALID_COMMIT_SIGNATURE: Final = "InvalidCommitSignature"
INVALID_TAG_SIGNATURE: Final = "InvalidTagSignature"
INVALID_VERIFICATION_MODE: Final = "InvalidVerificationMode"
