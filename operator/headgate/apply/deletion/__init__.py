"""Deletes objects: :mod:`.prune` decides and deletes, :mod:`.lookup` finds the definitions of unknown kinds."""
