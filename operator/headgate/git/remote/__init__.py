"""The Git server.

client     ls-remote and fetch, within one time limit
reflists   one ls-remote for all sources on one remote
failures   why Git failed, from its messages
"""
