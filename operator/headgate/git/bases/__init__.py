"""What kustomizations name by URL, fetched for the build engine.

fetcher    bases and files, as the engine asks for them
download   one file over HTTP
peers      connections that do not lead back into the machine
"""
