"""What each environment runs, since when, and how this is known.

model      the values
facts      what evidence proves: the commit that runs healthy, and for how long its content has
behind     the commits that an environment lacks, and which of them matter to it
objects    evidence from raw objects and from reports
contexts   reads the objects of clusters
reports    reads the reports in a clone, and checks who signed them
statuses   evidence from the commit statuses of a forge
gather     evidence of all environments, from the first origin that has any
summary    each environment in one value, for those who want to see it
"""
