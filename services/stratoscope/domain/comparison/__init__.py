"""What two states have in common and what not: which places count, how much, and how it is told."""
