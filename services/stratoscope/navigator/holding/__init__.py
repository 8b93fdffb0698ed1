"""Holding live agents: the verbs, the gate's answer, and how holds end."""
