"""Pull requests and comments at GitHub, GitLab, Gitea and Forgejo.

model   the values
"""
