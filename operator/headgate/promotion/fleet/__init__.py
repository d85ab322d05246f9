"""From a cluster folder to all Kustomizations and their objects, as the operator would build them.

rendering   the values
"""
