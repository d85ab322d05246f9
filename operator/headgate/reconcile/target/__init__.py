"""The target cluster of a Kustomization: the account, the state of its objects there, and who may read them.

``targets``                        the target cluster and account of a Kustomization
``applying``                       applies and prunes there
``read_access``                    read access: whose rights apply, and so what messages may reveal
``live``, ``watches``, ``drift``   the present state of managed objects; who changed them
``clusters``                       connections to remote clusters
``kubeconfig``, ``remote``, ``clouds``  access to a remote cluster: a Secret, a ConfigMap, a cloud's identity
``tokens``                         issued by the API server for service accounts
``errors``                         the cluster or the account cannot be used
"""
