"""Changes and environments as text, Markdown and JSON. Pure."""
