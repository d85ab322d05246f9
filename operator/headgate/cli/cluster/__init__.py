"""What the commands share that read a cluster as their user: options, exit status, reading, printing.

options   --kubeconfig and the like, -o, exit status, errors as messages
names     KIND/NAME arguments, and their completion
reading   lists of custom resources, each kind once
evidence  managed objects, pods and events, as far as the user may read them
live      the same objects from watches
output    text with or without color, JSON, YAML
wording   reports, causes and trees as text
history   the clone, as far as it knows the history of revisions
observing one object from a watch, and changes to it
loglines  lines of the operator's log
saying    why something fails, for commands that wait
"""
