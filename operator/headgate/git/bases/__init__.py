"""Remote bases and files, fetched for the build engine.

fetcher    fetches bases and files for the engine
download   downloads one file over HTTP
peers      connections that cannot reach forbidden addresses
"""
