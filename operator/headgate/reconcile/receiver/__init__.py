"""Receivers, and the calls of their webhooks.

reconciler   gives each Receiver its path, and answers the calls of the path
requests     finds the objects that a call requests, and annotates them
"""
