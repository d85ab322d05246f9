"""What ``spec.ref`` asks for. Pure.

reference   its fields, what a remote has to be asked, which commit follows
semver      version ranges, as Flux understands them
"""
