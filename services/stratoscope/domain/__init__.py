"""The pure part: state, patch, delta, timeline, causality, comparison. No I/O, clock or randomness."""
