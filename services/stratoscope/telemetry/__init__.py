"""Logs, metrics and health of a service."""
