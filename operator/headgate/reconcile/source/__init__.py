"""Reconciles GitRepositories, and fetches the artifacts of sources that other controllers reconcile."""
