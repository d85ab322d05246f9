"""The commit that ``spec.ref`` selects. Pure.

reference   its fields, the refs to request from a remote, the selected commit
semver      version ranges with Flux's rules
"""
