"""Agent frameworks, recorded with one line."""
