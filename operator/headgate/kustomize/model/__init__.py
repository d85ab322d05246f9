"""The kustomization file and the transformer configuration as typed data, and the decoder that makes them."""
