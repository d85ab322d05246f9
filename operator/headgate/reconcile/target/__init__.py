"""Where a Kustomization is applied, as whom, what its objects look like there, and who may see them."""
