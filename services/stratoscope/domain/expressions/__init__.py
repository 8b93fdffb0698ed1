"""Expressions: what may be written, and which parts of a document it looks at."""
