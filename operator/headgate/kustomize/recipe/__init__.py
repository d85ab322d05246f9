"""What one kustomization file orders: it is read, what it includes is gathered, its steps are applied in order.

target       one kustomization from beginning to end; start reading here
steps        the steps of its fields, in kustomize's order
plugins      steps that are configured by objects
patchfiles   patches, from files or inline
"""
