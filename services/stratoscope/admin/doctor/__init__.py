"""Is all as it has to be? A check a module's function, each a line with what to do."""
