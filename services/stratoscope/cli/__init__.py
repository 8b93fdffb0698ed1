"""Parses and prints; holds no logic."""
