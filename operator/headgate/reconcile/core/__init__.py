"""What every reconciler works with: the queue and its workers, the store of custom resources, and the configuration."""
