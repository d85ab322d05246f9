"""Builds one kustomization file: reads it, collects the resources it includes, applies its steps in order.

target       one kustomization file from beginning to end; start reading here
steps        the steps of its fields, in kustomize's order
plugins      steps configured by objects
patchfiles   patches, from files or inline
"""
