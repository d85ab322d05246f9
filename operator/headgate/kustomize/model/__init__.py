"""What users write for kustomize, as types.

kustomization_file   the kustomization file: each class declares its fields once
decode               the decoder that follows from the classes, with errors that name the field
transformer_config   which fields of which kinds the transformers touch
defaults             what kustomize touches without configuration
crds                 ``crds``: such fields, read from OpenAPI definitions of custom resources
"""
