"""A real agent's run that goes wrong, and a tour of it."""
