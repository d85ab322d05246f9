"""The files that users write for kustomize, as types.

kustomization_file   the kustomization file: each class declares its fields once
decode               the decoder derived from the classes, with errors that name the field
transformer_config   the fields of each kind that transformers change
defaults             the default configuration of kustomize
crds                 ``crds``: such fields, read from OpenAPI definitions of custom resources
"""
