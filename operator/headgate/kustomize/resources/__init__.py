"""Objects on their way through a build: their identities, their history, and the collection they are in."""
