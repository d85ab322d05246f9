"""Reports to users.

status       a working copy of a status, and its writes
events       Kubernetes Events, written in the background
notify       the same events to a notification controller
measure      durations of the steps of a reconcile, for the metrics
unexpected   errors that nobody foresaw, in words without data
"""
