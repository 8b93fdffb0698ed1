"""The verbs that compare; the work is done here where it is short, else in a process of its own."""
