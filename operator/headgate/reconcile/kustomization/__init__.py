"""Reconciles Kustomizations. Start reading in :mod:`.reconciler`, which calls the other modules in their order."""
