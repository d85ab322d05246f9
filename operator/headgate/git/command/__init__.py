"""Git as a child process.

process       runs Git hardened, with limits on time, memory and output
environment   its environment and configuration: hardened, or those of the user
memory        a memory limit for all Git processes together
secretfiles   secrets that a child process reads as files
httptrace     the last answer of an HTTP server, from Git's trace
"""
