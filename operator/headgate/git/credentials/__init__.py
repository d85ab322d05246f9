"""What a remote is accessed with.

secret       credentials from the data of a Secret
proxy        the proxy of ``spec.proxySecretRef``; tunnel takes ssh through it
providers    credentials by ``spec.provider``
githubapp    of a GitHub App
clouds       of Azure and AWS
access       all of these as the environment and configuration of one Git command
"""
