"""Stratoscope records agents and lets an operator stand at any moment of their run."""
