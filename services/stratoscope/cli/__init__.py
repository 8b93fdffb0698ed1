"""The commands: they parse and print, and hold no logic."""
