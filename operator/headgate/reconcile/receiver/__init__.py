"""Reconciles Receivers, and turns calls of their webhooks into requests to reconcile."""
