"""Comparisons as texts and pages."""
