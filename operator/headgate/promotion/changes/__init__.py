"""Two renderings of an environment compared: what is added, removed and changed, and what is dangerous. Pure.

    change = compare(before, after, Stage.ON_MERGE, "branch main")

model            the values
compare          two renderings of one environment
environments     two environments as they run
pairing          which object is which
kustomizations   what happens to a Kustomization, and what it takes with it
objects          what happens to one object
immutable        fields that the API server does not let change
ignored          fields that ``spec.ignore`` leaves to others
workloads        images and replicas
hiding           what may be shown: no values of Secrets
fields           the fields that differ
shapes, values   how lists merge; when two values are equal
paths            where fields are, and the patterns of ``expect``
"""
