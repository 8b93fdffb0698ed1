"""The version of the wheel, of both source roots at once."""

__version__ = "0.1.0"
