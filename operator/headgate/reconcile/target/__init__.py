"""Where a Kustomization is applied, as whom, what its objects look like there, and who may see them.

targets                    the cluster and account of a Kustomization
applying                   applies and prunes there
sight                      with whose rights something is read, and so what may be reported of it
live, watches, drift       the managed objects as they are now; who changed them
clusters                   connections to other clusters
kubeconfig, remote, clouds the ways there: a Secret, a ConfigMap, a cloud's identity
tokens                     of service accounts
errors                     the cluster or the account cannot be used
"""
