"""Git itself as a child process.

process       hardened, bounded in time, memory and output
memory        a bound for all Git processes together
secretfiles   secrets that a child process reads as files
httptrace     the last answer of an HTTP server, from Git's trace
"""
