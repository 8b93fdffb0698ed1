"""Recordings that are taken elsewhere: what an export has to be, and what an import makes of it.

`checking` folds the members of an export as they come and refuses what an import could not take
whole; `mapping` turns its records into new ones; `landing` finds where its places have come to.
"""
