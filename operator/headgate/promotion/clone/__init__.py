"""The user's clone of the repository: revisions, trees, refs, and what is pushed."""
