"""What each environment runs, since when, and how this is known.

model   the values
"""
