"""The pure part: state, delta, timeline, causality, comparison. No I/O, clock, randomness."""
