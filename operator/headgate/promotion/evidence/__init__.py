"""What each environment runs, since when, and how this is known.

model   the values
facts   what evidence proves: the commit that runs healthy, and for how long its content has
"""
