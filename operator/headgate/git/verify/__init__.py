"""Verification of a revision.

revision    spec.verify: its modes, messages and reasons
signature   signatures of commits and tags, OpenPGP and SSH
signers     who signed, by an allowed_signers file of OpenSSH
"""
