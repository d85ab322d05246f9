"""Changes and environments as text, Markdown and JSON. Pure.

document   what a command reports, and its summary
text       for a terminal
markdown   for a comment on a pull request, within the forge's limit
as_json    for programs
environments   the environments side by side, as text and as JSON
sections   what the formats for readers have in common
lines      one changed field
escape     foreign text, made harmless
"""
