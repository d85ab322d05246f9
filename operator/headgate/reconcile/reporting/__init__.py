"""What users learn.

status       a working copy of a status, and its writes
events       Kubernetes Events, written in the background
notify       the same events to a notification controller
measure      how long the steps of a reconcile take, for the metrics
unexpected   errors that nobody expects, in words without data
"""
