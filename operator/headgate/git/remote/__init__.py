"""The Git server.

client     ls-remote and fetch, within one timeout
reflists   one ls-remote for all sources on one remote
failures   the cause of a failure, from Git's messages
races      whether a push failed because the ref has changed
"""
