"""Who may see what of the status page.

identity  a user as the API server knows one; why somebody is refused
gates     how callers prove who they are, for each value of ``--ui-auth``
reviews   what the API server says of tokens and rights
answers   answers that count for a while: bounded, requested once for all
sessions  logins, kept in memory
pace      how often clients may try to log in
proxied   users that a proxy names in headers
hosts     which values of ``Host`` mean this page
origins   whether a request that changes something comes from our own pages
"""
