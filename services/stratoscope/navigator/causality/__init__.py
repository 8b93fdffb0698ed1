"""The verbs that follow causes."""
