"""The overlay build engine: a tree of files in, Kubernetes objects out."""
