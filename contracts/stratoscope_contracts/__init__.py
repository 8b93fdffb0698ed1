"""The wire contract: models of every record and verb, subjects and error codes."""
