"""Many conditions at once: which of them a record could hit, and what a hit is."""
