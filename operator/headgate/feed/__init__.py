"""What the reconcilers know, handed over to the status page. Nothing here exists while the page is off.

feed         the part of the program that hands over what has changed
memory       what the reconcilers report and nobody else keeps, bounded
work         what is at work now
watched      the health of applied objects, as the watches show them
evidence     why a health check fails, read once and not for each view
contact      whether the API server answers
live_diff    what the next apply would change, on request
differences  the same as the page shows it
comparable   what the operator would apply now
"""
