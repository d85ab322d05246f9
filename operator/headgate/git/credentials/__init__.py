"""What a remote is accessed with.

secret      credentials from a Secret's data
proxy       the proxy of spec.proxySecretRef; tunnel takes ssh through it
providers   credentials by spec.provider: githubapp, clouds
access      all of these as the environment and configuration of one Git command
"""
