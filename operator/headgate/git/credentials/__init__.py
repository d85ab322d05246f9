"""Credentials for remotes.

secret       credentials from the data of a Secret
proxy        the proxy of ``spec.proxySecretRef``; tunnel connects ssh through it
providers    credentials by ``spec.provider``
githubapp    credentials of a GitHub App
clouds       credentials of Azure and AWS
signing      the SSH key that signs what the operator publishes
access       turns them into the environment and configuration of one Git command
"""
