"""What happens to objects between the build and the apply: decryption, then variable substitution.

Pure: no cluster, no clock, no other part of headgate. `substitute` replaces variables in built objects,
`headgate.postbuild.sops` decrypts what SOPS encrypted.
"""
