"""The build of a Kustomization: from a source's tree, variables and keys to the objects to apply.

building   where builds run: on which tree, in which threads
builds     the build itself; pure, runs in a thread
inputs     what it takes from the cluster: keys, values of variables
keys       those of ``spec.decryption``, and of the operator
decryption which files and objects are decrypted, with which keys
datakeys   data keys that were opened before
outages    key services that do not answer
shape      what an object must look like before anything reads its fields
errors     what can be wrong besides kustomize's errors, and how that ends the attempt
"""
