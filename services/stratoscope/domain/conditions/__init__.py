"""Conditions: what a breakpoint waits for, judged by the same rules live and in the past."""
