"""The build of a Kustomization: from a source tree, variables and keys to the objects to apply.

building        where builds run: on which tree, in which threads
builds          the build itself; pure, runs in a thread
clusterinputs   what it gets from the cluster: keys, values of variables
inputs          reads these from the cluster
keys            reads the keys of ``spec.decryption`` and of the operator
decryption      decrypts files and objects during a build
datakeys        caches opened data keys
outages         key services that do not respond
shape           what an object must look like before anything reads its fields
errors          further errors of a build, and how they end the attempt
"""
