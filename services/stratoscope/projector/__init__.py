"""From the log to the read models: one batch, one transaction."""
