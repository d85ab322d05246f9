"""Paths of fields in all notations that kustomize has, and the walks to what they lead to."""
