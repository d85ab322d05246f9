"""Pull requests and comments at GitHub, GitLab, Gitea and Forgejo.

model        the values
opening      from a remote, flags and the environment to a client
comments     the comment that a command keeps up to date
repository   which repository at which forge, from a remote's URL
ci           what the environment of a CI job says
tokens       where the token comes from, and for which server it is
pushing      a pull request with the right to push only
markup       what a forge would carry out in a text
fluxstatus   the contexts of commit statuses that Flux writes
client       what all clients do: look, create or update, explain refusals
github, gitlab, gitea   the requests of each forge
githubapi    the requests that GitHub and Gitea have in common
answers      parts of JSON of others
http         requests: one host, bounded, repeated where that is safe

Only a command that speaks to a forge imports ``client`` and what is above it: ``opening`` and ``comments`` do.
"""
