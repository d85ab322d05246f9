"""From paths that a kustomization names to the objects in the files there."""
