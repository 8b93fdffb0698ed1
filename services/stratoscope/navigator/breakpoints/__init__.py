"""Breakpoints as they are asked for: set, looked at, switched on and off, and asked of the past.

`setting` makes them, `keeping` has the other verbs; what watches live agents is in `live`.
"""
